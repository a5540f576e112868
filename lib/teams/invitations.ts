// Who is asked to be in a team, in Postgres. An invitation is a row until it is used: whoever deletes it
// first has used it.

import { randomUUID } from 'node:crypto'
import { mayInTeam } from '../domain/permission.ts'
import { pageOf, type Page, type Range } from '../domain/page.ts'
import type { Invitation, Team, TeamBounds } from '../domain/team.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { hashOfToken, newToken } from '../runtime/single-use-token.ts'
import { lockAccount, lockTeam, permit, Refused, type Change } from './change.ts'
import { addMember, teamAsSeenBy } from './members.ts'
import type { TodosOfTeams } from './todos.ts'
import type { IssueInvitation, IssuedInvitation } from './teams.ts'

/** Sees to it that the mail is sent if the transaction of `sql` commits. */
export type SendInvitation = (
  sql: Sql,
  invitation: { readonly id: string; readonly email: string },
) => Promise<'queued' | 'mail-busy' | 'too-many-mails'>

export const invite = async (
  { sql, by, record }: Change,
  bounds: TeamBounds,
  teamId: string,
  email: string,
  send: SendInvitation | undefined,
): Promise<{ readonly invitation: Invitation; readonly token: string | undefined }> => {
  await lockTeam(sql, teamId)
  await permit(sql, by.userId, teamId, 'invite')
  const [found] = await sql<{ name: string; is_member: boolean; others: number }[]>`
    SELECT name,
      EXISTS (SELECT FROM team_members JOIN users ON users.id = user_id
        WHERE team_id = teams.id AND email = ${email}) AS is_member,
      (SELECT count(*)::int FROM team_invitations
        WHERE team_id = teams.id AND email <> ${email} AND expires_at > now()) AS others
    FROM teams WHERE id = ${teamId}`
  if (!found) throw new Refused('unknown-team')
  if (found.is_member) throw new Refused('already-a-member')
  if (found.others >= bounds.invitationsMax) throw new Refused('too-many-invitations')
  // The bound is of open ones, and so it is of rows.
  await sql`
    DELETE FROM team_invitations
    WHERE team_id = ${teamId} AND (email = ${email} OR expires_at <= now())`
  const id = randomUUID()
  // The one of a mail is made when that is sent.
  const token = send ? undefined : newToken()
  const [times] = await sql<Pick<Invitation, 'createdAt' | 'expiresAt'>[]>`
    INSERT INTO team_invitations (id, team_id, email, token_hash, expires_at)
    VALUES (${id}, ${teamId}, ${email}, ${token === undefined ? null : hashOfToken(token)},
      now() + make_interval(secs => ${bounds.invitationTtlSec}))
    RETURNING created_at AS "createdAt", expires_at AS "expiresAt"`
  if (!times) throw new Error('an INSERT returns its row')
  const sent = await send?.(sql, { id, email })
  if (sent !== undefined && sent !== 'queued') throw new Refused(sent)
  await record('invitation.sent', teamId, { invitationId: id })
  return { invitation: { id, teamId, teamName: found.name, email, ...times }, token }
}

export const invitationsOf = (sql: Sql, teamId: string, range: Range): Promise<Page<Invitation>> =>
  openInvitations(sql, range, sql`team_id = ${teamId}`)

export const invitationsTo = (sql: Sql, userId: string, range: Range): Promise<Page<Invitation>> =>
  openInvitations(sql, range, sql`email = (SELECT email FROM users WHERE id = ${userId})`)

const openInvitations = async (
  sql: Sql,
  { after, count }: Range,
  which: ReturnType<Sql>,
): Promise<Page<Invitation>> => {
  const rows = await sql<Invitation[]>`
    SELECT invitation.id, team_id AS "teamId", name AS "teamName", email,
      invitation.created_at AS "createdAt", expires_at AS "expiresAt"
    FROM team_invitations invitation JOIN teams ON teams.id = team_id
    WHERE ${which} AND expires_at > now()
      ${
        after
          ? sql`AND (invitation.created_at, invitation.id) < (${after.createdAt}::timestamptz, ${after.id}::text)`
          : sql``
      }
    ORDER BY invitation.created_at DESC, invitation.id DESC
    LIMIT ${count + 1}`
  return pageOf(rows, count, ({ createdAt, id }) => ({ createdAt, id }))
}

export const withdraw = async (
  { sql, by, record }: Change,
  teamId: string,
  invitationId: string,
): Promise<undefined> => {
  await lockTeam(sql, teamId)
  await permit(sql, by.userId, teamId, 'withdraw-invitation')
  const { count } = await sql`
    DELETE FROM team_invitations
    WHERE id = ${invitationId} AND team_id = ${teamId} AND expires_at > now()`
  if (count === 0) throw new Refused('no-such-invitation')
  await record('invitation.withdrawn', teamId, { invitationId })
}

export const accept = async (
  change: Change,
  bounds: TeamBounds,
  token: string,
  todos?: TodosOfTeams,
): Promise<Team> => {
  const { sql, by, record } = change
  const { id, teamId } = await use(change, token, 'accept-invitation')
  await addMember(sql, bounds, { teamId, userId: by.userId, role: 'member' }, todos)
  await record('member.joined', teamId, { userId: by.userId, invitationId: id })
  return teamAsSeenBy(sql, by.userId, teamId)
}

export const decline = async (change: Change, token: string): Promise<undefined> => {
  const { id, teamId } = await use(change, token, 'decline-invitation')
  await change.record('invitation.declined', teamId, { invitationId: id })
}

/** Takes it away, under the locks of the account and of the team. */
const use = async (
  { sql, by }: Change,
  token: string,
  action: 'accept-invitation' | 'decline-invitation',
): Promise<{ readonly id: string; readonly teamId: string }> => {
  const email = await lockAccount(sql, by.userId)
  const hash = hashOfToken(token)
  const [found] = await sql<{ id: string; team_id: string; email: string }[]>`
    SELECT id, team_id, email FROM team_invitations
    WHERE token_hash = ${hash} AND expires_at > now()`
  if (!found) throw new Refused('no-such-invitation')
  const standing = found.email === email ? 'invited' : 'stranger'
  if (mayInTeam(action, standing) !== 'allowed') throw new Refused('invitation-for-another')
  const { id, team_id: teamId } = found
  await lockTeam(sql, teamId)
  // Whoever had the lock before may have used it, withdrawn it, or deleted the team.
  const { count } = await sql`DELETE FROM team_invitations WHERE token_hash = ${hash}`
  if (count === 0) throw new Refused('no-such-invitation')
  return { id, teamId }
}

/** See teams.ts. */
export const createIssueInvitation =
  (pool: Pool): IssueInvitation =>
  (invitationId) =>
    pool.run(async (sql) => {
      const token = newToken()
      const [issued] = await sql<Omit<IssuedInvitation, 'token'>[]>`
        UPDATE team_invitations SET token_hash = ${hashOfToken(token)}
        WHERE id = ${invitationId} AND expires_at > now()
        RETURNING email, expires_at AS "expiresAt",
          EXISTS (SELECT FROM users WHERE users.email = team_invitations.email) AS "hasAccount"`
      return issued && { ...issued, token }
    })

/** Who registered an address of somebody else is not shown what was meant for that one. */
export const requireVerifiedEmail = async (sql: Sql, userId: string): Promise<void> => {
  const unverified = await sql`
    SELECT FROM users WHERE id = ${userId} AND email_verified_at IS NULL`
  if (unverified.count > 0) throw new Refused('email-not-verified')
}

/** Those that have expired hold addresses that nobody needs any more. */
export const pruneInvitations = async (pool: Pool): Promise<void> => {
  await pool.run((sql) => sql`DELETE FROM team_invitations WHERE expires_at <= now()`)
}
