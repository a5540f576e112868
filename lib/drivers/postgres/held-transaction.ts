// A transaction of another database that is begun when it is needed, and stays open until what needed it
// has ended: so that what it has locked there stays locked while it is relied on here.

import { keepingAlive } from './keep-alive.ts'
import type { Pool, Sql } from './pool.ts'

export type HeldTransaction = {
  /** Begins it. */
  sql(): Promise<Sql>
  /** Resolves never; rejects when it has lost what it had locked. */
  readonly lost: Promise<never>
  /** Rejects when it has lost what it had locked. */
  check(): Promise<void>
  /** Commits it, if it was begun. */
  release(): Promise<void>
  /** Rolls it back, if it was begun. Never rejects. */
  abandon(): Promise<void>
}

class Abandoned extends Error {}

export const holdTransaction = (pool: Pool): HeldTransaction => {
  let begun: Promise<Sql> | undefined
  let over = Promise.resolve()
  let end: (how: 'commit' | 'rollback') => void = () => {}
  let lose: (error: unknown) => void = () => {}
  const lost = new Promise<never>((_, reject) => (lose = reject))
  lost.catch(() => {}) // nobody may be waiting for it

  const begin = () =>
    new Promise<Sql>((resolve, reject) => {
      const ended = new Promise<'commit' | 'rollback'>((settle) => (end = settle))
      over = pool.transaction(
        async (sql) => {
          resolve(sql)
          const how = await keepingAlive(sql, () => ended)
          if (how === 'rollback') throw new Abandoned()
        },
        { timeoutMs: Infinity },
      )
      over.catch((error: Error) => {
        reject(error)
        lose(error)
      })
    })

  return {
    sql: () => (begun ??= begin()),
    lost,
    async check() {
      if (begun) await Promise.race([(await begun)`SELECT 1`, lost])
    },
    async release() {
      end('commit')
      await over
    },
    async abandon() {
      end('rollback')
      await over.catch(() => {})
    },
  }
}
