// Shares in Postgres. A change locks an account, then shares, and last the todo of a new share: whoever
// applies writes locks shares before todos.

import { randomUUID } from 'node:crypto'
import { pageOf, type Page, type Range } from '../domain/page.ts'
import type { Grantee, Share, ShareBounds, ShareRole } from '../domain/share.ts'
import type { TodosElsewhere } from '../domain/todos-elsewhere.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { noReplicas, type Replicas } from '../drivers/postgres/replicas.ts'
import {
  createRunChange,
  granteeOf,
  outcomeOf,
  permit,
  Refused,
  shareColumns,
  standingOf,
  type AppendAudit,
  type Change,
  type ShareRow,
} from './change.ts'
import { sharedWith, sharesWith, versionedSharesWith } from './shared-with.ts'
import type { OnShareChanged, Shares } from './shares.ts'
import { fromElsewhere, fromReplica } from './todos-of-shares.ts'

export { endSharesOf } from './end-shares.ts'

export type ShareSettings = {
  readonly bounds: ShareBounds
  readonly appendAudit: AppendAudit
  readonly onChanged?: OnShareChanged
  /** Where todos are in other databases. */
  readonly elsewhere?: TodosElsewhere | undefined
  /** Of this database: todos are read there. */
  readonly replicas?: Replicas
}

export const createPostgresShares = (pool: Pool, settings: ShareSettings): Shares => {
  const { bounds, appendAudit, onChanged = () => {}, elsewhere } = settings
  const { replicas = noReplicas } = settings
  const change = createRunChange(pool, appendAudit, onChanged)
  return {
    share: (by, todoId, grantee, role) =>
      change(by, (one) => share(one, bounds, todoId, grantee, role, elsewhere)),
    unshare: (by, todoId, shareId) =>
      change(by, async ({ sql, record }) => {
        permit(await standingOf(sql, by.userId, todoId, elsewhere), 'share-todo')
        const [ended] = await sql<ShareRow[]>`
          DELETE FROM todo_shares WHERE id = ${shareId} AND todo_id = ${todoId}
          RETURNING ${shareColumns(sql)}`
        if (!ended) throw new Refused('no-such-share')
        await record('share.revoked', ended)
        return undefined
      }),
    leave: (by, todoId) =>
      change(by, async ({ sql, record }) => {
        permit(await standingOf(sql, by.userId, todoId, elsewhere), 'leave-todo')
        const ended = await sql<ShareRow[]>`
          DELETE FROM todo_shares WHERE id = ANY(ARRAY(
            SELECT id FROM todo_shares
            WHERE todo_id = ${todoId} AND team_id IS NULL AND id IN (
              SELECT share_id FROM todo_sharers
              WHERE todo_id = ${todoId} AND user_id = ${by.userId})
            ORDER BY id FOR UPDATE))
          RETURNING ${shareColumns(sql)}`
        if (ended.length === 0) throw new Refused('not-allowed')
        for (const one of ended) await record('share.revoked', one)
        return undefined
      }),
    list: (userId, todoId, range) =>
      outcomeOf(
        pool.run(async (sql) => {
          permit(await standingOf(sql, userId, todoId, elsewhere), 'share-todo')
          return sharesOf(sql, todoId, range)
        }),
      ),
    listSharedWith: async (userId, range) => {
      if (elsewhere)
        return fromElsewhere(elsewhere, await pool.run((sql) => sharesWith(sql, userId, range)))
      const found =
        replicas.isAnyUsed() &&
        (await fromReplica(
          replicas,
          await pool.run((sql) => versionedSharesWith(sql, userId, range)),
        ))
      return found || pool.run((sql) => sharedWith(sql, userId, range))
    },
    standingOf: (userId, todoId) => pool.run((sql) => standingOf(sql, userId, todoId, elsewhere)),
  }
}

const share = async (
  one: Change,
  { sharesOfTodoMax }: ShareBounds,
  todoId: string,
  grantee: Grantee,
  role: ShareRole,
  elsewhere?: TodosElsewhere,
): Promise<Share> => {
  const { sql, by, record } = one
  permit(await standingOf(sql, by.userId, todoId, elsewhere), 'share-todo')
  // Whoever deletes the account has to wait, and ends this share as well.
  const accounts = await sql`SELECT FROM users WHERE id = ${by.userId} FOR KEY SHARE`
  if (accounts.count === 0) throw new Refused('no-account')
  // Those that share one todo wait for each other: its row is another's to lock.
  await sql`SELECT pg_advisory_xact_lock(hashtext(${`shares of ${todoId}`}))`
  const target = await targetOf(sql, by.userId, grantee)
  const [known] = await sql<ShareRow[]>`
    SELECT ${shareColumns(sql)} FROM todo_shares
    WHERE todo_id = ${todoId} AND team_id IS NOT DISTINCT FROM ${target.teamId}
      AND email IS NOT DISTINCT FROM ${target.email}
      AND (email IS NOT NULL OR user_id IS NOT DISTINCT FROM ${target.userId})
    FOR NO KEY UPDATE`
  if (known?.role === role) return shown(known)
  const changed = known
    ? await changeRole(sql, known.id, role)
    : await insert(one, sharesOfTodoMax, todoId, target, role, elsewhere)
  await record('share.granted', changed)
  return shown(changed)
}

type Target = {
  readonly teamId: string | null
  readonly userId: string | null
  readonly email: string | null
}

/** As a row has it. */
const targetOf = async (sql: Sql, ownerId: string, grantee: Grantee): Promise<Target> => {
  switch (grantee.kind) {
    case 'team': {
      const { teamId } = grantee
      const found = await sql`
        SELECT FROM team_members WHERE team_id = ${teamId} AND user_id = ${ownerId}`
      if (found.count === 0) throw new Refused('unknown-team')
      return { teamId, userId: null, email: null }
    }
    case 'user': {
      const { userId } = grantee
      if (userId === ownerId) throw new Refused('own-todo')
      const found = await sql`SELECT FROM users WHERE id = ${userId} FOR KEY SHARE`
      if (found.count === 0) throw new Refused('no-such-account')
      return { teamId: null, userId, email: null }
    }
    case 'address': {
      const { email } = grantee
      const [found] = await sql<{ id: string }[]>`
        SELECT id FROM users WHERE email = ${email} FOR KEY SHARE`
      if (found?.id === ownerId) throw new Refused('own-todo')
      return { teamId: null, userId: found?.id ?? null, email }
    }
  }
}

const changeRole = async (sql: Sql, shareId: string, role: ShareRole): Promise<ShareRow> => {
  const [row] = await sql<ShareRow[]>`
    UPDATE todo_shares SET role = ${role} WHERE id = ${shareId} RETURNING ${shareColumns(sql)}`
  if (!row) throw new Error('a locked row is there')
  return row
}

/** Under the lock that those that share the same todo wait for. */
const insert = async (
  { sql, by, keep }: Change,
  sharesOfTodoMax: number,
  todoId: string,
  { teamId, userId, email }: Target,
  role: ShareRole,
  elsewhere?: TodosElsewhere,
): Promise<ShareRow> => {
  const [counted] = await sql<{ shares: number }[]>`
    SELECT count(*)::int AS shares FROM todo_shares WHERE todo_id = ${todoId}`
  if ((counted?.shares ?? 0) >= sharesOfTodoMax) throw new Refused('too-many-shares')
  const [row] = await sql<ShareRow[]>`
    INSERT INTO todo_shares (id, todo_id, role, team_id, user_id, email, owner_id)
    VALUES (${randomUUID()}, ${todoId}, ${role}, ${teamId}, ${userId}, ${email}, ${by.userId})
    RETURNING ${shareColumns(sql)}`
  if (!row) throw new Error('an INSERT gives its row')
  // What is being written to it has seen no share, so it is told of to nobody whom it is shared with: the
  // share begins after that.
  if (elsewhere) {
    const locked = await elsewhere.lock(todoId)
    keep(locked)
    if (!locked.isThere) throw new Refused('unknown-todo')
  } else await sql`SELECT FROM todos WHERE id = ${todoId} FOR SHARE`
  return row
}

const sharesOf = async (
  sql: Sql,
  todoId: string,
  { after, count }: Range,
): Promise<Page<Share>> => {
  const rows = await sql<ShareRow[]>`
    SELECT ${shareColumns(sql)} FROM todo_shares
    WHERE todo_id = ${todoId}
      ${after ? sql`AND (created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::text)` : sql``}
    ORDER BY created_at DESC, id DESC
    LIMIT ${count + 1}`
  return pageOf(rows.map(shown), count, ({ createdAt, id }) => ({ createdAt, id }))
}

const shown = (row: ShareRow): Share => ({
  id: row.id,
  grantee: granteeOf(row),
  role: row.role,
  createdAt: row.created_at,
})
