// Pure: events that were appended together are kept and sent together, one line each. A stream of single
// events costs its store several times as much.

import { keptEvents, type ChannelName, type ChannelPosition } from '../domain/event.ts'
import type { ChannelEvent, EventBatch } from './events.ts'

/** What one batch has for one channel. */
export type Part = {
  readonly source: string | undefined
  readonly number: number
  /** How many numbers they take. */
  readonly count: number
  /** The last of them; fewer than `count` when the others can't be had. */
  readonly bodies: readonly string[]
}

/** A channel's parts, in order. */
export const partsByChannel = (batches: readonly EventBatch[]): Map<ChannelName, Part[]> => {
  const channels = new Map<ChannelName, Part[]>()
  for (const { source, number, events } of batches) {
    const own = new Map<ChannelName, { count: number; bodies: string[] }>()
    for (const { channel, body } of events) {
      let part = own.get(channel)
      if (!part) own.set(channel, (part = { count: 0, bodies: [] }))
      part.count++
      if (body === undefined) part.bodies = []
      else part.bodies.push(body)
    }
    for (const [channel, { count, bodies }] of own) {
      const part = { source, number, count, bodies: bodies.slice(-keptEvents) }
      const parts = channels.get(channel)
      if (parts) parts.push(part)
      else channels.set(channel, [part])
    }
  }
  return channels
}

export const linesOf = (bodies: readonly string[]): string => bodies.join('\n')

/** What is kept of a channel, or came from it: the bodies of events up to a number. */
export type Chunk = {
  readonly last: number
  /** Empty: that it has come so far is all that is known. */
  readonly lines: string
}

/** Those after `after`, in order. */
export const eventsOf = (
  epoch: string,
  chunks: readonly Chunk[],
  after: number,
): ChannelEvent[] => {
  const events: ChannelEvent[] = []
  for (const { last, lines } of chunks) {
    if (lines === '' || last <= after) continue
    const bodies = lines.split('\n')
    const before = last - bodies.length
    for (const [i, body] of bodies.entries()) {
      const number = before + i + 1
      if (number > after) events.push({ position: { epoch, number }, body })
    }
  }
  return events
}

/** Whether nothing is missing between two positions. `events` are all that are had. */
export const isWhole = (
  events: readonly ChannelEvent[],
  after: number,
  { number: last }: ChannelPosition,
): boolean =>
  events.length === last - after &&
  (events.length === 0 || events[0]?.position.number === after + 1)
