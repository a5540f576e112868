// How shares refuse: each text once, for the answer, for the document and for the page that its type
// leads to.

import type { Outcome, ShareRefusal } from '../../../lib/shares/shares.ts'
import { Problem, unavailable, type ProblemKind } from '../../http/problem.ts'

export const refusals = {
  'unknown-todo': {
    type: {
      slug: 'no-such-personal-todo',
      status: 404,
      when: 'There is no such personal todo, or it is neither yours nor shared with you.',
      remedy: 'Check the id: the todo may be deleted, or be shared with you no longer.',
    },
    detail: 'no such personal todo',
  },
  'not-allowed': {
    type: {
      slug: 'not-allowed-with-share',
      status: 403,
      when: 'You know of the todo, but may not do this: only its owner shares it, and only with whom it is shared may leave it.',
      remedy: 'Ask the owner. What is shared with a team, one leaves with the team.',
    },
    detail: 'what you are to this todo does not allow this',
  },
  'no-account': {
    type: {
      slug: 'account-required-to-share',
      status: 403,
      when: 'The token is valid, but its `sub` has no account, and only accounts share todos.',
      remedy: 'Use a token of a login: one from `npm run token` names a user without an account.',
    },
    detail: 'only an account can share a todo',
  },
  'no-such-account': {
    type: {
      slug: 'no-such-account-to-share-with',
      status: 404,
      when: 'No account has the `user_id` that was named.',
      remedy: 'Ask for the `id` of `GET /api/profile`, or share with an email address.',
    },
    detail: 'no such account',
    field: 'user_id',
  },
  'unknown-team': {
    type: {
      slug: 'no-such-team-to-share-with',
      status: 404,
      when: 'There is no such team, or you are not in it.',
      remedy: 'Check the id against `GET /api/teams`: a todo is shared with teams that you are in.',
    },
    detail: 'no such team',
    field: 'team_id',
  },
  'own-todo': {
    type: {
      slug: 'shared-with-its-owner',
      status: 409,
      when: 'The todo is yours: it can not be shared with you.',
      remedy: 'Nothing is to be done.',
    },
    detail: 'the todo is your own',
  },
  'no-such-share': {
    type: {
      slug: 'no-such-share',
      status: 404,
      when: 'The todo has no such share, or no longer.',
      remedy: 'Read `GET /api/todos/{id}/shares`: whom it was shared with may have left.',
    },
    detail: 'no such share',
  },
  'too-many-shares': {
    type: {
      slug: 'too-many-shares',
      status: 409,
      when: 'The todo is shared with as many as it may be.',
      remedy:
        'End a share first, or share with a team. The setting `SHARES_PER_TODO_MAX` is the bound.',
    },
    detail: 'the todo is shared with as many as it may be',
  },
} as const satisfies Record<ShareRefusal, ProblemKind>

export const sharesUnavailable = unavailable(
  {
    slug: 'shares-unavailable',
    when: 'Shares are unavailable.',
    remedy:
      'Wait for `Retry-After`, then read before you repeat a change: it may have happened. `/ready` says which dependency is down.',
  },
  'shares are unavailable',
)

/** What Postgres answers; a 503 when it does not. */
export const orUnavailable = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    throw new Problem(sharesUnavailable, { cause: error })
  })

/** What was asked for, or the problem that stands in the way. */
export const valueOf = async <T>(asked: Promise<Outcome<T>>): Promise<T> => {
  const outcome = await orUnavailable(asked)
  if (outcome.kind === 'refused') throw new Problem(refusals[outcome.refusal])
  return outcome.value
}

/** Of everything about who sees one todo. */
export const shareProblems = [
  refusals['unknown-todo'],
  refusals['not-allowed'],
  sharesUnavailable,
] as const
