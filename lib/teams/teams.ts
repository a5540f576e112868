// Teams, their members and their invitations: the seam. Whether somebody may do what he asks for is
// decided in the transaction that does it, under the lock of the team's row. So a membership that has
// ended is of no use to a request that was sent before, in whichever process.

import type { AuditAction, AuditDetails } from '../domain/audit.ts'
import type { Actor, Outcome as OutcomeFor } from '../domain/outcome.ts'
import type { Page, Range } from '../domain/page.ts'
import type { TeamStanding } from '../domain/permission.ts'
import type { Invitation, Member, Team, TeamRole } from '../domain/team.ts'

export type Refusal =
  /** Who asks may not know whether the team is there. */
  | 'unknown-team'
  /** Who asks knows that it is there, and may not do this. */
  | 'not-allowed'
  /** Who asks has no account. */
  | 'no-account'
  | 'no-such-member'
  /** Or it has been used, was withdrawn, or has expired. */
  | 'no-such-invitation'
  | 'invitation-for-another'
  | 'already-a-member'
  /** A team without an admin is what came of it. */
  | 'last-admin'
  | 'too-many-teams'
  | 'too-many-members'
  | 'too-many-invitations'
  /** So many mails wait, whoever they are for. */
  | 'mail-busy'
  /** To one address. */
  | 'too-many-mails'
  | 'email-not-verified'

export type Outcome<T> = OutcomeFor<T, Refusal>

export type Teams = {
  /** Who creates it is its first admin. */
  create(by: Actor, name: string): Promise<Outcome<Team>>
  /** What somebody is to a team now, whether it is there or not. */
  standing(userId: string, teamId: string): Promise<TeamStanding>
  /** Those that somebody is in, by when he joined. */
  listOf(userId: string, range: Range): Promise<Page<Team>>
  read(userId: string, teamId: string): Promise<Outcome<Team>>
  rename(by: Actor, teamId: string, name: string): Promise<Outcome<Team>>
  remove(by: Actor, teamId: string): Promise<Outcome<undefined>>
  /** Whether an audit of it may be read. */
  mayReadAudit(userId: string, teamId: string): Promise<Outcome<undefined>>

  listMembers(userId: string, teamId: string, range: Range): Promise<Outcome<Page<Member>>>
  setRole(by: Actor, teamId: string, userId: string, role: TeamRole): Promise<Outcome<Member>>
  /** Who removes himself leaves. */
  removeMember(by: Actor, teamId: string, userId: string): Promise<Outcome<undefined>>

  /**
   * One for each address: another one for the same replaces the first, and its token. No token is given
   * where it goes by mail.
   */
  invite(
    by: Actor,
    teamId: string,
    email: string,
  ): Promise<Outcome<{ readonly invitation: Invitation; readonly token: string | undefined }>>
  listInvitations(userId: string, teamId: string, range: Range): Promise<Outcome<Page<Invitation>>>
  withdraw(by: Actor, teamId: string, invitationId: string): Promise<Outcome<undefined>>
  /** Those to the address of somebody's account. */
  listInvitationsTo(userId: string, range: Range): Promise<Outcome<Page<Invitation>>>
  accept(by: Actor, token: string): Promise<Outcome<Team>>
  decline(by: Actor, token: string): Promise<Outcome<undefined>>
}

/** Notified of each change, once it is committed. */
export type OnTeamChanged = (
  action: AuditAction,
  teamId: string,
  by: string,
  details?: AuditDetails,
) => void

export type IssuedInvitation = {
  readonly email: string
  readonly token: string
  readonly expiresAt: Date
  /** Whether the address has one by now. */
  readonly hasAccount: boolean
}
/** A new token, which takes the place of an older one. Undefined: there is no such invitation any more. */
export type IssueInvitation = (invitationId: string) => Promise<IssuedInvitation | undefined>
