// POST /auth/verify-email/request: asks for the mail that confirms an address.

import { endpoint } from '../../http/contract/endpoint.ts'
import { addressBody, mailBusy, mailRequested, noMail, requestMail } from './mail-answers.ts'
import { accountsUnavailable, tag, type AccountParts } from './parts.ts'

export const requestVerification = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: '/auth/verify-email/request',
    operationId: 'requestVerification',
    summary: 'Ask for the mail that confirms an address',
    description:
      'A registration asks for it by itself. An address is sent only so many in an hour (`AUTH_MAILS_MAX`).',
    tag,
    auth: 'none',
    limit: 'address',
    body: addressBody,
    responses: [mailRequested],
    problems: [noMail, mailBusy, accountsUnavailable],
    handler: ({ body: { email } }) => requestMail(parts, 'verify-email', email),
  })
