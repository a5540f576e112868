// Mail over SMTP, by nodemailer. What it could read besides a message (files, URLs) is off, and an address
// is given to it as one: it would take `a,b@c` apart.

import { createTransport } from 'nodemailer'
import type { Mail } from '../../domain/mail.ts'
import type { SmtpUrl } from '../../runtime/config/smtp-url.ts'
import { withTimeout } from '../../runtime/deadline.ts'

/** The server will never take this mail, to this address. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused'
}

export type SmtpClient = {
  /** Resolves when the server has taken it. Rejects within the bound. */
  send(to: string, mail: Mail): Promise<void>
}

/** Started together, nodemailer's timers and ours raced: the reason was the one's or the other's. */
const behindOursMs = 1_000

export const createSmtpClient = (settings: {
  readonly server: SmtpUrl
  readonly from: string
  readonly timeoutMs: number
}): SmtpClient => {
  const { server, from, timeoutMs } = settings
  const { host, port, isTls, needsTls, user, password } = server
  const transport = createTransport({
    host,
    port,
    secure: isTls,
    requireTLS: needsTls,
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    // The bound below holds for all together, and says so. These end what it leaves behind.
    connectionTimeout: timeoutMs + behindOursMs,
    greetingTimeout: timeoutMs + behindOursMs,
    socketTimeout: timeoutMs + behindOursMs,
    dnsTimeout: timeoutMs + behindOursMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    async send(to, { subject, text }) {
      const controller = new AbortController()
      try {
        await withTimeout(timeoutMs, () =>
          transport.sendMail({
            from,
            to: { name: '', address: to },
            subject,
            text,
            // RFC 3834: no holiday replies.
            headers: { 'Auto-Submitted': 'auto-generated' },
            signal: controller.signal,
          }),
        )
      } catch (error) {
        controller.abort()
        throw isRefusal(error) ? new MailRefused((error as Error).message, { cause: error }) : error
      }
    },
  }
}

/** Of this mail: a login that is refused (EAUTH) is for the operator to mend, and the mail waits. */
const isRefusal = (error: unknown): boolean => {
  const { code, permanent } = error as { readonly code?: string; readonly permanent?: boolean }
  if (code === 'EENVELOPE') return permanent !== false
  return code === 'EMESSAGE' && permanent === true
}
