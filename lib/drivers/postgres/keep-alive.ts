// A transaction that waits for something elsewhere: a pool ends a session that has nothing to do for two
// seconds (pool.ts), so it is given something.

import type { Sql } from './pool.ts'

const keepAliveMs = 500

/** While `work` goes on. */
export const keepingAlive = async <T>(sql: Sql, work: () => Promise<T>): Promise<T> => {
  const alive = setInterval(() => void sql`SELECT 1`.catch(() => {}), keepAliveMs)
  try {
    return await work()
  } finally {
    clearInterval(alive)
  }
}
