// What a process's listeners have heard of each channel, whatever brings the events. What is pushed is
// passed on while it follows on what was heard. What does not is a reason to read what is kept, and the
// listeners hear that, or that there is a gap.

import type { ChannelName, ChannelPosition } from '../domain/event.ts'
import { eventsOf, isWhole, type Chunk } from './chunk.ts'
import type { ChannelEvent, ChannelListener, EventReaderCounts, Joined } from './events.ts'

/** What is kept of a channel. */
export type KeptEvents = {
  readonly epoch: string
  readonly last: number
  /** Those that were asked for, without any that are too many. */
  readonly chunks: readonly Chunk[]
}
/** Undefined: only its position is wanted. */
export type Wanted = { readonly channel: ChannelName; readonly after: number | undefined }

export type EventSource = {
  /** Begins to push what happens in a channel; resolves when nothing that happens from then on is missed. */
  subscribe(channel: ChannelName): Promise<void>
  unsubscribe(channel: ChannelName): void
  /** One answer for each. A channel that is not there yet is made. */
  read(wanted: readonly Wanted[]): Promise<readonly KeptEvents[]>
}

export type WatchedChannels = {
  join(
    channel: ChannelName,
    since: ChannelPosition | undefined,
    listener: ChannelListener,
  ): Promise<Joined>
  /** Something has happened. Without its bodies they are read. */
  push(channel: ChannelName, epoch: string, chunk: Chunk): void
  /** What happens may have been missed: every channel is read from where it was. */
  catchUp(): void
  names(): ChannelName[]
  readonly counts: EventReaderCounts
}

type Waiting = {
  readonly since: ChannelPosition | undefined
  readonly listener: ChannelListener
  readonly resolve: (joined: Joined) => void
  readonly reject: (error: Error) => void
}

type Channel = {
  readonly name: ChannelName
  readonly subscribed: Promise<void>
  readonly listeners: Set<ChannelListener>
  waiting: Waiting[]
  /** Everything up to here was heard; undefined before the first read. */
  position: ChannelPosition | undefined
  /** To be read. */
  isStale: boolean
  isReading: boolean
  /** What came while it was being read. */
  pushed: { readonly epoch: string; readonly chunk: Chunk }[]
}

/** Channels that are read at once: after a reconnect all of them are. */
const readAtOnce = 100
/** Reads that may be in flight: a slow one must not hold up all others. */
const readsMax = 4
/** Appends that come while a channel is read, which takes milliseconds; of more, it is read again. */
const pushedMax = 100
/** Between attempts to read what could not be read. */
const retryMs = 500

export const createWatchedChannels = (source: EventSource): WatchedChannels => {
  const channels = new Map<ChannelName, Channel>()
  const stale = new Set<Channel>()
  const counts: EventReaderCounts = { channels: 0, heard: 0, gaps: 0 }
  let reads = 0
  let retry: NodeJS.Timeout | undefined

  const forget = (channel: Channel) => {
    const { listeners, waiting, isReading } = channel
    if (listeners.size > 0 || waiting.length > 0 || isReading) return
    if (channels.get(channel.name) !== channel) return
    channels.delete(channel.name)
    stale.delete(channel)
    counts.channels = channels.size
    source.unsubscribe(channel.name)
  }

  const deliver = (channel: Channel, events: readonly ChannelEvent[], at: ChannelPosition) => {
    channel.position = at
    counts.heard += events.length
    for (const event of events) {
      for (const listener of channel.listeners) listener.onEvent(event)
    }
  }
  const gap = (channel: Channel, at: ChannelPosition) => {
    channel.position = at
    if (channel.listeners.size > 0) counts.gaps++
    for (const listener of channel.listeners) listener.onGap(at)
  }

  /** False when it does not follow on what was heard. */
  const follow = (channel: Channel, epoch: string, chunk: Chunk): boolean => {
    const { position } = channel
    if (position?.epoch !== epoch) return false
    if (chunk.last <= position.number) return true
    const at = { epoch, number: chunk.last }
    const events = eventsOf(epoch, [chunk], position.number)
    if (!isWhole(events, position.number, at)) return false
    deliver(channel, events, at)
    return true
  }

  const makeStale = (channel: Channel) => {
    channel.isStale = true
    stale.add(channel)
    readStale()
  }

  const readStale = () => {
    while (stale.size > 0 && reads < readsMax && retry === undefined) {
      const some: Channel[] = []
      for (const channel of stale) {
        stale.delete(channel)
        if (!channel.isReading) some.push(channel)
        if (some.length === readAtOnce) break
      }
      if (some.length > 0) void readTogether(some)
    }
  }

  const readTogether = async (some: readonly Channel[]) => {
    reads++
    const asked = some.map((channel) => {
      channel.isReading = true
      channel.isStale = false
      const { waiting } = channel
      channel.waiting = []
      return { channel, waiting }
    })
    try {
      const kept = await source.read(asked.map(wantedOf))
      for (const [i, { channel, waiting }] of asked.entries()) {
        settle(channel, waiting, kept[i] as KeptEvents)
      }
    } catch (error) {
      for (const { channel, waiting } of asked) {
        for (const { reject } of waiting) reject(error as Error)
        channel.isReading = false
        channel.pushed = []
        channel.isStale = true
        stale.add(channel)
        forget(channel)
      }
      retry ??= setTimeout(() => {
        retry = undefined
        readStale()
      }, retryMs).unref()
    } finally {
      reads--
      readStale()
    }
  }

  /** From what was read, everybody hears the same; then what was pushed meanwhile. */
  const settle = (channel: Channel, waiting: readonly Waiting[], kept: KeptEvents) => {
    const { epoch } = kept
    const { position } = channel
    const wanted = wantedOf({ channel, waiting }).after
    const events = wanted === undefined ? [] : eventsOf(epoch, kept.chunks, wanted)
    const at = { epoch, number: kept.last }
    if (position === undefined) channel.position = at
    else {
      const later = after(events, position)
      const isKnown = position.epoch === epoch && position.number <= at.number
      if (isKnown && isWhole(later, position.number, at)) deliver(channel, later, at)
      else gap(channel, at)
    }
    for (const { since, listener, resolve } of waiting) {
      channel.listeners.add(listener)
      resolve({
        position: at,
        missed: missedSince(since, events, at),
        leave() {
          channel.listeners.delete(listener)
          forget(channel)
        },
      })
    }
    // After what waits for the resolved joins: none of their listeners hears anything before.
    setImmediate(() => {
      const { pushed } = channel
      channel.pushed = []
      channel.isReading = false
      for (const { epoch: of, chunk } of pushed) push(channel.name, of, chunk)
      if (channel.isStale) makeStale(channel)
      forget(channel)
    })
  }

  const push = (name: ChannelName, epoch: string, chunk: Chunk) => {
    const channel = channels.get(name)
    if (!channel) return
    if (channel.isReading) {
      if (channel.pushed.length < pushedMax) channel.pushed.push({ epoch, chunk })
      else channel.isStale = true
    } else if (!channel.isStale && !follow(channel, epoch, chunk)) makeStale(channel)
  }

  const open = (name: ChannelName): Channel => {
    const channel: Channel = {
      name,
      subscribed: source.subscribe(name),
      listeners: new Set(),
      waiting: [],
      position: undefined,
      isStale: true,
      isReading: false,
      pushed: [],
    }
    channels.set(name, channel)
    counts.channels = channels.size
    return channel
  }

  return {
    join: (name, since, listener) =>
      new Promise((resolve, reject) => {
        const channel = channels.get(name) ?? open(name)
        const waiter = { since, listener, resolve, reject }
        channel.waiting.push(waiter)
        channel.subscribed.then(
          () => makeStale(channel),
          (error: Error) => {
            channel.waiting = channel.waiting.filter((one) => one !== waiter)
            forget(channel)
            reject(error)
          },
        )
      }),
    push,
    catchUp() {
      for (const channel of channels.values()) if (channel.position) makeStale(channel)
    },
    names: () => [...channels.keys()],
    counts,
  }
}

/** From the oldest position that anybody is at. */
const wantedOf = ({
  channel: { name, position },
  waiting,
}: {
  readonly channel: Channel
  readonly waiting: readonly Waiting[]
}): Wanted => {
  let oldest = position?.number
  for (const { since } of waiting) {
    if (since && !(oldest !== undefined && oldest <= since.number)) oldest = since.number
  }
  return { channel: name, after: oldest }
}

const after = (events: readonly ChannelEvent[], { number }: ChannelPosition): ChannelEvent[] =>
  events.filter(({ position }) => position.number > number)

const missedSince = (
  since: ChannelPosition | undefined,
  events: readonly ChannelEvent[],
  at: ChannelPosition,
): Joined['missed'] => {
  if (!since) return []
  if (since.epoch !== at.epoch || since.number > at.number) return 'too-old'
  const missed = after(events, since)
  return isWhole(missed, since.number, at) ? missed : 'too-old'
}
