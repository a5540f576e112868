// POST /auth/login: the beginning of a session.

import { firstGeneration, type Account } from '../../../lib/accounts/accounts.ts'
import { newFamily, sessionIdOf } from '../../../lib/accounts/refresh-token.ts'
import { normaliseEmail, normalisePassword } from '../../../lib/domain/credentials.ts'
import { browserOf, networkOf } from '../../../lib/domain/session-client.ts'
import { named, object, string } from '../../../lib/domain/shape.ts'
import { emailNotVerified } from '../../http/access-problems.ts'
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
  tokensOf,
  type AccountParts,
  type SessionTokens,
} from './parts.ts'
import { queueIsFull } from './passwords/passwords.ts'

const wrongLogin = refusal(
  {
    slug: 'wrong-credentials',
    when: 'There is no such account, its password is another, or it is disabled.',
    remedy: 'Check the email and the password; which of them is wrong is not said to anybody.',
  },
  'wrong email or password',
)

export const loginBody = {
  shape: named('Login', object({ email: string(), password: string() }, { description: ignored })),
  examples: [exampleLogin],
}
export const loginProblems = [
  wrongLogin,
  emailNotVerified,
  passwordsBusy(queueIsFull),
  accountsUnavailable,
]

export const login = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: '/auth/login',
    operationId: 'login',
    summary: 'Log in',
    tag,
    auth: 'none',
    limit: 'address',
    body: loginBody,
    responses: [tokens],
    problems: loginProblems,
    handler: async ({ request, client, body }) =>
      tokens.reply(await beginSession(parts, body, request.header('user-agent'), client.key)),
  })

/** Throws unless the password is that of the account. */
export const beginSession = async (
  parts: AccountParts,
  { email: given, password }: { readonly email: string; readonly password: string },
  userAgent: string | undefined,
  client: string,
): Promise<SessionTokens> => {
  const email = normaliseEmail(given)
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const account = await checkedAccount(parts, email, password, client)
    // Told to nobody but who knows the password.
    if (parts.requiresVerifiedEmail && !account.isVerified) throw new Problem(emailNotVerified)
    const family = newFamily()
    const isOpen = await orUnavailable(
      parts.accounts.openSession({
        id: sessionIdOf(family),
        userId: account.user.id,
        passwordHash: account.passwordHash,
        ttlSec: parts.refreshTtlSec,
        client: { browser: browserOf(userAgent), network: networkOf(client) },
      }),
    )
    if (isOpen) return tokensOf(parts, account.user.id, family, firstGeneration)
  }
  throw new Problem(wrongLogin)
}

/**
 * While a password is checked, its hash may be replaced: by another login, at today's cost, or by a new
 * password. Then what is there now decides, once.
 */
const attemptsMax = 2

/** The account, with the hash that its password has by now. Throws when it is not the password. */
const checkedAccount = async (
  { accounts, passwords, failedLogins }: AccountParts,
  email: string | undefined,
  password: string,
  client: string,
): Promise<Account> => {
  const account = email === undefined ? undefined : await orUnavailable(accounts.findByEmail(email))
  const attempt = email === undefined ? undefined : await failedLogins.begin(email)
  // Also when there is no account, or none may be tried: else the time would reveal it.
  const checked = await passwords.check(password, attempt && account?.passwordHash, client)
  if (checked.kind === 'wrong') throw new Problem(wrongLogin)
  await attempt?.forgive()
  if (checked.kind === 'busy') throw new Problem(passwordsBusy(checked.reason))
  if (!account) throw new Problem(wrongLogin)
  if (!checked.isOutdated) return account
  const hashed = await passwords.hash(normalisePassword(password), client)
  // With too many others waiting, at another login.
  if (hashed.kind === 'busy') return account
  await orUnavailable(accounts.replaceHash(account.user.id, account.passwordHash, hashed.hash))
  return { ...account, passwordHash: hashed.hash }
}
