// The seam between those who change something and those who watch it. Whoever changes appends events to
// channels; every server process hears what its own clients watch, each event once and in order.

import type { ChannelName, ChannelPosition } from '../domain/event.ts'

/** What came of one batch of changes. */
export type EventBatch = {
  /** Who appends: a partition of a log. */
  readonly source: string
  /** Grows with each batch of a source. One that is not above the last was appended before: nothing happens. */
  readonly number: number
  readonly events: readonly NewEvent[]
}
export type NewEvent = {
  readonly channel: ChannelName
  /** JSON, as clients are sent it. */
  readonly body: string
}

export interface EventAppender {
  /** Rejects when it is not known whether they were kept: to append them again is safe. */
  append(batch: EventBatch): Promise<void>
  close(): Promise<void>
}

export type ChannelEvent = { readonly position: ChannelPosition; readonly body: string }

export type Joined = {
  /** What the listener hears comes after this. */
  readonly position: ChannelPosition
  /** What came after the position that was asked for; too old: it can't be had, read the list anew. */
  readonly missed: readonly ChannelEvent[] | 'too-old'
  leave(): void
}

export type ChannelListener = {
  onEvent(event: ChannelEvent): void
  /** Some events can't be had: read the list anew. What is heard then comes after this position. */
  onGap(position: ChannelPosition): void
}

export interface EventReader {
  /** Rejects while the events can't be read; then nothing is heard. */
  join(
    channel: ChannelName,
    since: ChannelPosition | undefined,
    listener: ChannelListener,
  ): Promise<Joined>
  /** What stands in the way of hearing all that happens; undefined: nothing. */
  fault(): string | undefined
  close(): Promise<void>
}
