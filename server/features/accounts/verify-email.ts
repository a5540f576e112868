// POST /auth/verify-email: the token of a mail shows that its reader has the address.

import { named, object } from '../../../lib/domain/shape.ts'
import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { Problem } from '../../http/problem.ts'
import { exampleMailToken, mailToken, unusableToken } from './mail-answers.ts'
import { accountsUnavailable, ignored, orUnavailable, tag, type AccountParts } from './parts.ts'

export const verifyEmail = ({ accountTokens, counts }: AccountParts) =>
  endpoint({
    method: 'POST',
    path: '/auth/verify-email',
    operationId: 'verifyEmail',
    summary: 'Confirm an address',
    tag,
    auth: 'none',
    limit: 'address',
    body: {
      shape: named('MailToken', object({ token: mailToken }, { description: ignored })),
      examples: [{ token: exampleMailToken }],
    },
    responses: [{ status: 204, description: 'The address is confirmed, and the token used up.' }],
    problems: [unusableToken, accountsUnavailable],
    async handler({ body: { token } }) {
      if (!(await orUnavailable(accountTokens.verifyEmail(token)))) throw new Problem(unusableToken)
      counts.verifications++
      return withoutBody(204)
    },
  })
