// POST /auth/forgot-password: asks for the mail that resets a password.

import { endpoint } from '../../http/contract/endpoint.ts'
import { addressBody, mailBusy, mailRequested, noMail, requestMail } from './mail-answers.ts'
import { accountsUnavailable, tag, type AccountParts } from './parts.ts'

export const forgotPassword = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: '/auth/forgot-password',
    operationId: 'forgotPassword',
    summary: 'Ask for the mail that resets a password',
    description: 'An address is sent only so many in an hour (`AUTH_MAILS_MAX`).',
    tag,
    auth: 'none',
    limit: 'address',
    body: addressBody,
    responses: [mailRequested],
    problems: [noMail, mailBusy, accountsUnavailable],
    handler: ({ body: { email } }) => requestMail(parts, 'reset-password', email),
  })
