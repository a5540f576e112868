// Files in PEM that a setting names: certificates and private keys, checked when a program starts.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Throws what the setting should be set to, with why this file is not it. */
export const checkPem = (what: string, file: string, check: (pem: Buffer) => unknown): void => {
  try {
    check(readFileSync(file))
  } catch (error) {
    throw new Error(`a file with ${what} in PEM (${oneLine((error as Error).message)})`, {
      cause: error,
    })
  }
}

export const certificatesIn = (pem: Buffer): X509Certificate[] => {
  const blocks = pem.toString('latin1').match(certificateBlock) ?? []
  if (blocks.length === 0) throw new Error('it has no certificate')
  return blocks.map((block) => new X509Certificate(block))
}

export const belongTogether = (certFile: string, keyFile: string, passphrase?: string): boolean => {
  const [certificate] = certificatesIn(readFileSync(certFile))
  const key = createPrivateKey({
    key: readFileSync(keyFile),
    ...(passphrase !== undefined && { passphrase }),
  })
  return certificate?.checkPrivateKey(key) ?? false
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ')

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
