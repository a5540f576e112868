// What is written down of who did what. Ids only: no address, no name and no text of anybody, so that an
// account can go while the entries about it stay until their time is over.

/** What can be written down. An action that is not here can't be. */
export const auditActions = [
  'team.created',
  'team.renamed',
  'team.deleted',
  'member.joined',
  'member.left',
  'member.removed',
  'member.promoted',
  'member.demoted',
  'invitation.sent',
  'invitation.withdrawn',
  'invitation.declined',
  'share.granted',
  'share.revoked',
  'role.granted',
  'role.revoked',
  'account.disabled',
  'account.enabled',
  'account.deleted',
  'session.ended',
  'password.reset',
] as const
export type AuditAction = (typeof auditActions)[number]

/** What was changed. A change of a membership or an invitation is one of its team. */
export const auditSubjectKinds = ['team', 'account', 'session', 'todo'] as const
export type AuditSubjectKind = (typeof auditSubjectKinds)[number]
export type AuditSubject = { readonly kind: AuditSubjectKind; readonly id: string }

/** Ids, roles and numbers that say more. The table takes 1,000 bytes of them, as JSON. */
export type AuditDetails = Readonly<Record<string, string | number | boolean>>

export type NewAuditEntry = {
  /** The account that did it, or `operatorId`. */
  readonly actorId: string
  readonly action: AuditAction
  readonly subject: AuditSubject
  readonly details?: AuditDetails
  /** Of the request that asked for it; of a command, a name for its run. */
  readonly requestId: string
}

export type AuditEntry = Required<NewAuditEntry> & {
  /** A number, which grows with time. */
  readonly id: string
  readonly at: Date
}

/** Whoever runs a command on a machine that knows the database's password: no account. */
export const operatorId = '(operator)'
