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

/** A setting that names such a file, which is checked; its value stays the name. */
export const pemFile = (what: string, meaning: string, check: (pem: Buffer) => unknown) => ({
  default: '',
  unit: 'file',
  meaning,
  parse(text: string) {
    if (text !== '') checkPem(what, text, check)
    return text
  },
})

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

/** What two settings, of a certificate and of its key, need of each other; '' is none. */
export const pairFaults = (
  values: Readonly<Record<string, unknown>>,
  certName: string,
  keyName: string,
): string[] => {
  const [cert, key] = [String(values[certName]), String(values[keyName])]
  if (cert === '' && key === '') return []
  if (key === '') return [`${keyName} is not set: ${certName} is, and needs it`]
  if (cert === '') return [`${certName} is not set: ${keyName} is, and needs it`]
  return belongTogether(cert, key)
    ? []
    : [`${keyName} is not the key of ${certName}: set both to one pair`]
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ')

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
