// Who looks at a channel now, in any process, and who types there. Nothing of it is kept. Each process says
// all it knows of its own users when that changes, when another asks, and as a heartbeat; what it hears
// holds for a while. So a lost message is made good by the next, and who died is gone after that while.

import { randomBytes } from 'node:crypto'
import type { ChannelName } from '../../lib/domain/event.ts'
import { changeOf, createStates, named, type Present, type States } from './presence-states.ts'
import { signalOf, stateBody, typingBody } from './presence-signals.ts'
import { presence, presenceChange, presenceUnknown, typing } from './protocol.ts'
import { createAllowance, type Allowance } from './rate.ts'

/** How processes speak to each other: lib/events has the drivers. What is said may be lost. */
export type SignalSource = {
  listen(channel: ChannelName, onSignal: (body: string) => void): Promise<() => void>
  send(signals: readonly Signal[]): Promise<void>
  /** Why signals may not come; undefined: they do. */
  fault(): string | undefined
}
type Signal = { readonly channel: ChannelName; readonly body: string }

/** One socket that looks at a channel, and is present there. */
export type Onlooker = {
  readonly userId: string
  /** False when there is no room for it now. The same array to many is framed once. */
  send(messages: readonly Buffer[]): boolean
}

export type Membership = {
  /** Whoever is present types now. Too often, nobody is told. */
  type(todoId: string | undefined): void
  leave(): void
}

export type Presence = {
  /** `name`: what clients call the channel, the same for all. */
  join(channel: ChannelName, name: string, onlooker: Onlooker): Membership
  /** Once a second. */
  tick(): void
  /** Users of this process, in each channel. */
  present(): number
  /** Typing of which nobody was told. */
  typingDropped(): number
  /**
   * Says nothing any more, not even that its users are gone: they come back through another process, and
   * would leave and join for everybody else.
   */
  close(): void
}

export type PresenceSettings = {
  /** How long holds what a process said; it says it three times as often. The same in all processes. */
  readonly ttlMs: number
  readonly now?: () => number
  readonly schedule?: (work: () => void, afterMs: number) => void
}

/** Changes within this are told together, to clients and to other processes. */
const gatherMs = 100
/** Signals that are sent at once: each is up to 7,000 bytes. */
const sentAtOnce = 500
/** Of one user in one channel of one process: clients show it for `typingHoldsMs` each time. */
export const typingIntervalMs = 1_000
/** Limit per channel and process, for whoever types goes to everybody who looks. */
export const typingOfChannelPerSec = 20

type Member = {
  readonly onlooker: Onlooker
  /** What it was told last, and can be told a change of. */
  told: 'nothing' | 'unknown' | 'present'
}
type User = { sockets: number; typedMs: number }
type Channel = {
  readonly id: ChannelName
  readonly name: string
  readonly members: Set<Member>
  /** Of this process. */
  readonly users: Map<string, User>
  readonly states: States
  readonly typing: Allowance
  hearing: 'not' | 'soon' | 'yes'
  stopHearing: () => void
  told: Present | undefined
  /** Somebody's socket had no room for what was to be told. */
  isBehind: boolean
  saidMs: number
}

const later = (work: () => void, afterMs: number): void => void setTimeout(work, afterMs).unref()

export const createPresence = (source: SignalSource, settings: PresenceSettings): Presence => {
  const { ttlMs, now = () => performance.now(), schedule = later } = settings
  const process = randomBytes(9).toString('base64url')
  const channels = new Map<ChannelName, Channel>()
  /** Clients of them are to be told. */
  let changed = new Set<Channel>()
  /** Other processes are to be told; `true`: and asked. */
  const unsaid = new Map<ChannelName, boolean>()
  let typings: Signal[] = []
  let isTelling = false
  let isSaying = false
  let saidMs = -Infinity
  let sequence = 0
  let isDeaf = false
  let isClosed = false
  let typingDropped = 0

  const tellSoon = (channel: Channel) => {
    changed.add(channel)
    if (isTelling) return
    isTelling = true
    schedule(tellChanged, gatherMs)
  }
  const tellChanged = () => {
    isTelling = false
    const some = changed
    changed = new Set()
    for (const channel of some) tell(channel)
  }

  const tell = (channel: Channel) => {
    if (channel.hearing === 'soon') return
    channel.isBehind = false
    const isKnown = channel.hearing === 'yes' && !isDeaf
    const before = channel.told
    const present = isKnown ? channel.states.present(channel.users) : undefined
    channel.told = present
    const change = before && present && changeOf(before, present)
    // Each is encoded once, when somebody is to be told it.
    let whole: readonly Buffer[] | undefined
    let part: readonly Buffer[] | undefined
    const send = (member: Member, messages: readonly Buffer[]) => {
      const isSent = member.onlooker.send(messages)
      member.told = isSent ? (present ? 'present' : 'unknown') : 'nothing'
      if (!isSent) channel.isBehind = true
    }
    for (const member of channel.members) {
      if (!present) {
        if (member.told !== 'unknown') send(member, (whole ??= [presenceUnknown(channel.name)]))
      } else if (member.told !== 'present')
        send(member, (whole ??= [presence(channel.name, present)]))
      else if (change)
        send(member, (part ??= [presenceChange(channel.name, { ...change, count: present.count })]))
    }
  }

  const saySoon = (channel: ChannelName, isAsking = false) => {
    unsaid.set(channel, isAsking || unsaid.get(channel) === true)
    scheduleSaying()
  }
  const scheduleSaying = () => {
    if (isSaying || isClosed) return
    isSaying = true
    schedule(() => void say(), Math.max(0, saidMs + gatherMs - now()))
  }
  /** One at a time, so that they go out in the order of their numbers. */
  const say = async () => {
    const some = [...unsaid].slice(0, sentAtOnce)
    const signals = typings
    typings = []
    for (const [id, isAsking] of some) {
      unsaid.delete(id)
      const users = channels.get(id)?.users ?? none
      const state = { process, sequence: ++sequence, users: named(users.keys()), count: users.size }
      signals.push({ channel: id, body: stateBody(state, isAsking) })
      const channel = channels.get(id)
      if (channel) channel.saidMs = now()
    }
    try {
      if (!isClosed) await source.send(signals)
    } catch {
      // Tried again at the next tick. What nobody here looks at any more expires elsewhere.
      for (const [id] of some) {
        const channel = channels.get(id)
        if (channel) channel.saidMs = -Infinity
      }
    }
    saidMs = now()
    isSaying = false
    if (unsaid.size > 0 || typings.length > 0) scheduleSaying()
  }

  const hear = (channel: Channel, body: string) => {
    const signal = signalOf(body)
    if (!signal || signal.process === process) return
    if (signal.type === 'typing') {
      tellTyping(channel, signal.user, signal.todo)
      return
    }
    if (channel.states.take(signal, now())) tellSoon(channel)
    if (signal.ask === true) saySoon(channel.id)
  }

  /** Whether it was not one too many. */
  const tellTyping = (channel: Channel, userId: string, todoId: string | undefined): boolean => {
    if (!channel.typing.take(now())) {
      typingDropped++
      return false
    }
    const messages = [typing(channel.name, userId, todoId)]
    for (const { onlooker } of channel.members)
      if (onlooker.userId !== userId) onlooker.send(messages)
    return true
  }

  const open = (id: ChannelName, name: string): Channel => {
    const channel: Channel = {
      id,
      name,
      members: new Set(),
      users: new Map(),
      states: createStates(ttlMs),
      typing: createAllowance(typingOfChannelPerSec, now()),
      hearing: 'not',
      stopHearing() {},
      told: undefined,
      isBehind: false,
      saidMs: -Infinity,
    }
    channels.set(id, channel)
    void listen(channel)
    return channel
  }

  const listen = async (channel: Channel) => {
    channel.hearing = 'soon'
    try {
      const stop = await source.listen(channel.id, (body) => hear(channel, body))
      if (channels.get(channel.id) !== channel) {
        stop()
        return
      }
      channel.stopHearing = stop
      channel.hearing = 'yes'
      saySoon(channel.id, true)
    } catch {
      channel.hearing = 'not' // tried again at the next tick
    }
    tellSoon(channel)
  }

  const leave = (channel: Channel, member: Member) => {
    const { id, members, users } = channel
    const { userId } = member.onlooker
    const user = users.get(userId)
    if (!members.delete(member) || !user) return
    if (--user.sockets > 0) return
    users.delete(userId)
    if (channel.hearing === 'yes') saySoon(id)
    if (members.size > 0) {
      tellSoon(channel)
      return
    }
    channels.delete(id)
    channel.stopHearing()
  }

  const type = (channel: Channel, userId: string, todoId: string | undefined) => {
    const user = channel.users.get(userId)
    if (!user) return
    if (now() - user.typedMs < typingIntervalMs) {
      typingDropped++
      return
    }
    user.typedMs = now()
    if (!tellTyping(channel, userId, todoId)) return
    if (typings.length >= sentAtOnce) {
      typingDropped++
      return
    }
    typings.push({ channel: channel.id, body: typingBody(process, userId, todoId) })
    scheduleSaying()
  }

  /** What was said meanwhile is not known, and must be asked for. */
  const checkHearing = () => {
    const wasDeaf = isDeaf
    isDeaf = source.fault() !== undefined
    if (isDeaf === wasDeaf) return
    for (const channel of channels.values()) {
      if (isDeaf) channel.states.clear()
      else saySoon(channel.id, true)
      tellSoon(channel)
    }
  }

  return {
    join(id, name, onlooker) {
      const channel = channels.get(id) ?? open(id, name)
      const member: Member = { onlooker, told: 'nothing' }
      const user = channel.users.get(onlooker.userId)
      if (user) user.sockets++
      else {
        channel.users.set(onlooker.userId, { sockets: 1, typedMs: -Infinity })
        if (channel.hearing === 'yes') saySoon(id)
      }
      channel.members.add(member)
      tellSoon(channel)
      return {
        type: (todoId) => type(channel, onlooker.userId, todoId),
        leave: () => leave(channel, member),
      }
    },
    tick() {
      if (isClosed) return
      checkHearing()
      const nowMs = now()
      for (const channel of channels.values()) {
        const isExpired = channel.states.expire(nowMs)
        if (isExpired || channel.isBehind) tellSoon(channel)
        if (isDeaf) continue
        if (channel.hearing === 'not') void listen(channel)
        else if (channel.hearing === 'yes' && nowMs - channel.saidMs >= ttlMs / 3)
          saySoon(channel.id, channel.saidMs === -Infinity)
      }
    },
    present() {
      let sum = 0
      for (const { users } of channels.values()) sum += users.size
      return sum
    },
    typingDropped: () => typingDropped,
    close() {
      isClosed = true
    },
  }
}

const none: ReadonlyMap<string, User> = new Map()
