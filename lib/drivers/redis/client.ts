// Commands and scripts, each on the connection to the master of its keys: one connection, or in a cluster
// one to each master. Redirections of a cluster are followed here, within the caller's bound.

import { setTimeout as delay } from 'node:timers/promises'
import type { RedisHost } from '../../runtime/config/redis-url.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import { redirectionOf } from './cluster.ts'
import type { Redis, RedisConnection } from './connection.ts'
import { addressOf, type Masters } from './masters.ts'
import { evaluateAllOn, evaluateOn, type Evaluation, type Outcome, type Reply } from './scripts.ts'
import { slotOf } from './slot.ts'

export type RedisClient = {
  /** Runs one command on `key`, or several on keys of its hash tag. Rejects within the client's bound. */
  run<T>(key: string, work: (redis: Redis) => Promise<T>): Promise<T>
  evaluate(evaluation: Evaluation): Promise<unknown>
  /** The same, with replies that are bytes and no text. */
  evaluateBuffers(evaluation: Evaluation): Promise<unknown>
  /** One write to each master. In a cluster one may fail and others not. */
  evaluateAll(evaluations: readonly Evaluation[]): Promise<readonly Outcome[]>
  /** On each master, with a hash tag of its own that begins with `tag`. */
  onEachMaster(tag: string, work: (redis: Redis, tag: string) => Promise<unknown>): Promise<unknown>
  /** Ends what is open and opens others, but not more often than the back-off allows. */
  replace(reason: string): void
  /** Resolves when each master can be asked. */
  opened(): Promise<void>
  close(): void
}

/** Of one master, whichever server that is. */
export const clientOfOne = (connection: RedisConnection): RedisClient => ({
  run: (_key, work) => connection.run(work),
  evaluate: (evaluation) => connection.run((redis) => evaluateOn(redis, evaluation, 'text')),
  evaluateBuffers: (evaluation) =>
    connection.run((redis) => evaluateOn(redis, evaluation, 'buffers')),
  evaluateAll: (evaluations) => evaluateAllOver(connection, evaluations),
  onEachMaster: (tag, work) => connection.run((redis) => work(redis, tag)),
  replace: connection.replace,
  opened: connection.opened,
  close: connection.close,
})

const evaluateAllOver = async (
  connection: RedisConnection,
  evaluations: readonly Evaluation[],
): Promise<readonly Outcome[]> => {
  const outcomes = await connection.run((redis) => evaluateAllOn(redis, evaluations))
  return outcomes.map((one) =>
    one.isDone ? one : { isDone: false, error: connection.explain(one.error) },
  )
}

/** More than a slot moves while one command is on its way. */
const redirectionsMax = 8
/** Of a script's keys some are moved, which takes milliseconds. */
const tryAgainMs = 20

export const clientOfCluster = (
  masters: Masters,
  connect: (master: RedisHost) => RedisConnection,
  timeoutMs: number,
): RedisClient => {
  const connections = new Map<string, { connection: RedisConnection; isOfMaster: () => boolean }>()
  /** A hash tag on each master, by its address. */
  const tags = new Map<string, string>()

  const at = (master: RedisHost): RedisConnection => {
    const address = addressOf(master)
    const open = connections.get(address)
    if (open) return open.connection
    const connection = connect(master)
    const isOfMaster = () => masters.all().some((one) => addressOf(one) === address)
    connections.set(address, { connection, isOfMaster })
    return connection
  }
  const stop = masters.onLook(() => {
    for (const [address, { connection, isOfMaster }] of connections) {
      if (isOfMaster()) continue
      connections.delete(address)
      connection.close()
    }
  })

  const masterOf = async (slot: number): Promise<RedisHost> => {
    await masters.known()
    const master = masters.of(slot)
    if (master) return master
    masters.look()
    throw new Error(masters.cause())
  }

  type Work<T> = (redis: Redis, isAsking: boolean) => Promise<T>

  const follow = async <T>(slot: number, work: Work<T>): Promise<T> => {
    let master = await masterOf(slot)
    let isAsking = false
    for (let redirections = 0; ; redirections++) {
      try {
        return await at(master).run((redis) => {
          // Good for the next command on this connection, which is sent in the same turn.
          if (isAsking) redis.asking().catch(() => {})
          return work(redis, isAsking)
        })
      } catch (error) {
        const redirection = redirectionOf((error as Error).message, master)
        if (!redirection || redirections === redirectionsMax) {
          masters.look()
          throw error
        }
        isAsking = redirection.kind === 'ask'
        if (redirection.kind === 'try-again') await delay(tryAgainMs)
        else master = redirection.to
        if (redirection.kind === 'moved') masters.moved(slot, master)
      }
    }
  }

  const run = <T>(key: string, work: Work<T>): Promise<T> =>
    withTimeout(timeoutMs, () => follow(slotOf(key), work))

  const evaluate = (evaluation: Evaluation, reply: Reply): Promise<unknown> =>
    run(evaluation.keys[0], (redis, isAsking) => evaluateOn(redis, evaluation, reply, isAsking))

  const outcomeOf = async (evaluation: Evaluation): Promise<Outcome> => {
    try {
      return { isDone: true, reply: await evaluate(evaluation, 'text') }
    } catch (error) {
      return { isDone: false, error: error as Error }
    }
  }

  /** Some have another place meanwhile: those are tried again one by one. */
  const evaluateTogether = async (
    master: RedisHost,
    some: readonly Evaluation[],
  ): Promise<readonly Outcome[]> => {
    try {
      const outcomes = await evaluateAllOver(at(master), some)
      const settle = async (outcome: Outcome, evaluation: Evaluation) =>
        !outcome.isDone && isElsewhere(outcome.error) ? outcomeOf(evaluation) : outcome
      return await Promise.all(outcomes.map((one, i) => settle(one, some[i] as Evaluation)))
    } catch (error) {
      masters.look()
      return some.map((): Outcome => ({ isDone: false, error: error as Error }))
    }
  }

  const tagOn = (master: RedisHost, tag: string): string => {
    const address = addressOf(master)
    const isThere = (one: string) => {
      const owner = masters.of(slotOf(`{${one}}`))
      return owner !== undefined && addressOf(owner) === address
    }
    let found = tags.get(address)
    // One of so many as there are masters fits.
    for (let n = 0; found === undefined || !isThere(found); n++) found = `${tag}:${n}`
    tags.set(address, found)
    return found
  }

  return {
    run,
    evaluate: (evaluation) => evaluate(evaluation, 'text'),
    evaluateBuffers: (evaluation) => evaluate(evaluation, 'buffers'),
    async evaluateAll(evaluations) {
      const byMaster = new Map<string, { master: RedisHost; indexes: number[] }>()
      for (const [i, { keys }] of evaluations.entries()) {
        const master = await masterOf(slotOf(keys[0]))
        const group = byMaster.get(addressOf(master)) ?? { master, indexes: [] }
        byMaster.set(addressOf(master), group)
        group.indexes.push(i)
      }
      const all: Outcome[] = []
      await Promise.all(
        [...byMaster.values()].map(async ({ master, indexes }) => {
          const some = indexes.map((i) => evaluations[i] as Evaluation)
          const outcomes = await evaluateTogether(master, some)
          for (const [n, i] of indexes.entries()) all[i] = outcomes[n] as Outcome
        }),
      )
      return all
    },
    async onEachMaster(tag, work) {
      await masters.known()
      if (masters.all().length === 0) throw new Error(masters.cause())
      const each = masters.all().map((master) => {
        const own = tagOn(master, tag)
        return run(`{${own}}`, (redis) => work(redis, own))
      })
      await Promise.all(each)
    },
    replace(reason) {
      for (const { connection } of connections.values()) connection.replace(reason)
      masters.look()
    },
    async opened() {
      await masters.known()
      await Promise.all(masters.all().map((master) => at(master).opened()))
    },
    close() {
      stop()
      for (const { connection } of connections.values()) connection.close()
      connections.clear()
    },
  }
}

const isElsewhere = ({ message }: Error): boolean =>
  /^(MOVED|ASK|TRYAGAIN|NOSCRIPT)\b/.test(message)
