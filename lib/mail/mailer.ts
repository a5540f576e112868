// Who takes a mail: the seam. smtp: a server; log: the log, for the embedded stack.

import type { Mail } from '../domain/mail.ts'
import { createSmtpClient } from '../drivers/mail/smtp.ts'
import type { Config } from '../runtime/config/config.ts'
import { mailWayOf } from '../runtime/config/mail.ts'
import { parseSmtpUrl } from '../runtime/config/smtp-url.ts'
import type { Log } from '../runtime/log.ts'

export { MailRefused } from '../drivers/mail/smtp.ts'

export type Mailer = {
  /** Rejects in bounded time; with MailRefused where another attempt can't help. */
  send(to: string, mail: Mail): Promise<void>
}

/** Undefined: there is no way to send mail. */
export const openMailer = (config: Config, log: Log): Mailer | undefined => {
  switch (mailWayOf(config)) {
    case 'smtp':
      return createSmtpClient({
        server: parseSmtpUrl(config.SMTP_URL as string),
        from: config.MAIL_FROM,
        timeoutMs: config.MAIL_TIMEOUT_MS,
      })
    case 'log':
      return createLogMailer(log)
    case 'none':
      return undefined
  }
}

/** A warning: `npm start` shows those. */
const createLogMailer = (log: Log): Mailer => ({
  send(to, { subject, text }) {
    log.warn({ to, subject, text }, 'mail, written here because SMTP_URL is not set')
    return Promise.resolve()
  },
})
