// Certificates for tests, made by openssl: an authority, and what it signs for 127.0.0.1. In PEM, which
// Kafka, Node.js and OpenSSL all read. They are good for a day.

import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ServiceMissing, findProgram } from './service.ts'
import { loopback } from './ports.ts'

const run = promisify(execFile)

export type Authority = {
  /** The authority's own certificate. */
  readonly certFile: string
  /** A new key, and a certificate for it that this authority has signed. */
  issue(name: string, options?: { addresses?: string }): Promise<Issued>
}
export type Issued = {
  readonly certFile: string
  readonly keyFile: string
  /** Both in one file, as Kafka wants them. */
  readonly keystoreFile: string
}

export const createAuthority = async (directory: string, name: string): Promise<Authority> => {
  const openssl = findProgram('openssl')
  if (openssl === undefined) throw new ServiceMissing('openssl', 'apt-get install openssl')
  await mkdir(directory, { recursive: true })
  const file = (suffix: string) => join(directory, `${name}${suffix}`)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
  const [certFile, keyFile] = [file('.pem'), file('.key')]
  const own = ['req', '-x509', ...newKey, '-subj', `/CN=${name}`, '-out', certFile]
  await run(openssl, [...own, '-keyout', keyFile])
  return {
    certFile,
    async issue(subject, { addresses = `IP:${loopback}` } = {}) {
      const at = (suffix: string) => file(`-${subject}${suffix}`)
      const issued = {
        certFile: at('.pem'),
        keyFile: at('.key'),
        keystoreFile: at('.keystore.pem'),
      }
      const asked = ['req', '-x509', ...newKey, '-subj', `/CN=${subject}`, '-out', issued.certFile]
      await run(openssl, [
        ...asked,
        '-keyout',
        issued.keyFile,
        '-CA',
        certFile,
        '-CAkey',
        keyFile,
        '-addext',
        `subjectAltName=${addresses}`,
        '-addext',
        'basicConstraints=critical,CA:FALSE',
      ])
      const parts = await Promise.all([issued.keyFile, issued.certFile].map((one) => readFile(one)))
      await writeFile(issued.keystoreFile, Buffer.concat(parts))
      return issued
    },
  }
}
