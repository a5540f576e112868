// Who watches what in this process. Events of a channel are read once, however many watch it; each event
// is encoded once for all of them. Whoever comes back with a position gets what came since, in order and
// once, before anything newer. Whoever must read the list is told how new it must be.

import { setTimeout as delay } from 'node:timers/promises'
import type { ChannelName, ChannelPosition } from '../../lib/domain/event.ts'
import { Batch, createBatches } from './batches.ts'
import { createListVersions, type ListVersion } from './list-versions.ts'
import { LiveEvent } from './live-event.ts'

/** Where events come from: lib/events has the drivers. */
export type EventSource = {
  join(
    channel: ChannelName,
    since: ChannelPosition | undefined,
    listener: SourceListener,
  ): Promise<{
    readonly position: ChannelPosition
    readonly missed: readonly SourceEvent[] | 'too-old'
    leave(): void
  }>
}
type SourceEvent = { readonly position: ChannelPosition; readonly body: string }
type SourceListener = {
  onEvent(event: SourceEvent): void
  onGap(position: ChannelPosition): void
}

/** Called in order, each event once. */
export type Subscriber = {
  /**
   * The first call: what is heard comes after this position. `version`: of the list that is to be read
   * first; undefined for who goes on from where he was.
   */
  onJoined(position: ChannelPosition, version: number | undefined): void
  onEvents(batch: Batch): void
  /** Some events can't be had: what is heard comes after this position, and this version of the list. */
  onGap(position: ChannelPosition, version: number): void
}

export type Subscription = {
  /** Of the channel, as far as this process has heard. */
  position(): ChannelPosition
  /** Events were not passed on: `onGap` is called, and none before it. */
  skip(): void
  leave(): void
}

export type Hub = {
  /** Resolves once `onJoined` was called. Rejects, and calls nothing, while events can't be read. */
  subscribe(
    channel: ChannelName,
    /** What clients call it: the same for all who watch it. */
    name: string,
    since: ChannelPosition | undefined,
    subscriber: Subscriber,
  ): Promise<Subscription>
  /** That somebody watches. */
  channels(): number
}

/** Events that come while one is read what he missed, or how new his list must be; past it he reads anew. */
const pendingMax = 1_000
/** Between attempts to read how new a list must be, while the store can't be read: it stays as it is. */
const retryMs = 1_000

type Member = {
  readonly subscriber: Subscriber
  /** Where the channel was when it became one. */
  readonly from: ChannelPosition
  /** What is not above it he has, of this epoch. */
  after: number
  epoch: string
  /** Set: something is being read for him, and these come behind it. */
  pending: LiveEvent[] | undefined
  /** Some of those can't be had. */
  isGapped: boolean
}

type Channel = {
  readonly channel: ChannelName
  readonly name: string
  readonly members: Set<Member>
  position: ChannelPosition
  leave: () => void
}

export const createHub = (
  source: EventSource,
  readVersion: ListVersion,
  nowMs?: () => number,
): Hub => {
  const versionOf = createListVersions(readVersion)
  /** By name; a promise until it is joined. */
  const channels = new Map<ChannelName, Promise<Channel>>()
  /** What was missed since a position, while it is being read: after a restart many ask for the same. */
  const histories = new Map<string, ReturnType<EventSource['join']>>()

  const open = (channel: ChannelName, name: string): Promise<Channel> => {
    const members = new Set<Member>()
    /** Those that came before we knew where we joined. */
    let early: (() => void)[] | undefined = []
    let joined: Channel | undefined
    const inOrder = (work: () => void) => {
      if (early) early.push(work)
      else work()
    }
    const batches = createBatches((batch) => {
      if (joined) joined.position = batch.last
      for (const member of members) deliver(member, batch)
    }, nowMs)
    const onEvent = ({ position, body }: SourceEvent) =>
      batches.push(new LiveEvent(name, position, body))
    const onGap = (position: ChannelPosition) => {
      batches.flush()
      if (!joined) return
      joined.position = position
      for (const member of members) gap(joined, member)
    }
    const opening = source
      .join(channel, undefined, {
        onEvent: (event) => inOrder(() => onEvent(event)),
        onGap: (position) => inOrder(() => onGap(position)),
      })
      .then(({ position, leave }) => {
        joined = { channel, name, members, position, leave }
        const works = early ?? []
        early = undefined
        for (const work of works) work()
        return joined
      })
    channels.set(channel, opening)
    opening.catch(() => {
      if (channels.get(channel) === opening) channels.delete(channel)
    })
    return opening
  }

  const readHistory = (channel: ChannelName, since: ChannelPosition) => {
    const key = `${channel} ${since.epoch} ${since.number}`
    const known = histories.get(key)
    if (known) return known
    const reading = source.join(channel, since, { onEvent() {}, onGap() {} })
    histories.set(key, reading)
    const forget = () => histories.delete(key)
    reading
      .then(
        ({ leave }) => leave(),
        () => {},
      )
      .finally(forget)
    return reading
  }

  const leaveChannel = (from: Channel, member: Member) => {
    if (!from.members.delete(member) || from.members.size > 0) return
    channels.delete(from.channel)
    from.leave()
  }

  /** Undefined when the member has left. */
  const versionFor = async (joined: Channel, member: Member): Promise<number | undefined> => {
    while (joined.members.has(member)) {
      try {
        return await versionOf(joined.channel, joined.name)
      } catch {
        await delay(retryMs, undefined, { ref: false })
      }
    }
    return undefined
  }

  /** What comes meanwhile is held back: the position that is told is older than the version. */
  const tellGap = async (joined: Channel, member: Member): Promise<void> => {
    do {
      member.isGapped = false
      member.pending = []
      const { position } = joined
      const version = await versionFor(joined, member)
      if (version === undefined || !joined.members.has(member)) return
      // From a history he may have more than this process has passed on: never back.
      const hasMore = member.epoch === position.epoch && member.after > position.number
      if (!hasMore) member.after = position.number
      member.epoch = position.epoch
      member.subscriber.onGap({ epoch: position.epoch, number: member.after }, version)
    } while (member.isGapped)
    release(member)
  }

  const gap = (joined: Channel, member: Member): void => {
    if (member.pending) member.isGapped = true
    else void tellGap(joined, member)
  }

  /** For one who begins. */
  const begin = async (joined: Channel, member: Member): Promise<void> => {
    const version = await versionOf(joined.channel, joined.name)
    member.subscriber.onJoined(member.from, version)
    if (member.isGapped) void tellGap(joined, member)
    else release(member)
  }

  /** What `member` missed since then, and what came meanwhile. */
  const catchUp = async (
    joined: Channel,
    member: Member,
    since: ChannelPosition,
  ): Promise<void> => {
    const { subscriber, from } = member
    const isElsewhere = since.epoch !== from.epoch
    // Read once it is a member: what comes after that is pending, so nothing lies between.
    const history = isElsewhere ? undefined : await readHistory(joined.channel, since)
    // What is behind us would leave out what came before we listened.
    const isBehind = history?.position.epoch !== from.epoch || history.position.number < from.number
    // He is where he was, until he has heard more: who is cut off here comes back with the same.
    subscriber.onJoined(since, undefined)
    if (!history || history.missed === 'too-old' || isBehind || member.isGapped) {
      void tellGap(joined, member)
      return
    }
    member.after = Math.max(since.number, history.position.number)
    for (const { position, body } of history.missed)
      subscriber.onEvents(new Batch([new LiveEvent(joined.name, position, body)]))
    release(member)
  }

  /** Not one that its last member left while we waited. */
  const joinedChannel = async (channel: ChannelName, name: string): Promise<Channel> => {
    for (;;) {
      const opening = channels.get(channel) ?? open(channel, name)
      const joined = await opening
      if (channels.get(channel) === opening) return joined
    }
  }

  return {
    async subscribe(channel, name, since, subscriber) {
      const joined = await joinedChannel(channel, name)
      const { position } = joined
      const isCurrent = since?.epoch === position.epoch && since.number === position.number
      const member: Member = {
        subscriber,
        from: position,
        after: position.number,
        epoch: position.epoch,
        pending: isCurrent ? undefined : [],
        isGapped: false,
      }
      joined.members.add(member)
      try {
        if (isCurrent) subscriber.onJoined(position, undefined)
        else if (since) await catchUp(joined, member, since)
        else await begin(joined, member)
      } catch (error) {
        leaveChannel(joined, member)
        throw error
      }
      return {
        position: () => joined.position,
        skip() {
          if (!member.pending) void tellGap(joined, member)
        },
        leave: () => leaveChannel(joined, member),
      }
    },
    channels: () => channels.size,
  }
}

const deliver = (member: Member, batch: Batch): void => {
  if (member.pending || batch.first.number <= member.after) {
    for (const event of batch.events) deliverOne(member, event)
  } else {
    member.after = batch.last.number
    member.subscriber.onEvents(batch)
  }
}

const deliverOne = (member: Member, event: LiveEvent): void => {
  const { pending } = member
  if (pending) {
    if (pending.length < pendingMax) pending.push(event)
    else {
      member.isGapped = true
      member.pending = []
    }
  } else if (event.position.number > member.after) {
    member.after = event.position.number
    member.subscriber.onEvents(new Batch([event]))
  }
}

/** What was held back. */
const release = (member: Member): void => {
  const { pending = [] } = member
  member.pending = undefined
  for (const event of pending) deliverOne(member, event)
}
