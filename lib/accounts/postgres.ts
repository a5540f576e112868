// Accounts in Postgres. Each step that decides something is one statement, so that requests that race
// are put in order by the row they meet at, and no clock but the database's is asked.

import type { Role } from '../domain/role.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import type { Log } from '../runtime/log.ts'
import { revokeSession, revocationChannel } from './revocation.ts'
import { firstGeneration, type Account, type Accounts, type User } from './accounts.ts'

/** Longer than an access token may live: a revoked session is checked until its last one has ended. */
const keptAfterEndSec = 2 * 86_400
/** By each login, so that the table can not grow faster than it is pruned. */
const prunedAtOnce = 10

export const createPostgresAccounts = (
  pool: Pool,
  listen: Databases['listen'],
  log?: Log,
): Accounts => {
  let stopListening = () => Promise.resolve()
  return {
    addUser: ({ id, email, passwordHash }) =>
      pool.run(async (sql) => {
        const [user] = await sql<User[]>`
          INSERT INTO users (id, email, password_hash) VALUES (${id}, ${email}, ${passwordHash})
          ON CONFLICT (email) DO NOTHING RETURNING id, email, created_at`
        return user ?? 'email-in-use'
      }),
    findByEmail: (email) => pool.run((sql) => accountWhere(sql, sql`email = ${email}`)),
    findAccount: (id) => pool.run((sql) => accountWhere(sql, sql`id = ${id}`)),
    findUser: (id) =>
      pool.run(async (sql) => {
        const [user] = await sql<User[]>`SELECT id, email, created_at FROM users WHERE id = ${id}`
        return user
      }),
    roleOf: (userId) =>
      pool.run(async (sql) => {
        const [row] = await sql<{ role: Role }[]>`
          SELECT role FROM users WHERE id = ${userId} AND disabled_at IS NULL`
        return row?.role
      }),
    replaceHash: (userId, from, to) =>
      pool.run(async (sql) => {
        await sql`
          UPDATE users SET password_hash = ${to} WHERE id = ${userId} AND password_hash = ${from}`
      }),
    openSession: ({ id, userId, passwordHash, ttlSec, client: { browser, network } }) =>
      pool.run(async (sql) => {
        // The lock puts it in order with what ends all sessions of the account: it is seen and ended,
        // or never opened.
        const opened = await sql`
          WITH pruned AS (
            DELETE FROM sessions WHERE id IN (
              SELECT id FROM sessions
              WHERE expires_at < now() - make_interval(secs => ${keptAfterEndSec})
              ORDER BY expires_at LIMIT ${prunedAtOnce} FOR UPDATE SKIP LOCKED)),
          owner AS (
            SELECT id FROM users
            WHERE id = ${userId} AND password_hash = ${passwordHash} AND disabled_at IS NULL
            FOR SHARE)
          INSERT INTO sessions (id, user_id, generation, expires_at, browser, network)
          SELECT ${id}, id, ${firstGeneration}, now() + make_interval(secs => ${ttlSec}),
            ${browser}, ${network} FROM owner`
        return opened.count === 1
      }),
    rotate: (id, generation, graceSec) =>
      pool.run(async (sql) => {
        const [rotated] = await sql<{ user_id: string }[]>`
          UPDATE sessions SET generation = generation + 1, rotated_at = now()
          WHERE id = ${id} AND generation = ${generation} AND user_id IS NOT NULL
            AND revoked_at IS NULL AND expires_at > now()
          RETURNING user_id`
        const successor = generation + 1
        if (rotated) return { kind: 'rotated', userId: rotated.user_id, generation: successor }
        // A statement of its own: it sees what the one that won the race has just committed.
        const [held] = await sql<{ user_id: string; is_repeat: boolean }[]>`
          SELECT user_id, generation = ${successor}
            AND rotated_at > now() - make_interval(secs => ${graceSec}) AS is_repeat
          FROM sessions
          WHERE id = ${id} AND user_id IS NOT NULL AND revoked_at IS NULL AND expires_at > now()`
        if (!held) return { kind: 'ended' }
        if (held.is_repeat) return { kind: 'rotated', userId: held.user_id, generation: successor }
        // When two find it out at once, one reports it.
        return (await revokeSession(sql, id))
          ? { kind: 'reused', userId: held.user_id }
          : { kind: 'ended' }
      }),
    ownerOf: (id) =>
      pool.run(async (sql) => {
        const [row] = await sql<{ user_id: string }[]>`
          SELECT user_id FROM sessions
          WHERE id = ${id} AND user_id IS NOT NULL AND revoked_at IS NULL AND expires_at > now()`
        return row?.user_id
      }),
    revoke: (id) =>
      pool.run(async (sql) => {
        await revokeSession(sql, id)
      }),
    revokedWithin: (sec) =>
      pool.run(async (sql) => {
        const rows = await sql<{ id: string }[]>`
          SELECT id FROM sessions WHERE revoked_at > now() - make_interval(secs => ${sec})`
        return rows.map((row) => row.id)
      }),
    watchRevoked({ onRevoked, onListening }) {
      const listening = { onNotify: onRevoked, onLost: () => {}, onListening }
      stopListening = listen('revoked sessions', revocationChannel, listening, log)
    },
    async close() {
      await stopListening()
      await pool.close()
    },
  }
}

const accountWhere = async (sql: Sql, which: ReturnType<Sql>): Promise<Account | undefined> => {
  const [row] = await sql<(User & { password_hash: string; is_verified: boolean })[]>`
    SELECT id, email, created_at, password_hash, email_verified_at IS NOT NULL AS is_verified
    FROM users WHERE ${which} AND disabled_at IS NULL`
  if (!row) return undefined
  const { password_hash: passwordHash, is_verified: isVerified, ...user } = row
  return { user, passwordHash, isVerified }
}
