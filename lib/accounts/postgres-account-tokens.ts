// The tokens of mails in Postgres, hashed.

import type { AccountMailKind } from '../domain/mail.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { hashOfToken, newToken } from '../runtime/single-use-token.ts'
import type { AccountTokens } from './account-tokens.ts'
import type { AppendAudit } from './postgres-administration.ts'
import { revokeSessionsOf } from './revocation.ts'

export const createPostgresAccountTokens = (
  pool: Pool,
  appendAudit: AppendAudit,
): AccountTokens => ({
  issue: (kind, email, ttlSec) =>
    pool.run(async (sql) => {
      const token = newToken()
      const { count } = await sql`
        INSERT INTO account_tokens (user_id, purpose, hash, expires_at)
        SELECT id, ${kind}, ${hashOfToken(token)}, now() + make_interval(secs => ${ttlSec}) FROM users
        WHERE email = ${email} AND disabled_at IS NULL
          AND (${kind} <> 'verify-email' OR email_verified_at IS NULL)
        ON CONFLICT (user_id, purpose) DO UPDATE
        SET hash = excluded.hash, expires_at = excluded.expires_at`
      return count === 1 ? token : undefined
    }),
  isUsable: (kind, token) =>
    pool.run(async (sql) => {
      const found = await sql`
        SELECT FROM account_tokens
        WHERE hash = ${hashOfToken(token)} AND purpose = ${kind} AND expires_at > now()`
      return found.count === 1
    }),
  verifyEmail: (token) =>
    pool.transaction(async (sql) => {
      const userId = await useUp(sql, 'verify-email', token)
      if (userId === undefined) return false
      await sql`
        UPDATE users SET email_verified_at = coalesce(email_verified_at, now()) WHERE id = ${userId}`
      return true
    }),
  resetPassword: (token, passwordHash, requestId) =>
    pool.transaction(async (sql) => {
      const userId = await useUp(sql, 'reset-password', token)
      if (userId === undefined) return undefined
      // Whoever got the mail has the address.
      await sql`
        UPDATE users SET password_hash = ${passwordHash},
          email_verified_at = coalesce(email_verified_at, now())
        WHERE id = ${userId}`
      const ended = await revokeSessionsOf(sql, userId)
      await appendAudit(sql, {
        actorId: userId,
        action: 'password.reset',
        subject: { kind: 'account', id: userId },
        details: { sessions: ended.length },
        requestId,
      })
      return ended
    }),
})

/**
 * Whose it was. The account's row is locked first, as by every other change: two that lock in another
 * order would wait for each other. The DELETE decides who of several was first.
 */
const useUp = async (
  sql: Sql,
  kind: AccountMailKind,
  token: string,
): Promise<string | undefined> => {
  const hash = hashOfToken(token)
  await sql`
    SELECT FROM users WHERE id = (SELECT user_id FROM account_tokens WHERE hash = ${hash})
    FOR UPDATE`
  const [used] = await sql<{ user_id: string }[]>`
    DELETE FROM account_tokens USING users
    WHERE hash = ${hash} AND purpose = ${kind} AND expires_at > now()
      AND users.id = user_id AND disabled_at IS NULL
    RETURNING user_id`
  return used?.user_id
}
