// The seam between those who change something and those who watch it. Whoever changes appends events to
// channels; every server process hears what its own clients watch, each event once and in order.

import type { ChannelName, ChannelPosition } from '../domain/event.ts'

/** What came of one batch of changes. */
export type EventBatch = {
  /** Who appends: a partition of a log. Undefined: somebody who never appends the same again. */
  readonly source: string | undefined
  /** Grows with each batch of a source. One that is not above the last was appended before: nothing happens. */
  readonly number: number
  readonly events: readonly NewEvent[]
}
export type NewEvent = {
  readonly channel: ChannelName
  /** JSON on one line, as clients are sent it. Undefined: what happened can't be had, and readers get a gap. */
  readonly body: string | undefined
}

export interface EventAppender {
  /**
   * In their order. Rejects when it is not known whether all of them were kept: to append them again is
   * safe, alone or with others.
   */
  append(batches: readonly EventBatch[]): Promise<void>
  /** Every channel begins a new epoch: nobody knows what was lost, so every reader reads anew. */
  reset(): Promise<void>
  /** Forgets channels in which nothing has happened for `channelIdleSec`. */
  prune(): Promise<void>
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

/** What is said to a channel at this moment, and kept nowhere. */
export type Signal = {
  readonly channel: ChannelName
  /** On one line, of at most `signalBytesMax`. */
  readonly body: string
}

/** Signals may be lost, come twice or come late: what is said must bear that. */
export interface Signals {
  /** Resolves with how to stop, once what is said from then on is heard. Rejects while it can't be. */
  listen(channel: ChannelName, onSignal: (body: string) => void): Promise<() => void>
  /** To whoever listens in any process, this one too. */
  send(signals: readonly Signal[]): Promise<void>
  /** What stands in the way of hearing all that is said; undefined: nothing. */
  fault(): string | undefined
}

/** A notification of Postgres takes 8,000 bytes, and names the channel besides. */
export const signalBytesMax = 7_000

export interface EventReader extends Signals {
  /** Rejects while the events can't be read; then nothing is heard. */
  join(
    channel: ChannelName,
    since: ChannelPosition | undefined,
    listener: ChannelListener,
  ): Promise<Joined>
  /** What stands in the way of hearing all that happens; undefined: nothing. */
  fault(): string | undefined
  /** So far. */
  readonly counts: EventReaderCounts
  close(): Promise<void>
}

export type EventReaderCounts = {
  /** Channels that somebody here listens to. */
  channels: number
  /** Events that came here, each once for all that listen. */
  heard: number
  /** Times that a channel's listeners were told to read anew. */
  gaps: number
}

/**
 * An idle channel is forgotten after this. Its next event begins a new epoch, so whoever comes back with
 * an older position reads anew: once an hour at most, and only where nothing has happened.
 */
export const channelIdleSec = 3_600

/** Who has missed more than this reads the list anew, which is less. */
export const missedBytesMax = 1_048_576
