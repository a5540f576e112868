// The one connection of a process on which events arrive. Silence does not mean that nothing happens: a
// canary is published on each master that events are read from, and must arrive, twice a second.

import { randomUUID } from 'node:crypto'
import type { RedisClient } from '../drivers/redis/client.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import { withTimeout } from '../runtime/deadline.ts'
import { evaluateOn } from '../drivers/redis/scripts.ts'
import { canaryScript } from './redis-scripts.ts'

export type Subscriber = {
  /** Resolves when what is published from then on arrives. */
  subscribe(name: string): Promise<void>
  unsubscribe(name: string): void
  /** Undefined: it is proven that what is published arrives. */
  fault(): string | undefined
  close(): void
}

type Settings = {
  readonly redis: RedisConnections
  /** Where events are read. */
  readonly reading: RedisClient
  /** What is subscribed to on each new connection. */
  readonly names: () => readonly string[]
  readonly onMessage: (name: string, message: string) => void
  /** Messages arrive for the first time or again: those from before may be missed. */
  readonly onProven: () => void
}

/** Many names are subscribed to at once on a new connection. */
const commandTimeoutMs = 2_000
const canaryTimeoutMs = 1_000
const canaryIntervalMs = 500
/** Names in one command. */
const namesAtOnce = 1_000

export const createSubscriber = (settings: Settings): Subscriber => {
  const { redis, reading, names, onMessage, onProven } = settings
  const ownCanary = `canary:${randomUUID()}`
  const canaryName = `{events}:${ownCanary}`
  const connection = redis.follow(canaryName, { timeoutMs: commandTimeoutMs })
  let fault: string | undefined = 'it is not proven yet that events arrive'
  let isSubscribed = false
  /** Another one for each connection: a proof on the last one says nothing about this. */
  let generation = 0
  let canaries = 0
  let cameBack: (canary: string) => void = () => {}
  let wake = () => {}
  let closed = false

  // A cluster carries what is published on any node to all of them. Sharded channels (SSUBSCRIBE) would
  // need a connection to each master, and would have to follow each slot that moves. What it costs is in
  // docs/how-to/redis-sentinel-cluster.md.
  const subscribe = async (some: readonly string[]) => {
    for (let i = 0; i < some.length; i += namesAtOnce) {
      await connection.run((client) => client.subscribe(...some.slice(i, i + namesAtOnce)))
    }
  }

  const begin = () => {
    isSubscribed = false
    generation++
  }
  connection.redis.on('message', (name: string, message: string) => {
    if (name === canaryName) cameBack(message)
    else onMessage(name, message)
  })
  connection.redis.on('ready', () => {
    begin()
    wake()
  })
  connection.redis.on('close', () => {
    begin()
    fault ??= 'the connection that events arrive on was closed'
  })

  const sendCanary = async () => {
    const turn = String(++canaries)
    const missing = new Set<string>()
    let isSent = false
    let allArrived = () => {}
    const arrived = new Promise<void>((resolve) => (allArrived = resolve))
    cameBack = (seen) => {
      missing.delete(seen)
      if (isSent && missing.size === 0) allArrived()
    }
    // From each master: the way from one of a cluster says nothing about that from another.
    await reading.onEachMaster('events', (redis, tag) => {
      const canary = `${turn} ${tag}`
      missing.add(canary)
      const evaluation = {
        script: canaryScript,
        keys: [`{${tag}}:${ownCanary}`] as const,
        values: [canaryTimeoutMs, canary, canaryName],
      }
      return evaluateOn(redis, evaluation, 'text', true)
    })
    isSent = true
    if (missing.size === 0) allArrived()
    await withTimeout(canaryTimeoutMs, () => arrived).catch(() => {
      const reason = 'redis delivers nothing on the connection that events arrive on'
      if (connection.redis.status === 'ready') connection.replace(reason)
      throw new Error(reason)
    })
  }

  const prove = async () => {
    try {
      const since = generation
      if (!isSubscribed) {
        await subscribe([canaryName, ...names()])
        if (since === generation) isSubscribed = true
      }
      await sendCanary()
      if (since !== generation || closed || fault === undefined) return
      fault = undefined
      onProven()
    } catch (error) {
      fault = (error as Error).message
    }
  }

  const goOn = async () => {
    while (!closed) {
      const woken = new Promise<void>((resolve) => (wake = resolve))
      await prove()
      const timer = setTimeout(() => wake(), canaryIntervalMs).unref()
      await woken
      clearTimeout(timer)
    }
  }
  void goOn()

  return {
    subscribe: (name) => subscribe([name]),
    unsubscribe(name) {
      if (!isSubscribed) return
      connection.run((client) => client.unsubscribe(name)).catch(() => {}) // gone with the connection
    },
    fault: () => fault,
    close() {
      closed = true
      wake()
      connection.close()
    },
  }
}
