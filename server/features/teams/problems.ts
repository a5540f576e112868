// How teams refuse: each text once, for the answer, for the document and for the page that its type
// leads to.

import type { Outcome, Refusal } from '../../../lib/teams/teams.ts'
import { Problem, unavailable, type ProblemKind } from '../../http/problem.ts'

export const refusals = {
  'unknown-team': {
    type: {
      slug: 'no-such-team',
      status: 404,
      when: 'There is no such team, or you are not in it.',
      remedy: 'Check the id against `GET /api/teams`. Ask an admin of the team to invite you.',
    },
    detail: 'no such team',
  },
  'not-allowed': {
    type: {
      slug: 'not-allowed-in-team',
      status: 403,
      when: 'You are in this team, or invited to it, but may not do this.',
      remedy: 'Ask an admin of the team, or accept the invitation first.',
    },
    detail: 'what you are in this team does not allow this',
  },
  'no-account': {
    type: {
      slug: 'account-required',
      status: 403,
      when: 'The token is valid, but its `sub` has no account, and only accounts are in teams.',
      remedy: 'Use a token of a login: one from `npm run token` names a user without an account.',
    },
    detail: 'only an account can be in a team',
  },
  'no-such-member': {
    type: {
      slug: 'no-such-member',
      status: 404,
      when: 'Nobody with this id is in the team.',
      remedy: 'Read `GET /api/teams/{id}/members`: who is named may have left.',
    },
    detail: 'no such member',
  },
  'no-such-invitation': {
    type: {
      slug: 'no-such-invitation',
      status: 404,
      when: 'There is no such invitation: it was used, replaced or withdrawn, or has expired.',
      remedy: 'Ask an admin of the team for another one. An invitation can be used once.',
    },
    detail: 'no such invitation: it may have been used, replaced or withdrawn, or have expired',
  },
  'invitation-for-another': {
    type: {
      slug: 'invitation-for-another',
      status: 403,
      when: 'The invitation is for another email address than that of your account.',
      remedy: 'Log in with the account of the address that was invited, or register one.',
    },
    detail: 'the invitation is for another email address',
  },
  'already-a-member': {
    type: {
      slug: 'already-a-member',
      status: 409,
      when: 'The account of this address is in the team already.',
      remedy: 'Nothing is to be done.',
    },
    detail: 'already in the team',
  },
  'last-admin': {
    type: {
      slug: 'last-admin',
      status: 409,
      when: 'The team would be left without an admin.',
      remedy: 'Make another member an admin first, or delete the team.',
    },
    detail: 'a team keeps at least one admin',
  },
  'too-many-teams': {
    type: {
      slug: 'too-many-teams',
      status: 409,
      when: 'You are in as many teams as one account may be.',
      remedy: 'Leave a team first. The setting `TEAMS_PER_USER_MAX` is the bound.',
    },
    detail: 'you are in as many teams as one account may be',
  },
  'too-many-members': {
    type: {
      slug: 'too-many-members',
      status: 409,
      when: 'The team has as many members as it may.',
      remedy: 'A member must leave first. The setting `TEAM_MEMBERS_MAX` is the bound.',
    },
    detail: 'the team has as many members as it may',
  },
  'too-many-invitations': {
    type: {
      slug: 'too-many-invitations',
      status: 409,
      when: 'The team has as many open invitations as it may.',
      remedy:
        'Withdraw one, or wait until one is answered. The setting `TEAM_INVITATIONS_MAX` is the bound.',
    },
    detail: 'the team has as many open invitations as it may',
  },
} as const satisfies Record<Refusal, ProblemKind>

export const teamsUnavailable = unavailable(
  {
    slug: 'teams-unavailable',
    when: 'Teams are unavailable.',
    remedy:
      'Wait for `Retry-After`, then read before you repeat a change: it may have happened. `/ready` says which dependency is down.',
  },
  'teams are unavailable',
)

/** What Postgres answers; a 503 when it does not. */
export const orUnavailable = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    throw new Problem(teamsUnavailable, { cause: error })
  })

/** What was asked for, or the problem that stands in the way. */
export const valueOf = async <T>(asked: Promise<Outcome<T>>): Promise<T> => {
  const outcome = await orUnavailable(asked)
  if (outcome.kind === 'refused') throw new Problem(refusals[outcome.refusal])
  return outcome.value
}

/** Of everything about one team: whether it is there, and what one is in it. */
export const teamProblems = [
  refusals['unknown-team'],
  refusals['not-allowed'],
  teamsUnavailable,
] as const
