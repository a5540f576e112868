// GET /api/profile: the account that a token is for.

import { answer } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { Problem, type ProblemKind } from '../../http/problem.ts'
import { noStore } from '../../http/response-headers.ts'
import {
  accountShape,
  accountsUnavailable,
  exampleAccount,
  orUnavailable,
  tag,
  type AccountParts,
} from './parts.ts'
import { createProfiles } from './profiles.ts'

const profile = answer({
  status: 200,
  description: 'The account.',
  headers: [noStore],
  body: accountShape,
  examples: [exampleAccount],
})

export const noAccount: ProblemKind = {
  type: {
    slug: 'no-account',
    status: 404,
    when: 'The token is valid, but its `sub` has no account here.',
    remedy: 'Use a token of a login: one from `npm run token` names a user without an account.',
  },
  detail: 'there is no account for this token',
}

export const readProfile = ({ accounts, profileTtlMs }: AccountParts) => {
  const profiles = createProfiles(accounts, profileTtlMs)
  return endpoint({
    method: 'GET',
    path: '/api/profile',
    operationId: 'readProfile',
    summary: 'Read your account',
    tag,
    auth: 'bearer',
    limit: 'user',
    responses: [profile],
    problems: [noAccount, accountsUnavailable],
    async handler({ principal }) {
      const user = await orUnavailable(profiles.find(principal.userId))
      if (!user) throw new Problem(noAccount)
      const { id, email, created_at } = user
      return profile.reply({ id, email, created_at })
    },
  })
}
