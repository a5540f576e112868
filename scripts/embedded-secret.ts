// The JWT secret of `npm start`: made once and kept beside its data, so that tokens outlive a restart.

import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const secretMode = 0o600

const fileIn = (dataDirectory: string) => join(dataDirectory, 'jwt-secret')

export const readEmbeddedSecret = (dataDirectory: string): string | undefined =>
  existsSync(fileIn(dataDirectory)) ? readFileSync(fileIn(dataDirectory), 'utf8').trim() : undefined

export const embeddedSecret = (dataDirectory: string): string => {
  const kept = readEmbeddedSecret(dataDirectory)
  if (kept) {
    chmodSync(fileIn(dataDirectory), secretMode) // it may have been copied, or made by hand
    return kept
  }
  const secret = randomBytes(32).toString('hex')
  mkdirSync(dataDirectory, { recursive: true })
  writeFileSync(fileIn(dataDirectory), `${secret}\n`, { mode: secretMode })
  return secret
}
