// What a listener of a channel has heard, for tests: each event and each gap, in order.

import type { ChannelName, ChannelPosition } from '../lib/domain/event.ts'
import type { ChannelEvent, EventReader, Joined } from '../lib/events/events.ts'

export type Heard = Joined & {
  /** What was missed and what came since, without positions; `gap` where some could not be had. */
  readonly bodies: string[]
  /** The last one heard of. */
  at(): ChannelPosition
}

/** Fails as soon as an event comes twice, or too early. */
export const hear = async (
  reader: EventReader,
  channel: ChannelName,
  since?: ChannelPosition,
): Promise<Heard> => {
  const bodies: string[] = []
  let at = since
  const take = ({ position, body }: ChannelEvent) => {
    const isNext = at?.epoch === position.epoch && position.number === at.number + 1
    if (at && !isNext)
      throw new Error(`after ${JSON.stringify(at)} came ${JSON.stringify(position)}`)
    at = position
    bodies.push(body)
  }
  const joined = await reader.join(channel, since, {
    onEvent: take,
    onGap(position) {
      at = position
      bodies.push('gap')
    },
  })
  if (joined.missed !== 'too-old') for (const event of joined.missed) take(event)
  at = joined.position
  return { ...joined, bodies, at: () => at as ChannelPosition }
}
