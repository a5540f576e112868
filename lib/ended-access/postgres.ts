// Access that has ended, in Postgres: a trigger writes a row and notifies, in the transaction that ends it.
// A connection that died silently brings no notifications, so the rows are polled as well. While
// Postgres is down for all, no access ends either.

import type { Databases } from '../drivers/postgres/databases.ts'
import type { Pool } from '../drivers/postgres/pool.ts'
import { createBoundedLog, type Log } from '../runtime/log.ts'
import type { AccessEnd, EndedAccess } from './ended-access.ts'

/** As the triggers in sql/ have it. */
const notifications = 'todos_access_ended'
const pollIntervalMs = 500
/** A transaction may commit so long after it wrote its row. */
const overlapSec = 30

export const createPostgresEndedAccess = (
  pool: Pool,
  listen: Databases['listen'],
  log: Log,
): EndedAccess => {
  const warn = createBoundedLog((fields, message) => log.warn(fields, message))
  let stopListening = () => Promise.resolve()
  let polling: NodeJS.Timeout | undefined
  let isPolling = false
  /** Rows that were told, of the last two polls. */
  let told = new Set<string>()
  let polledAtMs = performance.now()

  const poll = async (onEnded: (end: AccessEnd) => void) => {
    if (isPolling) return
    isPolling = true
    const startedMs = performance.now()
    try {
      const sinceSec = (startedMs - polledAtMs) / 1_000 + overlapSec
      const rows = await pool.run(
        (sql) => sql<{ number: string; channel: AccessEnd['channel']; user_id: string }[]>`
          SELECT number::text, channel, user_id FROM ended_access
          WHERE ended_at > now() - make_interval(secs => ${sinceSec}) ORDER BY number`,
      )
      polledAtMs = startedMs
      const before = told
      told = new Set(rows.map(({ number }) => number))
      for (const { number, channel, user_id: userId } of rows)
        if (!before.has(number)) onEnded({ channel, userId })
    } catch (error) {
      warn(
        { reason: (error as Error).message },
        "access that has ended can't be looked up: trying again",
      )
    } finally {
      isPolling = false
    }
  }

  return {
    watch(onEnded) {
      polling = setInterval(() => void poll(onEnded), pollIntervalMs).unref()
      const listening = {
        onNotify(payload: string) {
          const space = payload.indexOf(' ')
          const channel = payload.slice(0, space) as AccessEnd['channel']
          onEnded({ channel, userId: payload.slice(space + 1) })
        },
        onLost() {},
        onListening: () => void poll(onEnded),
      }
      stopListening = listen('ended access', notifications, listening, log)
    },
    async close() {
      clearInterval(polling)
      await stopListening()
    },
  }
}

/** Far longer than anybody looks back. */
const keptSec = 3_600

/** For the worker: forgets what nobody looks for any more. */
export const pruneEndedAccess = async (pool: Pool): Promise<void> => {
  await pool.run(
    (sql) =>
      sql`DELETE FROM ended_access WHERE ended_at < now() - make_interval(secs => ${keptSec})`,
  )
}

/**
 * For the worker: forgets a user whose account was deleted some seconds ago. A process that has not looked
 * since takes his channels away all the same, for his sessions have ended.
 */
export const forgetEndedAccess = async (pool: Pool, userId: string): Promise<void> => {
  await pool.run((sql) => sql`DELETE FROM ended_access WHERE user_id = ${userId}`)
}
