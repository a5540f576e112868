// What the mails of accounts say. Plain text, and nothing of what a user typed: an address that somebody
// else registered must not bring a stranger's words into a mail of ours.

import type { AccountMailKind, Mail, MailLinks } from '../domain/mail.ts'

const texts: Record<
  AccountMailKind,
  { subject: string; why: string; otherwise: string; body: string }
> = {
  'verify-email': {
    subject: 'Confirm your address',
    why: 'An account was registered with this address. If that was you, confirm it:',
    otherwise: 'If it was not you, there is nothing to do.',
    body: '{"token":"TOKEN"}',
  },
  'reset-password': {
    subject: 'Reset your password',
    why: 'A new password was asked for. If that was you, choose one:',
    otherwise: 'If it was not you, there is nothing to do: your password stays as it is.',
    body: '{"token":"TOKEN","password":"THE NEW ONE"}',
  },
}

export const accountMail = (
  kind: AccountMailKind,
  token: string,
  ttlSec: number,
  { linkUrl, apiUrl }: MailLinks,
): Mail => {
  const { subject, why, otherwise, body } = texts[kind]
  // Behind the #, so that no server on the way writes it into its log.
  const how =
    linkUrl === ''
      ? `curl ${apiUrl}/auth/${kind} -H 'Content-Type: application/json' -d '${body.replace('TOKEN', token)}'`
      : `${linkUrl}#${kind}=${token}`
  return {
    subject,
    text: [why, how, `It works once, and for ${duration(ttlSec)}.`, otherwise, ''].join('\n\n'),
  }
}

const duration = (seconds: number): string => {
  if (seconds % 3_600 === 0) return seconds === 3_600 ? 'an hour' : `${seconds / 3_600} hours`
  return `${Math.floor(seconds / 60)} minutes`
}
