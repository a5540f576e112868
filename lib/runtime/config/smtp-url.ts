// SMTP_URL taken apart. What it does not know is refused: a misspelled parameter must not send a password
// in the clear.

import { parseAuthority, splitUrl } from './url-parts.ts'

export type SmtpUrl = {
  readonly host: string
  readonly port: number
  /** From the first byte. */
  readonly isTls: boolean
  /** Nothing is sent unless STARTTLS succeeds. */
  readonly needsTls: boolean
  readonly user: string | undefined
  readonly password: string | undefined
}

const example = 'smtp://user:password@host:587'
const ports = { smtp: 587, smtps: 465 } as const
/** Nobody listens in between. */
const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/

/** Throws what to set it to. */
export const parseSmtpUrl = (text: string): SmtpUrl => {
  const [, scheme, rest = ''] = /^(smtps?):\/\/(.*)$/s.exec(text) ?? []
  const parts = splitUrl(rest)
  if ((scheme !== 'smtp' && scheme !== 'smtps') || !parts || parts.path)
    throw new Error(`a URL like ${example}, or smtps:// for TLS from the first byte`)
  const [, starttls] = /^starttls=(required|if-offered)$/.exec(parts.query) ?? []
  if (parts.query !== '' && starttls === undefined)
    throw new Error(`a URL like ${example}, with no parameter but starttls=required or if-offered`)
  const {
    user,
    password,
    host = '',
    port = ports[scheme],
  } = parseAuthority(parts.authority, example)
  if (host === '') throw new Error(`a URL with a host: ${example}`)
  const isRequired = user !== undefined && !isLoopback.test(host)
  return {
    host,
    port,
    isTls: scheme === 'smtps',
    // A password goes through TLS, with a certificate that is verified.
    needsTls: starttls === undefined ? isRequired : starttls === 'required',
    user,
    password,
  }
}
