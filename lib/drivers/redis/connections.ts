// The one owner of a process's connections to Redis, and of what it knows of where masters are. Who uses
// it takes as many clients as it needs, each with a bound of its own: limits must not wait behind lists.

import { parseRedisUrl, type RedisHost, type RedisTarget } from '../../runtime/config/redis-url.ts'
import type { Log } from '../../runtime/log.ts'
import { clientOfCluster, clientOfOne, type RedisClient } from './client.ts'
import { askNode } from './cluster.ts'
import { connectRedis, type RedisConnection } from './connection.ts'
import { addressOf, fixedMaster, watchMasters, type Masters } from './masters.ts'
import { askSentinel } from './sentinel.ts'
import { slotOf } from './slot.ts'
import type { RedisTls } from './tls.ts'

export type RedisConnections = {
  /** Connects at once. Whoever is done with it before the process ends may close it. */
  connect(settings: { readonly timeoutMs: number }): RedisClient
  /** One connection to the master of `key`, whichever server that is: for what is heard there. */
  follow(key: string, settings: { readonly timeoutMs: number }): RedisConnection
  /** By address, and whether somebody has said so lately: always of a server that the URL names. */
  masters(): ReadonlyMap<string, boolean>
  close(): void
}

/** Causes differ by the command: there are few. */
const reportedMax = 50
const askTimeoutMs = 500

/** `tls` counts where the URL is with TLS. */
export const openRedis = (url: string, log: Log, tls: RedisTls = {}): RedisConnections => {
  const target = parseRedisUrl(url)
  const { found } = target
  const login = { ...target, tls: target.hasTls ? tls : undefined }
  const open = new Set<{ close(): void }>()
  /** One line for each cause, not one for each attempt of each connection. */
  const reported = new Set<string>()
  const report = ({ message }: Error, reason: string) => {
    if (reported.has(message) || reported.size >= reportedMax) return
    reported.add(message)
    log.warn({ reason }, 'redis refuses this process')
  }

  /** Closed with the others. */
  const keep = <T extends { close(): void }>(one: T): T => {
    const kept = {
      ...one,
      close() {
        open.delete(kept)
        one.close()
      },
    }
    open.add(kept)
    return kept
  }

  const kind = found.by === 'cluster' ? 'cluster' : 'server'
  const at = (host: RedisHost) => ({ find: () => Promise.resolve(host), login, kind }) as const
  const masters = openMasters(target, log, (host) => {
    const settings = { ...at(host), timeoutMs: askTimeoutMs }
    if (found.by !== 'sentinel') return connectRedis(settings, log, report)
    const own = { ...login, user: found.user, password: found.password, database: 0 }
    return connectRedis({ ...settings, login: own, kind: 'sentinel' }, log, report)
  })

  const follow = (slot: number, timeoutMs: number): RedisConnection => {
    const find = async () => {
      await masters.known()
      const master = masters.of(slot)
      if (!master) throw new Error(masters.cause())
      return master
    }
    const connection = connectRedis({ find, login, timeoutMs, kind }, log, report)
    const stop = masters.onLook(() => {
      const [from, to] = [connection.address(), masters.of(slot)]
      if (from && to && addressOf(from) !== addressOf(to))
        connection.replace(`the master is ${addressOf(to)} now`)
    })
    return {
      ...connection,
      async run(work) {
        try {
          return await connection.run(work)
        } catch (error) {
          masters.look()
          throw error
        }
      },
      close() {
        stop()
        connection.close()
      },
    }
  }

  return {
    connect: ({ timeoutMs }) =>
      keep(
        kind === 'cluster'
          ? clientOfCluster(
              masters,
              (host) => connectRedis({ ...at(host), timeoutMs }, log, report),
              timeoutMs,
            )
          : clientOfOne(follow(0, timeoutMs)),
      ),
    follow: (key, { timeoutMs }) => keep(follow(slotOf(key), timeoutMs)),
    masters: () => new Map(masters.all().map((one) => [addressOf(one), masters.isConfirmed()])),
    close() {
      for (const one of open) one.close()
      masters.close()
    },
  }
}

const openMasters = (
  { hosts, found }: RedisTarget,
  log: Log,
  connect: (host: RedisHost) => RedisConnection,
): Masters => {
  switch (found.by) {
    case 'address':
      return fixedMaster(hosts[0])
    case 'sentinel':
      return watchMasters({ hosts, connect, log, ask: askSentinel(found.masterName) })
    case 'cluster':
      return watchMasters({ hosts, connect, log, ask: askNode })
  }
}
