// POST /auth/reset-password: a new password, for who has the token of a mail. Every session ends: whoever
// had the old password may have one.

import { newPassword } from '../../../lib/domain/credentials.ts'
import { named, object } from '../../../lib/domain/shape.ts'
import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { Problem } from '../../http/problem.ts'
import { exampleMailToken, mailToken, unusableToken } from './mail-answers.ts'
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

export const resetPassword = ({
  accountTokens,
  passwords,
  passwordRules,
  onRevoked,
  counts,
}: AccountParts) =>
  endpoint({
    method: 'POST',
    path: '/auth/reset-password',
    operationId: 'resetPassword',
    summary: 'Reset a password',
    description: 'Ends every session of the account, and confirms its address.',
    tag,
    auth: 'none',
    limit: 'address',
    body: {
      shape: named(
        'PasswordReset',
        object(
          { token: mailToken, password: newPassword(passwordRules) },
          { description: ignored },
        ),
      ),
      examples: [{ token: exampleMailToken, password: exampleLogin.password }],
    },
    responses: [{ status: 204, description: 'The password is the new one. Log in with it.' }],
    problems: [unusableToken, passwordsBusy(queueIsFull), accountsUnavailable],
    async handler({ client, requestId, body: { token, password } }) {
      // Before the password is hashed: that takes long, and strangers send what they like.
      if (!(await orUnavailable(accountTokens.isUsable('reset-password', token))))
        throw new Problem(unusableToken)
      const hashed = await passwords.hash(password, client.key)
      if (hashed.kind === 'busy') throw new Problem(passwordsBusy(hashed.reason))
      const ended = await orUnavailable(accountTokens.resetPassword(token, hashed.hash, requestId))
      if (!ended) throw new Problem(unusableToken)
      ended.forEach(onRevoked)
      counts.passwordResets++
      return withoutBody(204)
    },
  })
