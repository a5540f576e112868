// How teams refuse: each text once, for the answer, for the document and for the page that its type
// leads to.

import type { Outcome, Refusal } from '../../../lib/teams/teams.ts'
import { emailNotVerified } from '../../http/access-problems.ts'
import { Problem, unavailable, type ProblemKind } from '../../http/problem.ts'
import { retryAfter } from '../../http/response-headers.ts'
import { notAllowedInTeam, orUnavailable, unknownTeam } from '../../identity/team-access.ts'

export const refusals = {
  'unknown-team': unknownTeam,
  'not-allowed': notAllowedInTeam,
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
  'mail-busy': unavailable(
    {
      slug: 'invitation-mail-busy',
      when: 'Too many mails wait to be sent, to whatever address. Nobody was invited.',
      remedy:
        'Wait for `Retry-After`, then invite again. The mail server may be down: the worker logs it.',
    },
    'too many mails are waiting to be sent',
  ),
  'too-many-mails': {
    type: {
      slug: 'too-many-invitation-mails',
      status: 429,
      when: 'The address was sent as many invitations as it may be. Nobody was invited.',
      remedy:
        'Wait for `Retry-After`: the last invitation is still good. The setting `AUTH_MAILS_MAX` is the bound.',
    },
    detail: 'this address was sent as many invitations as it may be for now',
    headers: [{ ...retryAfter, value: '600' }],
  },
  'email-not-verified': emailNotVerified,
} as const satisfies Record<Refusal, ProblemKind>

/** What was asked for, or the problem that stands in the way. */
export const valueOf = async <T>(asked: Promise<Outcome<T>>): Promise<T> => {
  const outcome = await orUnavailable(asked)
  if (outcome.kind === 'refused') throw new Problem(refusals[outcome.refusal])
  return outcome.value
}
