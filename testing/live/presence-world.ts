// Processes with users who look at channels, on a clock of its own and a network that loses, doubles,
// delays and reorders. For tests: what each client was told, beside what is so.

import { setImmediate as turn } from 'node:timers/promises'
import type { ChannelName } from '../../lib/domain/event.ts'
import {
  createPresence,
  type Membership,
  type Presence,
  type SignalSource,
} from '../../server/realtime/presence.ts'

export const ttlMs = 9_000
const tickMs = 1_000

/** What a client knows, as clients are told to keep it. Undefined: nothing. */
export type Client = {
  readonly channel: ChannelName
  readonly userId: string
  known: { readonly users: readonly string[]; readonly count: number } | undefined
  /** Types of messages, in order. */
  readonly heard: string[]
  readonly typing: string[]
  /** It has no room for messages. */
  isFull: boolean
  type(todoId?: string): void
  leave(): void
}

export type Process = {
  readonly presence: Presence
  readonly clients: Set<Client>
  /** Nothing is heard and sent, and it knows. */
  isDeaf: boolean
  /** Nothing is sent. */
  isMute: boolean
  join(channel: ChannelName, userId: string): Client
  /** As by `kill -9`. */
  die(): void
}

/** When a message arrives, each time: none, it is lost. */
export type Network = () => readonly number[]
export const reliable: Network = () => [1]

type Message = {
  readonly type: string
  readonly users: readonly string[]
  readonly joined: readonly string[]
  readonly left: readonly string[]
  readonly count: number
  readonly channel: string
  readonly user_id: string
}

export const createWorld = () => {
  let nowMs = 0
  let network = reliable
  let sent = 0
  let queue: { readonly atMs: number; readonly work: () => void }[] = []
  const processes = new Set<Process>()
  const listeners = new Map<Process, Map<ChannelName, Set<(body: string) => void>>>()
  const schedule = (work: () => void, afterMs: number) =>
    void queue.push({ atMs: nowMs + afterMs, work })

  const deliver = (to: Process, channel: ChannelName, body: string) => {
    if (to.isDeaf || !processes.has(to)) return
    for (const listener of listeners.get(to)?.get(channel) ?? []) listener(body)
  }

  const sourceOf = (self: () => Process): SignalSource => ({
    listen(channel, onSignal) {
      if (self().isDeaf) return Promise.reject(new Error('deaf'))
      const own = listeners.get(self()) ?? new Map<ChannelName, Set<(body: string) => void>>()
      listeners.set(self(), own)
      const some = own.get(channel) ?? new Set()
      own.set(channel, some)
      some.add(onSignal)
      return Promise.resolve(() => void some.delete(onSignal))
    },
    send(signals) {
      if (self().isDeaf || self().isMute) return Promise.reject(new Error('not sent'))
      for (const { channel, body } of signals) {
        sent++
        for (const to of processes)
          for (const afterMs of network()) schedule(() => deliver(to, channel, body), afterMs)
      }
      return Promise.resolve()
    },
    fault: () => (self().isDeaf ? 'deaf' : undefined),
  })

  const start = (): Process => {
    const presence = createPresence(
      sourceOf(() => process),
      {
        ttlMs,
        now: () => nowMs,
        schedule: (work, afterMs) => schedule(() => processes.has(process) && work(), afterMs),
      },
    )
    const process: Process = {
      presence,
      clients: new Set(),
      isDeaf: false,
      isMute: false,
      join(channel, userId) {
        const client = createClient(channel, userId)
        const membership: Membership = presence.join(channel, channel, {
          userId,
          send: client.take,
        })
        client.type = membership.type
        client.leave = () => {
          membership.leave()
          process.clients.delete(client)
        }
        process.clients.add(client)
        return client
      },
      die: () => void processes.delete(process),
    }
    processes.add(process)
    const tick = () => {
      if (!processes.has(process)) return
      presence.tick()
      schedule(tick, tickMs)
    }
    schedule(tick, tickMs)
    return process
  }

  return {
    start,
    processes,
    sent: () => sent,
    listeners(process: Process): number {
      const all = [...(listeners.get(process)?.values() ?? [])]
      return all.reduce((sum, { size }) => sum + size, 0)
    },
    use(one: Network) {
      network = one
    },
    async pass(ms: number) {
      const untilMs = nowMs + ms
      await turn()
      for (;;) {
        queue.sort((a, b) => a.atMs - b.atMs)
        const [next] = queue
        if (!next || next.atMs > untilMs) break
        nowMs = next.atMs
        const due = queue.filter(({ atMs }) => atMs === nowMs)
        queue = queue.filter(({ atMs }) => atMs !== nowMs)
        for (const { work } of due) work()
        await turn()
      }
      nowMs = untilMs
    },
    /** Who is present in a channel, whichever process they came to. */
    present(channel: ChannelName): string[] {
      const clients = [...processes].flatMap((process) => [...process.clients])
      const users = clients.filter((one) => one.channel === channel).map(({ userId }) => userId)
      return [...new Set(users)].sort()
    },
  }
}

const createClient = (channel: ChannelName, userId: string) => {
  const client: Client & { take(messages: readonly Buffer[]): boolean } = {
    channel,
    userId,
    known: undefined,
    heard: [],
    typing: [],
    isFull: false,
    type() {},
    leave() {},
    take(messages) {
      if (client.isFull) return false
      const message = JSON.parse(String(messages[0])) as Message
      if (message.channel !== channel) throw new Error(`told of ${message.channel}`)
      client.heard.push(message.type)
      if (message.type === 'presence-typing') client.typing.push(message.user_id)
      if (message.type === 'presence-unknown') client.known = undefined
      if (message.type === 'presence') client.known = message
      if (message.type === 'presence-change') client.known = changed(client.known, message)
      return true
    },
  }
  return client
}

/** Fails where the change does not fit what is known. */
const changed = (known: Client['known'], { joined, left, count }: Message): Client['known'] => {
  const users = new Set(known?.users)
  const fits = known && left.every((id) => users.has(id)) && !joined.some((id) => users.has(id))
  if (!fits) throw new Error(`${left.join()} left and ${joined.join()} joined ${[...users].join()}`)
  for (const id of left) users.delete(id)
  for (const id of joined) users.add(id)
  return { users: [...users].sort(), count }
}
