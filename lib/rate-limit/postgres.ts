// Limits counted in Postgres, for as long as Redis is down or where there is none. One statement is one
// decision: a second for the same key waits for its row, and goes on from what the first has left. By
// the database's clock.

import type { Log } from '../runtime/log.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { withTimeout } from '../runtime/deadline.ts'
import { keyOf, type Decision, type LimitStore, type Policy } from './policy.ts'
import { windowDecision } from './sliding-window.ts'
import { bucketDecision, tokenUsOf } from './token-bucket.ts'

/** A decision is a fraction of a millisecond on a connection, and many share one. */
const usesPerConnection = 16
/** To connect takes longer than a decision may: it goes on behind those that could not wait. */
const connectTimeoutMs = 2_000

export const createPostgresLimitStore = (
  databases: Databases,
  { timeoutMs, log }: { readonly timeoutMs: number; readonly log?: Log },
): LimitStore => {
  // A pool of its own: limits must not wait behind lists.
  const pool = databases.pool('limits', {
    log,
    timeoutMs: Math.max(timeoutMs, connectTimeoutMs),
    usesPerConnection,
    // One row by its key: planned anew each time, a decision costs twice as much (bench:limits).
    plansOnce: true,
  })
  return {
    take: (policy, key) =>
      withTimeout(timeoutMs, () =>
        pool.run((sql) =>
          policy.algorithm === 'token-bucket'
            ? takeFromBucket(sql, policy, keyOf(policy, key))
            : takeFromWindow(sql, policy, keyOf(policy, key)),
        ),
      ),
    refund: (policy, key) =>
      withTimeout(timeoutMs, () =>
        pool.run(async (sql) => {
          await sql`
            UPDATE rate_limit_buckets SET full_at_us = full_at_us - ${tokenUsOf(policy)}::bigint
            WHERE key = ${keyOf(policy, key)}`
        }),
      ),
    open: pool.ping,
    reconnect() {}, // the pool does that by itself
    close: pool.close,
  }
}

// statement_timestamp(), because it is the same wherever the statement says it. While it waits for the
// row it grows old: that is never in a client's favour.
const nowUs = (sql: Sql) => sql`(extract(epoch FROM statement_timestamp()) * 1000000)::bigint`

const takeFromBucket = async (sql: Sql, policy: Policy, key: string): Promise<Decision> => {
  const tokenUs = tokenUsOf(policy)
  const wholeUs = policy.limit * tokenUs
  const at = nowUs(sql)
  const [row] = await sql<{ at_us: string; full_at_us: string; is_allowed: boolean }[]>`
    INSERT INTO rate_limit_buckets AS held (key, at_us, full_at_us, is_allowed, expires_at)
    VALUES (${key}, ${at}, ${at} + ${tokenUs}::bigint, true,
      statement_timestamp() + make_interval(secs => ${tokenUs / 1e6}))
    ON CONFLICT (key) DO UPDATE SET (at_us, full_at_us, is_allowed, expires_at) = (
      SELECT EXCLUDED.at_us, after_us, is_allowed, to_timestamp(after_us / 1000000.0)
      FROM (SELECT least(greatest(held.full_at_us, EXCLUDED.at_us),
          EXCLUDED.at_us + ${wholeUs}::bigint) AS full_us) AS before,
        LATERAL (SELECT full_us + ${tokenUs}::bigint - EXCLUDED.at_us <= ${wholeUs}::bigint
          AS is_allowed) AS verdict,
        LATERAL (SELECT CASE WHEN is_allowed THEN full_us + ${tokenUs}::bigint ELSE full_us END
          AS after_us) AS after)
    RETURNING at_us, full_at_us, is_allowed`
  if (!row) throw new Error('an upsert returned nothing')
  return bucketDecision(policy, {
    allowed: row.is_allowed,
    atUs: Number(row.at_us),
    fullAtUs: Number(row.full_at_us),
  })
}

type WindowRow = {
  readonly at_us: string
  readonly window_number: string
  readonly current: string
  readonly previous: string
  readonly is_allowed: boolean
}

const takeFromWindow = async (sql: Sql, policy: Policy, key: string): Promise<Decision> => {
  const windowMs = policy.windowSec * 1_000
  const at = nowUs(sql)
  const [row] = await sql<WindowRow[]>`
    INSERT INTO rate_limit_windows AS held
      (key, at_us, window_number, current, previous, is_allowed, expires_at)
    VALUES (${key}, ${at}, ${at} / 1000 / ${windowMs}::bigint, 1, 0, true,
      statement_timestamp() + make_interval(secs => ${2 * policy.windowSec}))
    ON CONFLICT (key) DO UPDATE
    SET (at_us, window_number, current, previous, is_allowed, expires_at) = (
      SELECT EXCLUDED.at_us, number, taken + is_allowed::int, faded, is_allowed, EXCLUDED.expires_at
      FROM (SELECT
          -- One ahead: the clock was set back over the edge, and what was counted stands.
          held.window_number - EXCLUDED.window_number IN (0, 1) AS is_held,
          held.window_number - EXCLUDED.window_number = -1 AS is_before) AS relation,
        LATERAL (SELECT
          CASE WHEN is_held THEN held.window_number ELSE EXCLUDED.window_number END AS number,
          CASE WHEN is_held THEN held.current ELSE 0 END AS taken,
          CASE WHEN is_held THEN held.previous WHEN is_before THEN held.current ELSE 0 END
            AS faded) AS before,
        LATERAL (SELECT ${windowMs}::bigint - greatest(0,
          EXCLUDED.at_us / 1000 - number * ${windowMs}::bigint) AS left_ms) AS time,
        LATERAL (SELECT faded * left_ms + taken * ${windowMs}::bigint
          <= ${policy.limit - 1}::bigint * ${windowMs}::bigint AS is_allowed) AS verdict)
    RETURNING at_us, window_number, current, previous, is_allowed`
  if (!row) throw new Error('an upsert returned nothing')
  return windowDecision(policy, {
    allowed: row.is_allowed,
    atUs: Number(row.at_us),
    window: Number(row.window_number),
    current: Number(row.current),
    previous: Number(row.previous),
  })
}

/** Few at a time: this runs beside the statements of somebody else. */
const prunedAtOnce = 10_000

/** Takes out what means nothing any more. */
export const pruneRateLimits = async (pool: Pool): Promise<void> => {
  while ((await pool.run(pruneSome)) > 0);
}

const pruneSome = async (sql: Sql): Promise<number> => {
  let pruned = 0
  for (const table of ['rate_limit_buckets', 'rate_limit_windows']) {
    const { count } = await sql`
      DELETE FROM ${sql(table)} WHERE key IN (
        SELECT key FROM ${sql(table)} WHERE expires_at < now()
        LIMIT ${prunedAtOnce} FOR UPDATE SKIP LOCKED)`
    pruned += count
  }
  return pruned
}
