// From a row of the outbox to the mail: a new token, and where to go with it.

import { accountMail } from '../../lib/accounts/account-mails.ts'
import type { AccountTokens } from '../../lib/accounts/account-tokens.ts'
import { invitationMail } from '../../lib/teams/invitation-mail.ts'
import type { IssueInvitation } from '../../lib/teams/teams.ts'
import type { Config } from '../../lib/runtime/config/config.ts'
import type { Compose } from './send-mails.ts'

export const createCompose = (
  tokens: Pick<AccountTokens, 'issue'>,
  issueInvitation: IssueInvitation,
  config: Config,
): Compose => {
  const ttlSec = {
    'verify-email': config.AUTH_VERIFY_TTL_SEC,
    'reset-password': config.AUTH_RESET_TTL_SEC,
  }
  const links = { linkUrl: linkUrlOf(config), apiUrl: apiUrlOf(config) }
  return async ({ kind, subject }) => {
    if (kind === 'invitation') {
      const issued = await issueInvitation(subject)
      return issued && { to: issued.email, mail: invitationMail(issued, links) }
    }
    const token = await tokens.issue(kind, subject, ttlSec[kind])
    if (token === undefined) return undefined
    return { to: subject, mail: accountMail(kind, token, ttlSec[kind], links) }
  }
}

/** Without an application of one's own, mails lead to the page that the API serves. */
export const linkUrlOf = ({ MAIL_LINK_URL, PUBLIC_API_URL }: Links): string => {
  if (MAIL_LINK_URL !== '' || PUBLIC_API_URL === '') return MAIL_LINK_URL
  return `${PUBLIC_API_URL}/app`
}
type Links = Pick<Config, 'MAIL_LINK_URL' | 'PUBLIC_API_URL'>

/** A server that listens on every address has no name of its own. */
const apiUrlOf = ({ PUBLIC_API_URL, HTTP_HOST, HTTP_PORT }: Config): string => {
  if (PUBLIC_API_URL !== '') return PUBLIC_API_URL
  return /^(::|0\.0\.0\.0)$/.test(HTTP_HOST) ? '"$URL"' : `http://${HTTP_HOST}:${HTTP_PORT}`
}
