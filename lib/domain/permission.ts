// Who may do what: one table for each kind of thing. A column is a standing: what somebody is to the
// thing, or in the whole system. Who has several may do what any of them may. Pure.
//
// A refusal says no more than its reader knows already: `unknown` is a 404, in the same words as for a
// thing that is not there; `known` is a 403, for whoever has seen that it is.

export type Verdict = 'allowed' | 'known' | 'unknown'

const yes = 'allowed'
const known = 'known' // 403
const hide = 'unknown' // 404

/**
 * No record is kept of a former member: he is a stranger, and the columns are the same. `invited`: an
 * invitation names the address of his account.
 */
export const teamStandings = [
  'admin',
  'member',
  'invited',
  'former-member',
  'stranger',
  'system-admin',
] as const
export type TeamStanding = (typeof teamStandings)[number]

type Row<Standings extends readonly unknown[]> = { readonly [I in keyof Standings]: Verdict }

// prettier-ignore
export const teamPermissions = {
  //                      admin  member invited former stranger system-admin
  'read-team':            [yes,  yes,   known,  hide,  hide,    hide],
  'list-members':         [yes,  yes,   known,  hide,  hide,    hide],
  'leave-team':           [yes,  yes,   known,  hide,  hide,    hide],
  'rename-team':          [yes,  known, known,  hide,  hide,    hide],
  'delete-team':          [yes,  known, known,  hide,  hide,    hide],
  'remove-member':        [yes,  known, known,  hide,  hide,    hide],
  'change-role':          [yes,  known, known,  hide,  hide,    hide],
  'invite':               [yes,  known, known,  hide,  hide,    hide],
  'list-invitations':     [yes,  known, known,  hide,  hide,    hide],
  'withdraw-invitation':  [yes,  known, known,  hide,  hide,    hide],
  'read-team-audit':      [yes,  known, known,  hide,  hide,    hide],
  'list-team-todos':      [yes,  yes,   known,  hide,  hide,    hide],
  'create-team-todo':     [yes,  yes,   known,  hide,  hide,    hide],
  // Whoever shows an invitation's token knows of it already.
  'accept-invitation':    [known, known, yes,   known, known,   known],
  'decline-invitation':   [known, known, yes,   known, known,   known],
} as const satisfies Record<string, Row<typeof teamStandings>>
export type TeamAction = keyof typeof teamPermissions

/** `public-reader`: anybody, of another's public todo. `former`: of a share or a team that has ended. */
export const todoStandings = [
  'owner',
  'editor',
  'viewer',
  'team-admin',
  'team-member',
  'public-reader',
  'former',
  'stranger',
  'system-admin',
] as const
export type TodoStanding = (typeof todoStandings)[number]

/** A todo of a team belongs to its team: it has no owner who could share it, but somebody to do it. */
// prettier-ignore
export const todoPermissions = {
  //                owner  editor viewer team-admin team-member public former stranger system-admin
  'read-todo':      [yes,  yes,   yes,   yes,       yes,        yes,   hide,  hide,    hide],
  'update-todo':    [yes,  yes,   known, yes,       yes,        known, hide,  hide,    hide],
  'delete-todo':    [yes,  known, known, yes,       yes,        known, hide,  hide,    hide],
  'assign-todo':    [known, known, known, yes,      yes,        known, hide,  hide,    hide],
  'share-todo':     [yes,  known, known, known,     known,      known, hide,  hide,    hide],
  // Of a personal todo that is shared with oneself.
  'leave-todo':     [known, yes,  yes,   known,     known,      known, hide,  hide,    hide],
} as const satisfies Record<string, Row<typeof todoStandings>>
export type TodoAction = keyof typeof todoPermissions

/** Of an account: its own, another's, and what a system admin is to all. Not its password, nor its todos. */
export const accountStandings = ['self', 'other', 'system-admin'] as const
export type AccountStanding = (typeof accountStandings)[number]

/** That there is an administration is in the docs: so `other` is told 403, whether the account is there or not. */
// prettier-ignore
export const accountPermissions = {
  //                  self   other  system-admin
  'read-account':     [yes,  known, yes],
  'delete-account':   [yes,  known, yes],
  'list-sessions':    [yes,  known, yes],
  'end-session':      [yes,  known, yes],
  'list-accounts':    [known, known, yes],
  'disable-account':  [known, known, yes],
  'read-audit-log':   [known, known, yes],
} as const satisfies Record<string, Row<typeof accountStandings>>
export type AccountAction = keyof typeof accountPermissions

export const mayInTeam = (action: TeamAction, ...standings: readonly TeamStanding[]): Verdict =>
  best(standings.map((one) => cellOf(teamPermissions[action], teamStandings, one)))

export const mayWithTodo = (action: TodoAction, ...standings: readonly TodoStanding[]): Verdict =>
  best(standings.map((one) => cellOf(todoPermissions[action], todoStandings, one)))

export const mayWithAccount = (
  action: AccountAction,
  ...standings: readonly AccountStanding[]
): Verdict =>
  best(standings.map((one) => cellOf(accountPermissions[action], accountStandings, one)))

const cellOf = <S>(row: readonly Verdict[], standings: readonly S[], standing: S): Verdict =>
  row[standings.indexOf(standing)] ?? hide

const order: readonly Verdict[] = [yes, known, hide]
const best = (verdicts: readonly Verdict[]): Verdict =>
  order.find((one) => verdicts.includes(one)) ?? hide
