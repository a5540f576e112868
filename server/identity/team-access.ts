// What somebody may do in a team, looked up for each request: so a membership that has ended is of no use
// to the next one, in whichever process.

import { mayInTeam, type TeamAction, type TeamStanding } from '../../lib/domain/permission.ts'
import { uuid } from '../../lib/domain/team.ts'
import type { Parameter } from '../http/contract/parameters.ts'
import { Problem, unavailable, type ProblemKind } from '../http/problem.ts'

export const teamId: Parameter<string> = {
  shape: uuid,
  description: 'The id of a team.',
  example: '5f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a',
  component: 'TeamId',
}

export const unknownTeam: ProblemKind = {
  type: {
    slug: 'no-such-team',
    status: 404,
    when: 'There is no such team, or you are not in it.',
    remedy: 'Check the id against `GET /api/teams`. Ask an admin of the team to invite you.',
  },
  detail: 'no such team',
}
export const notAllowedInTeam: ProblemKind = {
  type: {
    slug: 'not-allowed-in-team',
    status: 403,
    when: 'You are in this team, or invited to it, but may not do this.',
    remedy: 'Ask an admin of the team, or accept the invitation first.',
  },
  detail: 'what you are in this team does not allow this',
}
export const teamsUnavailable = unavailable(
  {
    slug: 'teams-unavailable',
    when: 'Teams are unavailable.',
    remedy:
      'Wait for `Retry-After`, then read before you repeat a change: it may have happened. `/ready` says which dependency is down.',
  },
  'teams are unavailable',
)
/** Of everything about one team: whether it is there, and what one is in it. */
export const teamProblems = [unknownTeam, notAllowedInTeam, teamsUnavailable] as const

/** What Postgres answers; a 503 when it does not. */
export const orUnavailable = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    throw new Problem(teamsUnavailable, { cause: error })
  })

/** Throws unless who has this standing may do it. */
export const requireInTeam = (standing: TeamStanding, action: TeamAction): void => {
  const verdict = mayInTeam(action, standing)
  if (verdict === 'unknown') throw new Problem(unknownTeam)
  if (verdict === 'known') throw new Problem(notAllowedInTeam)
}
