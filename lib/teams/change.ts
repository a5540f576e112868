// A change of teams: one transaction, which decides, changes and writes down what it did. A refusal
// anywhere in it undoes all of it.

import type { AuditAction, AuditDetails, NewAuditEntry } from '../domain/audit.ts'
import { outcomeOf as settle, RefusedChange, type Actor } from '../domain/outcome.ts'
import { mayInTeam, type TeamAction, type TeamStanding } from '../domain/permission.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import type { OnTeamChanged, Outcome, Refusal } from './teams.ts'

/** Writes an entry of the audit log in the transaction of `sql`. */
export type AppendAudit = (sql: Sql, entry: NewAuditEntry) => Promise<void>

export type Change = {
  readonly sql: Sql
  readonly by: Actor
  readonly record: (action: AuditAction, teamId: string, details?: AuditDetails) => Promise<void>
}
export type RunChange = <T>(by: Actor, work: (change: Change) => Promise<T>) => Promise<Outcome<T>>

export class Refused extends RefusedChange<Refusal> {}

/** What `work` gives, or why it was refused. */
export const outcomeOf = <T>(work: Promise<T>): Promise<Outcome<T>> => settle(Refused, work)

export const createRunChange =
  (pool: Pool, appendAudit: AppendAudit, onChanged: OnTeamChanged): RunChange =>
  async (by, work) => {
    const recorded: Parameters<OnTeamChanged>[] = []
    const outcome = await outcomeOf(
      pool.transaction((sql) =>
        work({
          sql,
          by,
          async record(action, teamId, details) {
            recorded.push([action, teamId, by.userId, details])
            const { userId: actorId, requestId } = by
            await appendAudit(sql, entryOf({ actorId, requestId }, action, teamId, details))
          },
        }),
      ),
    )
    if (outcome.kind === 'done') for (const one of recorded) onChanged(...one)
    return outcome
  }

/** What is written down of a change of a team. */
export const entryOf = (
  by: Pick<NewAuditEntry, 'actorId' | 'requestId'>,
  action: AuditAction,
  teamId: string,
  details: AuditDetails = {},
): NewAuditEntry => ({ ...by, action, subject: { kind: 'team', id: teamId }, details })

/**
 * Every change of a team, its members or its invitations waits here for the one before. What is read
 * after it, in a statement of its own, is what that one has left.
 */
export const lockTeam = async (sql: Sql, teamId: string): Promise<void> => {
  await sql`SELECT FROM teams WHERE id = ${teamId} FOR NO KEY UPDATE`
}

/** Taken before a team's lock, wherever both are. The address of the account. */
export const lockAccount = async (sql: Sql, userId: string): Promise<string> => {
  const [user] = await sql<{ email: string }[]>`
    SELECT email FROM users WHERE id = ${userId} FOR NO KEY UPDATE`
  if (!user) throw new Refused('no-account')
  return user.email
}

/** Throws unless `userId` may do it, as things stand now. */
export const permit = async (
  sql: Sql,
  userId: string,
  teamId: string,
  action: TeamAction,
): Promise<void> => {
  const verdict = mayInTeam(action, await standingOf(sql, userId, teamId))
  if (verdict === 'unknown') throw new Refused('unknown-team')
  if (verdict === 'known') throw new Refused('not-allowed')
}

/** What somebody is to a team, as things stand now. */
export const standingOf = async (
  sql: Sql,
  userId: string,
  teamId: string,
): Promise<TeamStanding> => {
  const [row] = await sql<{ standing: TeamStanding }[]>`
    SELECT coalesce(
      (SELECT role FROM team_members WHERE team_id = ${teamId} AND user_id = ${userId}),
      (SELECT 'invited' FROM team_invitations invitation JOIN users USING (email)
       WHERE invitation.team_id = ${teamId} AND users.id = ${userId}
         AND invitation.expires_at > now()),
      'stranger') AS standing`
  return row?.standing ?? 'stranger'
}
