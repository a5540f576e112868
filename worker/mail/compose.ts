// From a row of the outbox to the mail: a new token, and where to go with it.

import { accountMail } from '../../lib/accounts/account-mails.ts'
import type { AccountTokens } from '../../lib/accounts/account-tokens.ts'
import type { Mail } from '../../lib/domain/mail.ts'
import type { QueuedMail } from '../../lib/mail/outbox.ts'
import type { Config } from '../../lib/runtime/config/config.ts'

export const createCompose = (tokens: Pick<AccountTokens, 'issue'>, config: Config) => {
  const ttlSec = {
    'verify-email': config.AUTH_VERIFY_TTL_SEC,
    'reset-password': config.AUTH_RESET_TTL_SEC,
  }
  const links = { linkUrl: config.MAIL_LINK_URL, apiUrl: apiUrlOf(config) }
  return async ({ kind, address }: QueuedMail): Promise<Mail | undefined> => {
    const token = await tokens.issue(kind, address, ttlSec[kind])
    return token === undefined ? undefined : accountMail(kind, token, ttlSec[kind], links)
  }
}

/** A server that listens on every address has no name of its own. */
const apiUrlOf = ({ PUBLIC_API_URL, HTTP_HOST, HTTP_PORT }: Config): string => {
  if (PUBLIC_API_URL !== '') return PUBLIC_API_URL
  return /^(::|0\.0\.0\.0)$/.test(HTTP_HOST) ? '"$URL"' : `http://${HTTP_HOST}:${HTTP_PORT}`
}
