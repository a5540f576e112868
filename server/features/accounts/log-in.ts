// POST /auth/login: the beginning of a session.

import { firstGeneration } from '../../../lib/accounts/accounts.ts'
import { newFamily, sessionIdOf } from '../../../lib/accounts/refresh-token.ts'
import { normaliseEmail, normalisePassword } from '../../../lib/domain/credentials.ts'
import { named, object, string } from '../../../lib/domain/shape.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { Problem } from '../../http/problem.ts'
import {
  accountsUnavailable,
  exampleLogin,
  ignored,
  orUnavailable,
  passwordsBusy,
  refusal,
  tag,
  tokens,
  tokensReply,
  type AccountParts,
} from './parts.ts'
import { queueIsFull } from './passwords/passwords.ts'

const wrongLogin = refusal(
  {
    slug: 'wrong-credentials',
    when: 'There is no such account, or its password is another.',
    remedy: 'Check the email and the password; which of them is wrong is not said to anybody.',
  },
  'wrong email or password',
)

export const login = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: '/auth/login',
    operationId: 'login',
    summary: 'Log in',
    tag,
    auth: 'none',
    limit: 'address',
    body: {
      shape: named(
        'Login',
        object({ email: string(), password: string() }, { description: ignored }),
      ),
      examples: [exampleLogin],
    },
    responses: [tokens],
    problems: [wrongLogin, passwordsBusy(queueIsFull), accountsUnavailable],
    async handler({ client, body: { email: given, password } }) {
      const { accounts, passwords } = parts
      const email = normaliseEmail(given)
      const account =
        email === undefined ? undefined : await orUnavailable(accounts.findByEmail(email))
      // Also when there is no account: else the time would reveal who has one.
      const checked = await passwords.check(password, account?.passwordHash, client.key)
      if (checked.kind === 'busy') throw new Problem(passwordsBusy(checked.reason))
      if (checked.kind === 'wrong' || !account) throw new Problem(wrongLogin)

      const userId = account.user.id
      if (checked.isOutdated) {
        const hashed = await passwords.hash(normalisePassword(password), client.key)
        // With too many others waiting, at another login.
        if (hashed.kind === 'hashed') {
          await orUnavailable(accounts.replaceHash(userId, account.passwordHash, hashed.hash))
        }
      }
      const family = newFamily()
      const session = { id: sessionIdOf(family), userId, ttlSec: parts.refreshTtlSec }
      await orUnavailable(accounts.openSession(session))
      return tokensReply(parts, userId, family, firstGeneration)
    },
  })
