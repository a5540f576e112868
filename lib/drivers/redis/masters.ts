// Where masters are, as those say who know: Sentinels, or the nodes of a cluster. Several are asked every
// second, and the highest epoch wins: a failover and a move of slots raise it, and who was frozen or cut off
// meanwhile still tells of the one before. While nobody answers, what was known last is used.

import type { RedisHost } from '../../runtime/config/redis-url.ts'
import type { Log } from '../../runtime/log.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import type { RedisConnection } from './connection.ts'
import { slotCount } from './slot.ts'

export type SlotRange = {
  readonly first: number
  readonly last: number
  readonly master: RedisHost
}

export type Placement = {
  readonly epoch: number
  readonly ranges: readonly SlotRange[]
  /** Who else can be asked. */
  readonly others: readonly RedisHost[]
}

export type Masters = {
  of(slot: number): RedisHost | undefined
  all(): readonly RedisHost[]
  /** Resolves when they are known, or can't be found. */
  known(): Promise<void>
  /** Why they are not known. */
  cause(): string
  /** Asks now: what is known may be out of date. */
  look(): void
  /** A node says that the slot is there. */
  moved(slot: number, master: RedisHost): void
  /** After each answer, whatever it says. Returns how to stop. */
  onLook(listener: () => void): () => void
  /** Somebody has said so lately. */
  isConfirmed(): boolean
  close(): void
}

export const addressOf = ({ host, port }: RedisHost): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

export const fixedMaster = (master: RedisHost): Masters => ({
  of: () => master,
  all: () => [master],
  known: () => Promise.resolve(),
  cause: () => '',
  look() {},
  moved() {},
  onLook: () => () => {},
  isConfirmed: () => true,
  close() {},
})

type Parts = {
  readonly hosts: readonly [RedisHost, ...RedisHost[]]
  readonly connect: (host: RedisHost) => RedisConnection
  /** Rejects when it does not know. */
  readonly ask: (connection: RedisConnection, host: RedisHost) => Promise<Placement>
  readonly log: Log
}

const askedAtOnce = 3
const askTimeoutMs = 500
const lookEveryMs = 1_000
/** Whoever has a doubt asks for a look: not more often than this. */
const looksApartMs = 100
/** A lower epoch than the one that is known counts when none was as high for so long: all is new there. */
const lowerEpochAfterMs = 10_000
const confirmedForMs = 5_000
/** Within this every node has heard of a move. */
const gossipMaxMs = 10_000
/** Hosts that may be asked; a cluster has a thousand nodes at most. */
const hostsMax = 1_000

export const watchMasters = ({ hosts, connect, ask, log }: Parts): Masters => {
  let slots: readonly (RedisHost | undefined)[] = []
  let all: readonly RedisHost[] = []
  let epoch = -Infinity
  let cause = 'nobody has said yet where the master is'
  let candidates: readonly RedisHost[] = hosts
  let turn = 0
  let confirmedAtMs = performance.now()
  let isSilent = false
  let closed = false
  let wake = () => {}
  let reported = ''
  const asked = new Map<
    string,
    { readonly host: RedisHost; readonly connection: RedisConnection }
  >()
  const listeners = new Set<() => void>()
  /**
   * What redirections say. Nodes that have not heard of it yet tell of the same epoch: a move of slots
   * raises it only now and then.
   */
  const moves = new Map<number, { master: RedisHost; epoch: number; atMs: number }>()

  const choose = () => {
    for (let i = 0; i < candidates.length && asked.size < askedAtOnce; i++) {
      const host = candidates[turn++ % candidates.length] as RedisHost
      const name = addressOf(host)
      if (!asked.has(name)) asked.set(name, { host, connection: connect(host) })
    }
    return [...asked]
  }

  const look = async () => {
    const answers = await Promise.all(
      choose().map(async ([name, { host, connection }]) => {
        try {
          return await withTimeout(askTimeoutMs, () => ask(connection, host))
        } catch (error) {
          cause = (error as Error).message
          // Another one is asked next time, or the same on a new connection.
          asked.delete(name)
          connection.close()
          return undefined
        }
      }),
    )
    const [best] = answers.filter((one) => one !== undefined).sort((a, b) => b.epoch - a.epoch)
    if (best && !closed) adopt(best)
    const isLate = performance.now() - confirmedAtMs > confirmedForMs
    if (isLate !== isSilent) reportSilence(isLate)
  }

  const adopt = (best: Placement) => {
    const isOlder = best.epoch < epoch
    if (isOlder && performance.now() - confirmedAtMs < lowerEpochAfterMs) return
    epoch = best.epoch
    confirmedAtMs = performance.now()
    const next: (RedisHost | undefined)[] = Array.from({ length: slotCount })
    for (const { first, last, master } of best.ranges) next.fill(master, first, last + 1)
    for (const [slot, { master, epoch: then, atMs }] of moves) {
      if (epoch > then || performance.now() - atMs > gossipMaxMs) moves.delete(slot)
      else next[slot] = master
    }
    slots = next
    all = distinct(best.ranges.map(({ master }) => master))
    candidates = distinct([...hosts, ...best.others]).slice(0, hostsMax)
    const masters = all.map(addressOf).sort()
    if (masters.join() !== reported) log.info({ masters }, 'redis masters')
    reported = masters.join()
    for (const listener of listeners) listener()
  }

  const reportSilence = (isLate: boolean) => {
    isSilent = isLate
    if (isLate)
      log.warn({ reason: cause }, 'nobody says where redis masters are: the last are used')
    else log.info('where redis masters are is known again')
  }

  const first = look()
  const goOn = async () => {
    await first
    while (!closed) {
      const woken = new Promise<void>((resolve) => (wake = resolve))
      const timer = setTimeout(() => wake(), lookEveryMs)
      timer.unref()
      await Promise.all([woken, pause(looksApartMs)])
      clearTimeout(timer)
      if (!closed) await look()
    }
  }
  void goOn()

  return {
    of: (slot) => slots[slot],
    all: () => all,
    known: () => first,
    cause: () => cause,
    look: () => wake(),
    moved(slot, master) {
      if (!(slot in slots)) return
      slots = slots.with(slot, master)
      moves.set(slot, { master, epoch, atMs: performance.now() })
      wake()
    },
    onLook(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    isConfirmed: () => performance.now() - confirmedAtMs < confirmedForMs,
    close() {
      closed = true
      wake()
      for (const { connection } of asked.values()) connection.close()
      asked.clear()
    },
  }
}

const distinct = (hosts: readonly RedisHost[]): RedisHost[] => [
  ...new Map(hosts.map((host) => [addressOf(host), host])).values(),
]

const pause = (ms: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref()
  })
