// What one who watches a channel has heard, checked as it comes: each event once, in order, none left out
// but behind a gap. The oracle of the tests that restart servers under watchers. Pure.

import { positionOf, type ChannelPosition } from '../../lib/domain/event.ts'

export type Tally = {
  /** Of the channel: what comes next is after it. */
  at: ChannelPosition | undefined
  events: number
  /** Between two events that were heard. */
  lost: number
  /** Heard before, or older than what was heard before. */
  doubled: number
  gaps: number
  /** Positions at which another heard another event. */
  different: number
}

/** What was heard at each position of a channel, by whoever heard it first. */
export type Heard = Map<string, string>

export const createTally = (): Tally => ({
  at: undefined,
  events: 0,
  lost: 0,
  doubled: 0,
  gaps: 0,
  different: 0,
})

const parse = (text: string): ChannelPosition => {
  const position = positionOf(text)
  if (!position) throw new Error(`no position: ${text}`)
  return position
}

/** The first `subscribed`: where it begins. Later ones answer `since`, and change nothing. */
export const takeJoined = (tally: Tally, text: string): void => {
  tally.at ??= parse(text)
}

export const takeGap = (tally: Tally, text: string): void => {
  tally.gaps++
  tally.at = parse(text)
}

export const takeEvent = (tally: Tally, text: string, id: string, heard: Heard): void => {
  const { at } = tally
  const position = parse(text)
  tally.events++
  const first = heard.get(text)
  if (first === undefined) heard.set(text, id)
  else if (first !== id) tally.different++
  if (at?.epoch !== position.epoch) tally.lost++
  else if (position.number <= at.number) {
    tally.doubled++
    return
  } else tally.lost += position.number - at.number - 1
  tally.at = position
}
