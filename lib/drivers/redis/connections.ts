// The one owner of a process's connections to Redis. Who uses it takes as many as it needs, each with a
// bound of its own: limits must not wait behind lists.

import type { Log } from '../../runtime/log.ts'
import { connectRedis, type RedisConnection, type RedisConnectionSettings } from './connection.ts'

export type RedisConnections = {
  /** Connects at once. Whoever is done with it before the process ends may close it. */
  connect(settings: Omit<RedisConnectionSettings, 'url'>): RedisConnection
  close(): void
}

/** Causes differ by the command: there are few. */
const reportedMax = 50

export const openRedis = (url: string, log: Log): RedisConnections => {
  const open = new Set<RedisConnection>()
  /** One line for each cause, not one for each attempt of each connection. */
  const reported = new Set<string>()
  const report = ({ message }: Error, reason: string) => {
    if (reported.has(message) || reported.size >= reportedMax) return
    reported.add(message)
    log.warn({ reason }, 'redis refuses this process')
  }
  return {
    connect(settings) {
      const connection = connectRedis({ ...settings, url }, log, report)
      const kept: RedisConnection = {
        ...connection,
        close() {
          open.delete(kept)
          connection.close()
        },
      }
      open.add(kept)
      return kept
    },
    close() {
      for (const connection of open) connection.close()
    },
  }
}
