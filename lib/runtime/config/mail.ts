// Settings: how mail is sent.

import type { Config } from './config.ts'
import { parseSmtpUrl } from './smtp-url.ts'
import { wholeNumber, type Setting } from './table.ts'

export const mailSettings = {
  SMTP_URL: {
    default: undefined,
    unit: 'URL',
    meaning:
      'The server that mail is given to, such as `smtp://user:password@host:587`; `smtps://` is with TLS from the first byte. With a login, STARTTLS is required unless the host is this machine; `?starttls=required` or `if-offered` says otherwise. Empty: with COMMAND_LOG=postgres mail is written to the log of the worker, else there is none.',
    isSecret: true,
    parse(text: string) {
      parseSmtpUrl(text)
      return text
    },
  } satisfies Setting<string>,
  MAIL_FROM: {
    default: '',
    unit: 'address',
    meaning: 'The address that mail comes from: `todos@example.com`. Required with SMTP_URL.',
    parse(text: string) {
      if (text !== '' && !/^[^\s@<>,;:"]+@[^\s@<>,;:"]+$/.test(text))
        throw new Error('an address, such as todos@example.com')
      return text
    },
  } satisfies Setting<string>,
  MAIL_LINK_URL: {
    default: '',
    unit: 'URL',
    meaning:
      'A page of your application that a mail leads to, such as `https://todos.example/account`. It gets the token behind a `#`: `#verify-email=TOKEN`, `#reset-password=TOKEN` or `#invitation=TOKEN`. Empty: the page that the API serves, below PUBLIC_API_URL; without that a mail has a command to paste.',
    parse(text: string) {
      if (text === '') return text
      const url = URL.canParse(text) ? new URL(text) : undefined
      if (!url || !/^https?:$/.test(url.protocol) || url.hash !== '' || url.username !== '')
        throw new Error('a URL that begins with http:// or https://, without a # or a login')
      return url.href
    },
  } satisfies Setting<string>,
  MAIL_TIMEOUT_MS: wholeNumber({
    default: 10_000,
    min: 100,
    max: 20_000,
    unit: 'ms',
    meaning: 'How long the server of SMTP_URL may take for one mail. No request waits for it.',
  }),
} as const satisfies Record<string, Setting<string | number>>

export type MailWay = 'smtp' | 'log' | 'none'

/** The embedded stack has its user in front of the log; elsewhere a log is no place for a token. */
export const mailWayOf = (config: Pick<Config, 'SMTP_URL' | 'COMMAND_LOG'>): MailWay => {
  if (config.SMTP_URL !== undefined) return 'smtp'
  return config.COMMAND_LOG === 'postgres' ? 'log' : 'none'
}

/** Said at start; undefined: nothing to say. */
export const mailWarning = (config: Pick<Config, 'SMTP_URL' | 'COMMAND_LOG'>): string | undefined =>
  mailWayOf(config) === 'none'
    ? 'no mail can be sent, so that no address is confirmed and no password reset: set SMTP_URL'
    : undefined
