// The administration of accounts in Postgres. Each change locks the account's row first: logins, resets
// and changes that race are put in order there.

import type { AuditAction, AuditDetails, NewAuditEntry } from '../domain/audit.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import {
  sessionsShownMax,
  type AccountSession,
  type Administration,
  type By,
  type Change,
  type ManagedAccount,
} from './administration.ts'
import { revokeSession, revokeSessionsOf } from './revocation.ts'

/** Writes an entry in the transaction of `sql`. */
export type AppendAudit = (sql: Sql, entry: NewAuditEntry) => Promise<void>

/** What an account has elsewhere goes first, in the transaction that deletes it. What throws, stops it. */
export type BeforeRemoval = (sql: Sql, by: By, userId: string) => Promise<void>

const columns = (sql: Sql) => sql`
  id, email, created_at, role, email_verified_at, disabled_at`

export const createPostgresAdministration = (
  pool: Pool,
  appendAudit: AppendAudit,
  beforeRemoval: BeforeRemoval = () => Promise.resolve(),
): Administration => {
  const one = (where: (sql: Sql) => ReturnType<Sql>) =>
    pool.run(async (sql) => {
      const [account] = await sql<ManagedAccount[]>`SELECT ${columns(sql)} FROM users ${where(sql)}`
      return account
    })

  /** `work` is given the account, locked, and says what to write down; undefined: nothing changes. */
  const change = (
    id: string,
    by: By,
    work: (sql: Sql, account: ManagedAccount) => Promise<Changed | undefined>,
  ): Promise<Change | undefined> =>
    pool.transaction(async (sql) => {
      const [account] = await sql<ManagedAccount[]>`
        SELECT ${columns(sql)} FROM users WHERE id = ${id} FOR UPDATE`
      if (!account) return undefined
      const changed = await work(sql, account)
      if (!changed) return { account, isChanged: false, ended: [] }
      const { action, details = {}, ended = [], ...now } = changed
      const subject = { kind: 'account' as const, id }
      await appendAudit(sql, { ...by, action, subject, details })
      return { account: { ...account, ...now.account }, isChanged: true, ended }
    })

  return {
    list: ({ after, count }) =>
      pool.run(async (sql) => {
        const rows = await sql<ManagedAccount[]>`
          SELECT ${columns(sql)} FROM users
          ${after ? sql`WHERE (created_at, id) < (${after.createdAt}, ${after.id})` : sql``}
          ORDER BY created_at DESC, id DESC LIMIT ${count + 1}`
        const accounts = rows.slice(0, count)
        const last = rows.length > count ? accounts.at(-1) : undefined
        return { accounts, next: last && { createdAt: last.created_at, id: last.id } }
      }),
    find: (id) => one((sql) => sql`WHERE id = ${id}`),
    findByEmail: (email) => one((sql) => sql`WHERE email = ${email}`),
    systemAdmins: (count) =>
      pool.run(
        (sql) => sql<ManagedAccount[]>`
          SELECT ${columns(sql)} FROM users WHERE role = 'system-admin'
          ORDER BY created_at, id LIMIT ${count}`,
      ),
    setRole: (id, role, by) =>
      change(id, by, async (sql, account) => {
        if (account.role === role) return undefined
        await sql`UPDATE users SET role = ${role} WHERE id = ${id}`
        const isGranted = role === 'system-admin'
        return {
          action: isGranted ? 'role.granted' : 'role.revoked',
          details: { role: 'system-admin' },
          account: { role },
        }
      }),
    disable: (id, by) =>
      change(id, by, async (sql, account) => {
        if (account.disabled_at !== null) return undefined
        const [row] = await sql<Pick<ManagedAccount, 'disabled_at'>[]>`
          UPDATE users SET disabled_at = now() WHERE id = ${id} RETURNING disabled_at`
        const ended = await revokeSessionsOf(sql, id)
        return {
          action: 'account.disabled',
          ended,
          details: { sessions: ended.length },
          account: row,
        }
      }),
    enable: (id, by) =>
      change(id, by, async (sql, account) => {
        if (account.disabled_at === null) return undefined
        await sql`UPDATE users SET disabled_at = NULL WHERE id = ${id}`
        return { action: 'account.enabled', account: { disabled_at: null } }
      }),
    remove: (id, by) =>
      change(id, by, async (sql, { email }) => {
        await beforeRemoval(sql, by, id)
        return removeAccount(sql, id, email)
      }),
    removeOwn: (id, passwordHash, by) =>
      change(id, by, async (sql, { email }) => {
        const same = await sql`
          SELECT FROM users WHERE id = ${id} AND password_hash = ${passwordHash}`
        if (same.count === 0) return undefined
        await beforeRemoval(sql, by, id)
        return removeAccount(sql, id, email)
      }),
    sessions: (userId) =>
      pool.run(
        (sql) => sql<AccountSession[]>`
          SELECT id, browser, network, begun_at, rotated_at AS refreshed_at, expires_at
          FROM sessions
          WHERE user_id = ${userId} AND revoked_at IS NULL AND expires_at > now()
          ORDER BY rotated_at DESC, id LIMIT ${sessionsShownMax}`,
      ),
    endSessions: (userId, by) =>
      change(userId, by, async (sql) => {
        const ended = await revokeSessionsOf(sql, userId)
        if (ended.length === 0) return undefined
        return { action: 'session.ended', ended, details: { sessions: ended.length } }
      }),
    endSession: (id, by, ownerId) =>
      pool.transaction(async (sql) => {
        if (ownerId !== undefined) {
          const own = await sql`SELECT FROM sessions WHERE id = ${id} AND user_id = ${ownerId}`
          if (own.count === 0) return false
        }
        if (!(await revokeSession(sql, id))) return false
        const subject = { kind: 'session' as const, id }
        await appendAudit(sql, { ...by, action: 'session.ended', subject })
        return true
      }),
  }
}

type Changed = {
  readonly action: AuditAction
  readonly details?: AuditDetails
  readonly ended?: readonly string[]
  /** What of it is another now. */
  readonly account?: Partial<ManagedAccount> | undefined
}

/** Its sessions stay without a name, nor from where, until none of their tokens can be good. */
const removeAccount = async (sql: Sql, id: string, email: string): Promise<Changed> => {
  const ended = await revokeSessionsOf(sql, id)
  await sql`UPDATE sessions SET browser = NULL, network = NULL WHERE user_id = ${id}`
  await sql`DELETE FROM mail_outbox WHERE address = ${email}`
  await sql`DELETE FROM users WHERE id = ${id}`
  return { action: 'account.deleted', ended, details: { sessions: ended.length } }
}
