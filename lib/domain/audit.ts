// What is written down of who did what. Ids only: no address, no name and no text of anybody, so that an
// account can go while the entries about it stay until their time is over.

import { described, dictionary, list, named, object, oneOf, shape, string, time } from './shape.ts'

/** Of teams, who is in them, and who is asked to be. */
export const teamActions = [
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
] as const

/** Of whom a todo is shared with. */
export const shareActions = ['share.granted', 'share.revoked'] as const

/** What can be written down. An action that is not here can't be. */
export const auditActions = [
  ...teamActions,
  ...shareActions,
  'role.granted',
  'role.revoked',
  'account.disabled',
  'account.enabled',
  'account.deleted',
  'session.ended',
  'password.reset',
  'letter.replayed',
  'letter.discarded',
] as const
export type AuditAction = (typeof auditActions)[number]

/** What was changed. A change of a membership or an invitation is one of its team. */
export const auditSubjectKinds = ['team', 'account', 'session', 'todo', 'letter'] as const
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

// As it is shown.

const detail = shape({ type: ['string', 'number', 'boolean'] }, (value) => value)
const entryShape = named(
  'AuditEntry',
  object({
    id: string({ pattern: '^[0-9]+$', description: 'Grows with time.' }),
    at: time,
    actor_id: string({ description: 'The account that did it.' }),
    action: oneOf(...auditActions),
    subject: object({ kind: oneOf(...auditSubjectKinds), id: string() }),
    details: described(dictionary(detail), 'Ids and roles: no address, no name, no text.'),
    request_id: string({ description: 'The `X-Request-Id` of the request.' }),
  }),
)
export const auditListShape = named('AuditList', object({ entries: list(entryShape) }))

export const shownEntry = (entry: AuditEntry) => ({
  id: entry.id,
  at: entry.at,
  actor_id: entry.actorId,
  action: entry.action,
  subject: entry.subject,
  details: entry.details,
  request_id: entry.requestId,
})
export const exampleEntry = {
  id: '1042',
  at: new Date('2026-01-31T12:00:00.000Z'),
  actor_id: '0b1ee3c8-6a37-4d38-8d0e-2b9f5f1a1c55',
  action: 'member.promoted',
  subject: { kind: 'team', id: '5f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a' },
  details: { userId: '9d1f1c5a-9b57-4d7c-8e2f-0a8d5f6b7c11' },
  request_id: '4bf92f3577b34da6a3ce929d0e0e4736',
} as const
