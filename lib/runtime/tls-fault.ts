// What kept a TLS connection from opening, as one of few causes. OpenSSL and Node.js say it in many
// codes, and none of them says what to set.

export type TlsFault = 'untrusted' | 'out-of-time' | 'other-name' | 'client-certificate' | 'no-tls'

const untrusted = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
])

/** Undefined: it has to do with something else. */
export const tlsFaultOf = (error: Error): TlsFault | undefined => {
  const code = String((error as NodeJS.ErrnoException).code)
  if (untrusted.has(code)) return 'untrusted'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'out-of-time'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'other-name'
  if (/ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)/.test(code)) {
    return 'client-certificate'
  }
  return code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO' ? 'no-tls' : undefined
}

/** OpenSSL's messages have line ends, and places of its own around what they say. */
export const oneLine = (text: string): string =>
  text
    .replace(/^[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):.*$/s, '$1')
    .trim()
    .replace(/\s+/g, ' ')
