// Who watches what in this process. Events of a channel are read once, however many watch it; each event
// is encoded once for all of them. Whoever comes back with a position gets what came since, in order and
// once, before anything newer.

import type { ChannelName, ChannelPosition } from '../../lib/domain/event.ts'
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
  /** The first call: what is heard comes after this position. */
  onJoined(position: ChannelPosition): void
  onEvent(event: LiveEvent): void
  /** Some events can't be had: what is heard comes after this position. */
  onGap(position: ChannelPosition): void
}

export type Subscription = {
  /** Of the channel, as far as this process has heard. */
  position(): ChannelPosition
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

/** Events that come while one who was away is read what he missed; past it he reads anew. */
const pendingMax = 1_000

type Member = {
  readonly subscriber: Subscriber
  /** Where the channel was when it became one. */
  readonly from: ChannelPosition
  /** What is not above it he has. */
  after: number
  /** Set: he is being read what he missed, and these come behind it. */
  pending: LiveEvent[] | undefined
  isGapped: boolean
}

type Channel = {
  readonly members: Set<Member>
  position: ChannelPosition
  leave: () => void
}

export const createHub = (source: EventSource): Hub => {
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
    const onEvent = ({ position, body }: SourceEvent) => {
      if (joined) joined.position = position
      const event = new LiveEvent(name, position, body)
      for (const member of members) deliver(member, event)
    }
    const onGap = (position: ChannelPosition) => {
      if (joined) joined.position = position
      for (const member of members) gap(member, position)
    }
    const opening = source
      .join(channel, undefined, {
        onEvent: (event) => inOrder(() => onEvent(event)),
        onGap: (position) => inOrder(() => onGap(position)),
      })
      .then(({ position, leave }) => {
        joined = { members, position, leave }
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

  const leaveChannel = (channel: ChannelName, from: Channel, member: Member) => {
    if (!from.members.delete(member) || from.members.size > 0) return
    channels.delete(channel)
    from.leave()
  }

  /** What `member` missed since then, and what came meanwhile. */
  const catchUp = async (
    channel: ChannelName,
    name: string,
    joined: Channel,
    member: Member,
    since: ChannelPosition,
  ): Promise<void> => {
    const { subscriber } = member
    // Read once it is a member: what comes after that is pending, so nothing lies between.
    const history = await readHistory(channel, since)
    const pending = member.pending ?? []
    member.pending = undefined
    // What is behind us would leave out what came before we listened.
    const isBehind =
      history.position.epoch !== member.from.epoch || history.position.number < member.from.number
    if (history.missed === 'too-old' || isBehind || member.isGapped) {
      member.after = joined.position.number
      subscriber.onJoined(joined.position)
      subscriber.onGap(joined.position)
      return
    }
    member.after = Math.max(since.number, history.position.number)
    subscriber.onJoined(since)
    for (const { position, body } of history.missed)
      subscriber.onEvent(new LiveEvent(name, position, body))
    for (const event of pending) deliver(member, event)
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
      const isElsewhere = since !== undefined && since.epoch !== joined.position.epoch
      const isCurrent = since === undefined || since.number === joined.position.number
      const member: Member = {
        subscriber,
        from: joined.position,
        after: joined.position.number,
        pending: isElsewhere || isCurrent ? undefined : [],
        isGapped: false,
      }
      joined.members.add(member)
      try {
        if (since !== undefined && member.pending)
          await catchUp(channel, name, joined, member, since)
        else {
          subscriber.onJoined(joined.position)
          if (isElsewhere) subscriber.onGap(joined.position)
        }
      } catch (error) {
        leaveChannel(channel, joined, member)
        throw error
      }
      return {
        position: () => joined.position,
        leave: () => leaveChannel(channel, joined, member),
      }
    },
    channels: () => channels.size,
  }
}

const deliver = (member: Member, event: LiveEvent): void => {
  const { pending } = member
  if (pending) {
    if (pending.length < pendingMax) pending.push(event)
    else member.isGapped = true
  } else if (event.position.number > member.after) {
    member.after = event.position.number
    member.subscriber.onEvent(event)
  }
}

const gap = (member: Member, position: ChannelPosition): void => {
  if (member.pending) {
    member.isGapped = true
    return
  }
  member.after = position.number
  member.subscriber.onGap(position)
}
