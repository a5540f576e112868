// A change of who a todo is shared with: one transaction, which decides, changes and writes down what it
// did. A refusal anywhere in it undoes all of it.

import type { AuditAction, NewAuditEntry } from '../domain/audit.ts'
import { mayWithTodo, type TodoAction } from '../domain/permission.ts'
import { outcomeOf as settle, RefusedChange, type Actor } from '../domain/outcome.ts'
import type { Grantee, PersonalStanding, ShareRole } from '../domain/share.ts'
import type { LockedTodo, TodosElsewhere } from '../domain/todos-elsewhere.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import type { OnShareChanged, Outcome, ShareRefusal } from './shares.ts'

/** Writes an entry of the audit log in the transaction of `sql`. */
export type AppendAudit = (sql: Sql, entry: NewAuditEntry) => Promise<void>

export type Change = {
  readonly sql: Sql
  readonly by: Actor
  readonly record: (action: AuditAction, share: ShareRow) => Promise<void>
  /** Lets go of it when the transaction has ended. */
  readonly keep: (locked: LockedTodo) => void
}
export type RunChange = <T>(by: Actor, work: (change: Change) => Promise<T>) => Promise<Outcome<T>>

export type ShareRow = {
  readonly id: string
  readonly todo_id: string
  readonly role: ShareRole
  readonly team_id: string | null
  readonly user_id: string | null
  readonly email: string | null
  readonly created_at: Date
}
export const shareColumns = (sql: Sql) => sql`
  id, todo_id, role, team_id, user_id, email, created_at`

/** An address hides the account that it may have. */
export const granteeOf = ({ team_id, user_id, email }: ShareRow): Grantee => {
  if (team_id !== null) return { kind: 'team', teamId: team_id }
  if (email !== null) return { kind: 'address', email }
  if (user_id !== null) return { kind: 'user', userId: user_id }
  throw new Error('a share is with somebody')
}

export class Refused extends RefusedChange<ShareRefusal> {}

/** What `work` gives, or why it was refused. */
export const outcomeOf = <T>(work: Promise<T>): Promise<Outcome<T>> => settle(Refused, work)

export const createRunChange =
  (pool: Pool, appendAudit: AppendAudit, onChanged: OnShareChanged): RunChange =>
  async (by, work) => {
    const recorded: AuditAction[] = []
    const kept: LockedTodo[] = []
    const record = async (sql: Sql, action: AuditAction, share: ShareRow) => {
      recorded.push(action)
      await appendAudit(sql, entryOf(by, action, share))
    }
    const change = async () => {
      try {
        return await pool.transaction((sql) =>
          work({
            sql,
            by,
            record: (action, share) => record(sql, action, share),
            keep: (locked) => kept.push(locked),
          }),
        )
      } finally {
        await Promise.all(kept.map((one) => one.release()))
      }
    }
    const outcome = await outcomeOf(change())
    if (outcome.kind === 'done') for (const action of recorded) onChanged(action)
    return outcome
  }

/** Ids only: an address is in no entry. */
const entryOf = (
  { userId: actorId, requestId }: Actor,
  action: AuditAction,
  { id: shareId, todo_id, role, team_id, user_id }: ShareRow,
): NewAuditEntry => {
  const details: Record<string, string> = { shareId, role }
  if (team_id !== null) details['teamId'] = team_id
  if (user_id !== null) details['userId'] = user_id
  const subject = { kind: 'todo', id: todo_id } as const satisfies NewAuditEntry['subject']
  return { actorId, requestId, action, subject, details }
}

/** What `userId` is to a personal todo. `elsewhere`: where that is in another database. */
export const standingOf = async (
  sql: Sql,
  userId: string,
  todoId: string,
  elsewhere?: TodosElsewhere,
): Promise<PersonalStanding | undefined> => {
  if (elsewhere) {
    const ownerId = await elsewhere.ownerOf(todoId)
    if (ownerId === undefined) return undefined
    return ownerId === userId ? 'owner' : roleOf(sql, userId, todoId)
  }
  const [row] = await sql<{ standing: PersonalStanding | null }[]>`
    SELECT CASE WHEN todos.user_id = ${userId} THEN 'owner' ELSE (
      SELECT role FROM todo_roles WHERE todo_id = todos.id AND user_id = ${userId}) END AS standing
    FROM todos WHERE id = ${todoId} AND is_personal AND team_id IS NULL`
  return row?.standing ?? undefined
}

const roleOf = async (sql: Sql, userId: string, todoId: string): Promise<ShareRole | undefined> => {
  const [row] = await sql<{ role: ShareRole }[]>`
    SELECT role FROM todo_roles WHERE todo_id = ${todoId} AND user_id = ${userId}`
  return row?.role
}

/** Throws unless `standing` may do it. */
export const permit = (standing: PersonalStanding | undefined, action: TodoAction): void => {
  const verdict = mayWithTodo(action, standing ?? 'stranger')
  if (verdict === 'unknown') throw new Refused('unknown-todo')
  if (verdict === 'known') throw new Refused('not-allowed')
}
