// How the endpoints that are about mail answer.

import type { AccountMailKind } from '../../../lib/domain/mail.ts'
import { newEmail } from '../../../lib/domain/credentials.ts'
import { matching, named, object, oneOf } from '../../../lib/domain/shape.ts'
import { answer } from '../../http/contract/answer.ts'
import type { Reply } from '../../http/engines/engine.ts'
import { Problem, unavailable, type ProblemKind } from '../../http/problem.ts'
import { noStore } from '../../http/response-headers.ts'
import { exampleLogin, ignored, orUnavailable, type AccountParts } from './parts.ts'

export const addressBody = {
  shape: named('Address', object({ email: newEmail }, { description: ignored })),
  examples: [{ email: exampleLogin.email }],
}

export const mailRequested = answer({
  status: 202,
  component: 'MailRequested',
  description:
    'If the address has an account that needs it, a mail is on its way. The answer is the same when it has none.',
  headers: [noStore],
  body: named('MailRequested', object({ status: oneOf('accepted') })),
  examples: [{ status: 'accepted' }],
})

export const noMail: ProblemKind = {
  type: {
    slug: 'no-mail',
    status: 501,
    when: 'This server has no way to send mail.',
    remedy: 'Ask who runs the server to set `SMTP_URL`.',
  },
  detail: 'this server sends no mail',
}
export const mailBusy = unavailable(
  {
    slug: 'mail-busy',
    when: 'Too many mails wait to be sent, to whatever address.',
    remedy:
      'Wait for `Retry-After`, then ask again. The mail server may be down: the worker logs it.',
  },
  'too many mails are waiting to be sent',
)

export const requestMail = async (
  { mails }: AccountParts,
  kind: AccountMailKind,
  email: string,
): Promise<Reply> => {
  if (!mails.isOn) throw new Problem(noMail)
  if ((await orUnavailable(mails.add(kind, email))) === 'full') throw new Problem(mailBusy)
  return mailRequested.reply({ status: 'accepted' })
}

export const exampleMailToken = 'w3Jr0bF8uT2hQmXv5nZkLd7sYp1cGe9aVoKiUyRtEwQ'
export const mailToken = matching(/^[\w-]{1,100}$/, 'the token of a mail')

/** Which of them it is, is not said to anybody. */
export const unusableToken: ProblemKind = {
  type: {
    slug: 'unusable-mail-token',
    status: 400,
    when: 'The token of a mail was used, has expired, or a newer mail took its place.',
    remedy: 'Ask for another mail, and use the newest.',
  },
  detail: 'the token was used, has expired, or was replaced by a newer one',
  field: 'token',
}
