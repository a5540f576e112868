// What the mail of an invitation says. Not which team it is: names are what users typed, and no mail of ours
// brings a stranger's words. Whoever logs in reads it in the list of invitations.

import type { Mail, MailLinks } from '../domain/mail.ts'
import type { IssuedInvitation } from './teams.ts'

export const invitationMail = (
  { token, expiresAt, hasAccount }: IssuedInvitation,
  { linkUrl, apiUrl }: MailLinks,
): Mail => {
  const json = "-H 'Content-Type: application/json'"
  const register = `curl ${apiUrl}/auth/register ${json} -d '{"email":"THIS ADDRESS","password":"YOUR PASSWORD"}'`
  const accept = `curl ${apiUrl}/api/invitations/accept -H "Authorization: Bearer $ACCESS_TOKEN" ${json} -d '{"token":"${token}"}'`
  const isLink = linkUrl !== ''
  const who = hasAccount
    ? 'Log in with the account of this address, and join:'
    : 'There is no account of this address yet. Register one with it, log in, and join:'
  return {
    subject: 'You are invited to a team',
    text: [
      'An admin of a team has invited this address.',
      who,
      ...(hasAccount || isLink ? [] : [register]),
      // Behind the #, so that no server on the way writes it into its log.
      isLink ? `${linkUrl}#invitation=${token}` : accept,
      `It works once, until ${expiresAt.toUTCString()}.`,
      'If you do not know what it is about, there is nothing to do.',
      '',
    ].join('\n\n'),
  }
}
