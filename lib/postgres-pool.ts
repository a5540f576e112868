// Connections to Postgres through postgres.js, with its faults routed around here and nowhere else.
// postgres.js 3.4.9 writes to a connection that has just closed: that throws where nobody can catch
// it (porsager/postgres#1208), or leaves the connection unable to ever connect again. So a transaction
// is never rolled back over a lost connection, everything has a deadline, and a pool on which a
// connection was lost is replaced whole.

import postgres, { type ReservedSql, type Sql } from 'postgres'
import { createPoolUse, type PoolUse } from './pool-use.ts'
import { withTimeout } from './with-timeout.ts'

export type PoolSettings = {
  readonly url: string
  readonly poolSize: number
  /** For any one use of the pool, from asking for a connection to the answer. */
  readonly timeoutMs: number
  /** Told how much it is used. */
  readonly use?: PoolUse
  /** Only for statements that can have one plan, whatever is in their tables. */
  readonly plansOnce?: boolean
}

export type Pool = {
  /** Runs statements on any connection. */
  run<T>(work: (sql: Sql) => PromiseLike<T>): Promise<T>
  /** Runs `work` on one connection, then COMMIT; ROLLBACK when it throws. */
  transaction<T>(
    work: (sql: ReservedSql) => Promise<T>,
    options?: { timeoutMs?: number },
  ): Promise<T>
  close(): Promise<void>
}

/** For scripts that connect once, and for LISTEN; servers and workers use a pool. */
export const connectPostgres = ({
  url,
  poolSize,
  plansOnce = false,
}: Pick<PoolSettings, 'url' | 'poolSize' | 'plansOnce'>): Sql =>
  postgres(url, {
    max: poolSize,
    connect_timeout: 5,
    // postgres.js waits up to 20 s between attempts; after a restart that is 20 s of needless outage.
    backoff: (retries: number) => Math.min(0.05 * 2 ** retries, 1),
    // postgres.js prints notices ("relation exists") to stdout; stdout is for our log lines.
    onnotice: () => {},
    connection: {
      application_name: 'todos',
      // Prepared statements keep the plan of their first uses: one made while a table was empty read
      // all of it ever after (601 us of database CPU per command instead of 24, bench:writes).
      plan_cache_mode: plansOnce ? 'force_generic_plan' : 'force_custom_plan',
    },
  })

export const createPool = (settings: PoolSettings): Pool => {
  surviveLateWrites()
  let sql = connectPostgres(settings)
  const use = settings.use ?? createPoolUse()
  use.size = settings.poolSize

  const replaceIfLost = (used: Sql, error: unknown) => {
    if (!isConnectionLost(error) || used !== sql) return
    sql = connectPostgres(settings)
    connectNoMore(used)
    void used.end({ timeout: 0 }).catch(() => {})
  }

  return {
    async run(work) {
      const used = sql
      use.underWay++
      try {
        return await withTimeout(settings.timeoutMs, async () => work(used))
      } catch (error) {
        replaceIfLost(used, error)
        throw error
      } finally {
        use.underWay--
      }
    },
    async transaction(work, { timeoutMs = settings.timeoutMs } = {}) {
      const used = sql
      let reserved: ReservedSql | undefined
      use.underWay++
      const step = (statement: string) =>
        withTimeout(settings.timeoutMs, async () => (reserved as ReservedSql).unsafe(statement))
      try {
        reserved = await withTimeout(settings.timeoutMs, () => used.reserve())
        await step('BEGIN')
        const result = await withTimeout(timeoutMs, () => work(reserved as ReservedSql))
        await step('COMMIT')
        reserved.release()
        return result
      } catch (error) {
        replaceIfLost(used, error)
        if (reserved && !isConnectionLost(error)) {
          await step('ROLLBACK').then(
            () => reserved?.release(),
            (failure: unknown) => replaceIfLost(used, failure),
          )
        }
        throw error
      } finally {
        use.underWay--
      }
    },
    async close() {
      const last = sql
      await last.end({ timeout: 5 })
      connectNoMore(last)
    },
  }
}

/**
 * end() may resolve with statements still queued, whose callers gave up long ago: postgres.js then
 * connects again for each of them, once a second, and carries them out when the database is back.
 */
const connectNoMore = (ended: Sql) => {
  Object.assign(ended.options, {
    socket() {
      throw new Error('this pool has ended')
    },
  })
}

const lostCodes = new Set([
  ...['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT'],
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'NO_ANSWER'],
  ...['57P01', '57P02', '57P03'], // the server shuts down, crashed, or is starting up
])
const isConnectionLost = (error: unknown): boolean =>
  lostCodes.has(String((error as { code?: unknown } | null)?.code))

let survives = false

/** What postgres.js throws from a timer ends the process: its pool is being replaced already. */
const surviveLateWrites = () => {
  if (survives) return
  survives = true
  process.on('uncaughtException', (error) => {
    if (error instanceof TypeError && /\bnextWrite\b.*postgres/.test(error.stack ?? '')) return
    console.error(error)
    process.exit(1)
  })
}
