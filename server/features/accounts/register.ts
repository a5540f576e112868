// POST /auth/register: an account for an email address that has none.

import { randomUUID } from 'node:crypto'
import { newEmail, newPassword } from '../../../lib/domain/credentials.ts'
import { named, object } from '../../../lib/domain/shape.ts'
import { answer } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { Problem, type ProblemKind } from '../../http/problem.ts'
import { noStore } from '../../http/response-headers.ts'
import {
  accountShape,
  accountsUnavailable,
  exampleAccount,
  exampleLogin,
  ignored,
  orUnavailable,
  passwordsBusy,
  tag,
  type AccountParts,
} from './parts.ts'
import { queueIsFull } from './passwords/passwords.ts'

const registered = answer({
  status: 201,
  description: 'The account.',
  headers: [noStore],
  body: accountShape,
  examples: [exampleAccount],
})

const emailInUse: ProblemKind = {
  type: {
    slug: 'email-in-use',
    status: 409,
    when: 'An account with this email already exists.',
    remedy: 'Log in with it, or register another email.',
  },
  detail: 'an account with this email already exists',
  field: 'email',
}

export const register = ({
  accounts,
  passwords,
  passwordRules,
  mails,
  counts,
  log,
}: AccountParts) =>
  endpoint({
    method: 'POST',
    path: '/auth/register',
    operationId: 'register',
    summary: 'Register an account',
    tag,
    auth: 'none',
    limit: 'address',
    body: {
      shape: named(
        'NewAccount',
        object({ email: newEmail, password: newPassword(passwordRules) }, { description: ignored }),
      ),
      examples: [exampleLogin],
    },
    responses: [registered],
    problems: [emailInUse, passwordsBusy(queueIsFull), accountsUnavailable],
    async handler({ client, body }) {
      const hashed = await passwords.hash(body.password, client.key)
      if (hashed.kind === 'busy') throw new Problem(passwordsBusy(hashed.reason))
      const user = await orUnavailable(
        accounts.addUser({ id: randomUUID(), email: body.email, passwordHash: hashed.hash }),
      )
      if (user === 'email-in-use') throw new Problem(emailInUse)
      counts.registrations++
      // The account is there: a mail that can't be queued may be asked for again.
      if (mails.isOn)
        await mails.add('verify-email', user.email).catch((error: unknown) => {
          log.warn({ reason: (error as Error).message }, 'no mail to confirm an address')
        })
      const { id, email, created_at } = user
      return registered.reply({ id, email, created_at })
    },
  })
