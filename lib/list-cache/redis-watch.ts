// Watches the version of the lists in Redis: client-side caching (CLIENT TRACKING … BCAST) on a
// connection of its own. Silence is not freshness: a canary key is written on each data connection twice
// a second, and its invalidation must arrive. That shows at once that Redis takes writes, and that the
// connection on which changes are noticed is alive and leads to the same data.

import { randomUUID } from 'node:crypto'
import type { RedisClient } from '../drivers/redis/client.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import { withTimeout } from '../runtime/deadline.ts'
import type { CacheEvent } from './list-cache.ts'

type Settings = {
  readonly redis: RedisConnections
  readonly versionKey: string
  /** In the slot of the version's key. */
  readonly canaryPrefix: string
  /** Those that commands go through. */
  readonly clients: readonly RedisClient[]
}

export type Watching = {
  reconnect(reason: string): void
  stop(): void
}

const invalidations = '__redis__:invalidate'
const commandTimeoutMs = 500
const canaryTimeoutMs = 1_000
const canaryIntervalMs = 500

/** `unproven`: at the start, before the first canary came back or failed. */
type State = 'unproven' | 'watching' | 'lost'

/**
 * RESP2 with a redirect to itself, because ioredis 6 drops RESP3's invalidation pushes silently.
 * After a reconnect it does not track again, so that is done here on every `ready`. In a cluster the
 * invalidations of a key come from its slot's master only: the connection follows it.
 */
export const watchVersion = (
  { redis, versionKey, canaryPrefix, clients }: Settings,
  onEvent: (event: CacheEvent) => void,
): Watching => {
  const tracking = redis.follow(versionKey, { timeoutMs: commandTimeoutMs })
  /** Canaries of this process only: it ignores those of others. */
  const ownCanaries = `${canaryPrefix}${randomUUID()}:`
  let state: State = 'unproven'
  /** Another one for each connection: a proof on the last one says nothing about this. */
  let trackingSince = 0
  let isTracking = false
  let canaries = 0
  let cameBack: (key: string) => void = () => {}
  let wake = () => {}
  let closed = false

  const lost = (reason: string) => {
    if (state === 'lost' || closed) return
    state = 'lost'
    onEvent({ kind: 'lost', reason })
  }

  tracking.redis.on('message', (_channel: string, keys: string) => {
    // One message may name several keys, joined by commas; a flush of the database names none.
    const changed = keys.split(',')
    for (const key of changed) if (key.startsWith(ownCanaries)) cameBack(key)
    if (state === 'watching' && (keys === '' || changed.includes(versionKey)))
      onEvent({ kind: 'changed' })
  })
  tracking.redis.on('ready', () => {
    isTracking = false
    trackingSince++
    wake()
  })
  tracking.redis.on('close', () => {
    isTracking = false
    trackingSince++
    if (state === 'watching') lost('the connection that invalidations come on was closed')
  })

  /** On a server that is not the one to talk to, or deaf, or half set up: begin anew. */
  const replaceTracking = (reason: string) => {
    if (tracking.redis.status === 'ready') tracking.replace(reason)
    return new Error(reason)
  }

  const track = async () => {
    const prefixes = [versionKey, ownCanaries].flatMap((prefix) => ['PREFIX', prefix])
    try {
      await tracking.run(async (redis) => {
        const id = await redis.client('ID')
        await redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...prefixes)
        await redis.subscribe(invalidations)
      })
    } catch (error) {
      throw replaceTracking((error as Error).message)
    }
    isTracking = true
  }

  /** Keys that are new each time: the end of an old canary's life sends an invalidation, too. */
  const sendCanaries = async () => {
    const keys = new Set(clients.map(() => `${ownCanaries}${++canaries}`))
    const missing = new Set(keys)
    const allCameBack = new Promise<void>((resolve) => {
      cameBack = (key) => {
        missing.delete(key)
        if (missing.size === 0) resolve()
      }
    })
    const [...each] = keys
    await Promise.all(
      clients.map((one, i) => {
        const key = each[i] as string
        return one.run(key, (redis) => redis.set(key, '1', 'PX', canaryTimeoutMs))
      }),
    )
    await withTimeout(canaryTimeoutMs, () => allCameBack).catch(() => {
      throw replaceTracking('redis sends no invalidations')
    })
  }

  const prove = async () => {
    try {
      if (!isTracking) await track()
      const since = trackingSince
      await sendCanaries()
      if (since !== trackingSince || closed || state === 'watching') return
      state = 'watching'
      onEvent({ kind: 'restored' })
    } catch (error) {
      lost((error as Error).message)
    }
  }

  const goOn = async () => {
    while (!closed) {
      const woken = new Promise<void>((resolve) => (wake = resolve))
      await prove()
      const timer = setTimeout(() => wake(), canaryIntervalMs)
      await woken
      clearTimeout(timer)
    }
  }
  void goOn()

  return {
    reconnect: (reason) => tracking.replace(reason),
    stop() {
      closed = true
      wake()
      tracking.close()
    },
  }
}
