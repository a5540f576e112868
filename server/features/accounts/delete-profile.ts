// DELETE /api/profile: one's own account is gone, and with it what only its owner sees. With the password,
// for a token may be stolen.

import { TeamsNeedAdmin } from '../../../lib/teams/leave-teams.ts'
import { normaliseEmail } from '../../../lib/domain/credentials.ts'
import { deletedUserId } from '../../../lib/domain/todo.ts'
import { named, object, string } from '../../../lib/domain/shape.ts'
import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { orProblem, Problem, type ProblemKind } from '../../http/problem.ts'
import {
  accountsUnavailable,
  exampleLogin,
  ignored,
  orUnavailable,
  passwordsBusy,
  tag,
  type AccountParts,
} from './parts.ts'
import { queueIsFull } from './passwords/passwords.ts'
import { noAccount } from './read-profile.ts'

const wrongPassword: ProblemKind = {
  type: {
    slug: 'wrong-password',
    status: 403,
    when: 'The token is good, but this is not the password of its account, or too many were wrong.',
    remedy:
      'Send the password of the account. After too many wrong ones wait: `AUTH_FAILED_LOGINS_MAX` is the bound, together with logins.',
  },
  detail: 'this is not the password of the account',
  field: 'password',
}

/** A name has 100 characters at most. Who has more such teams is told of the others the next time. */
const namedTeamsMax = 5

const teamsNeedAdmin = (teams: TeamsNeedAdmin['teams']): ProblemKind => ({
  type: {
    slug: 'teams-need-an-admin',
    status: 409,
    when: 'You are the last admin of teams that have other members: the detail names them.',
    remedy:
      'Make another member an admin (`PATCH /api/teams/{id}/members/{userId}`), or delete the team. Then send it again.',
  },
  detail: `you are the last admin of teams with other members: ${teams
    .slice(0, namedTeamsMax)
    .map(({ id, name }) => `${name} (${id})`)
    .join(', ')}${teams.length > namedTeamsMax ? ` and ${teams.length - namedTeamsMax} more` : ''}`,
})
const exampleTeam = { id: '5f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a', name: 'Flower shop' }

export const deleteProfile = (parts: AccountParts) =>
  endpoint({
    method: 'DELETE',
    path: '/api/profile',
    operationId: 'deleteProfile',
    summary: 'Delete your account',
    description: `It can not be undone. Your sessions end: their tokens are refused in every process within a second. You leave your teams. Your personal todos are gone within a minute. Public ones stay, and show \`${deletedUserId}\` as their owner.`,
    tag,
    auth: 'bearer',
    limit: 'user',
    body: {
      shape: named('Password', object({ password: string() }, { description: ignored })),
      examples: [{ password: exampleLogin.password }],
    },
    responses: [{ status: 204, description: 'The account is gone.' }],
    problems: [
      wrongPassword,
      noAccount,
      teamsNeedAdmin([exampleTeam]),
      passwordsBusy(queueIsFull),
      accountsUnavailable,
    ],
    async handler({ principal: { userId }, requestId, body: { password } }) {
      for (let attempt = 1; attempt <= attemptsMax; attempt++) {
        const passwordHash = await checkedHash(parts, userId, password)
        const change = await orRefused(
          parts.administration.removeOwn(userId, passwordHash, { actorId: userId, requestId }),
        )
        if (!change) throw new Problem(noAccount)
        if (!change.isChanged) continue
        change.ended.forEach(parts.onRevoked)
        parts.counts.deletions++
        return withoutBody(204)
      }
      throw new Problem(wrongPassword)
    },
  })

/** While a password is checked its hash may be replaced. Then what is there now decides, once. */
const attemptsMax = 2

/** As at a login, and counted together with those: no way around their limits. */
const checkedHash = async (
  { accounts, passwords, failedLogins }: AccountParts,
  userId: string,
  password: string,
): Promise<string> => {
  const account = await orUnavailable(accounts.findAccount(userId))
  if (!account) throw new Problem(noAccount)
  const attempt = await failedLogins.begin(normaliseEmail(account.user.email) ?? '')
  // Also when none may be tried: else the time would tell.
  const checked = await passwords.check(password, attempt && account.passwordHash, userId)
  if (checked.kind === 'wrong') throw new Problem(wrongPassword)
  await attempt?.forgive()
  if (checked.kind === 'busy') throw new Problem(passwordsBusy(checked.reason))
  return account.passwordHash
}

const orRefused = <T>(asked: Promise<T>): Promise<T> =>
  asked
    .catch((error: unknown) => {
      if (error instanceof TeamsNeedAdmin) throw new Problem(teamsNeedAdmin(error.teams))
      throw error
    })
    .catch(orProblem(accountsUnavailable))
