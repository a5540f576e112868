// The one owner of a process's connections to Postgres: pools, LISTEN connections and one-off ones, each
// under its name in the budget, which says how many there may be. Pools stay apart, so that limits do
// not wait behind lists, nor pings behind publishes.

import type { Log } from '../../runtime/log.ts'
import { scriptBudget, type Budget, type ListenerName, type PoolName } from './budget.ts'
import { listen, type Listening } from './listen.ts'
import { createPool, type Pool, type PoolSettings } from './pool.ts'
import { createSilenceWatch } from './silence.ts'
import { sessionUrl, urlFault, type PostgresUrls } from './urls.ts'

export type Databases = {
  /** Connects when it is used. Whoever is done with it before the process ends may close it. */
  pool(name: PoolName, settings: PoolUseSettings): Pool
  /** Begins to listen, on a session of its own, and keeps at it; returns how to stop. */
  listen(name: ListenerName, channel: string, listening: Listening, log?: Log): Stop
  /** Work on a connection that is opened for it, and closed. */
  once<T>(timeoutMs: number, work: (pool: Pool) => Promise<T>): Promise<T>
  /** What is wrong with the settings, and what to set: see urls.ts. Rejects without an answer. */
  fault(): Promise<string | undefined>
  /** Closes all that is open, side by side. */
  close(): Promise<void>
}

type PoolUseSettings = Omit<PoolSettings, keyof PostgresUrls | 'poolSize' | 'silenceWatch'>
type Stop = () => Promise<void>

export const openDatabases = (urls: PostgresUrls, budget: Budget = scriptBudget): Databases => {
  const open = new Set<{ close: () => Promise<void> }>()
  const silenceWatch = createSilenceWatch(urls.url)

  const sizeOf = (name: PoolName | ListenerName): number => {
    const size = budget[name]
    if (size === 0) throw new Error(`no connections for ${name} are in this process's budget`)
    return size
  }
  const kept = <T extends { close: () => Promise<void> }>(one: T): T => {
    const { close } = one
    const entry = {
      ...one,
      async close() {
        open.delete(entry)
        await close()
      },
    }
    open.add(entry)
    return entry
  }

  const pool: Databases['pool'] = (name, settings) =>
    kept(createPool({ ...settings, ...urls, poolSize: sizeOf(name), silenceWatch }))

  return {
    pool,
    listen(name, channel, listening, log) {
      sizeOf(name)
      return kept({ close: listen(sessionUrl(urls), channel, listening, log) }).close
    },
    async once(timeoutMs, work) {
      const one = pool('one-off', { timeoutMs })
      try {
        return await work(one)
      } finally {
        await one.close()
      }
    },
    fault: () => urlFault(urls),
    async close() {
      await Promise.all([...open].map((one) => one.close()))
    },
  }
}
