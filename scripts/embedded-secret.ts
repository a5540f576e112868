// The JWT secret of `npm start`: made once and kept beside its data, so that tokens outlive a restart.

import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const fileIn = (dataDirectory: string) => join(dataDirectory, 'jwt-secret')

export const readEmbeddedSecret = (dataDirectory: string): string | undefined =>
  existsSync(fileIn(dataDirectory)) ? readFileSync(fileIn(dataDirectory), 'utf8').trim() : undefined

export const embeddedSecret = (dataDirectory: string): string => {
  const kept = readEmbeddedSecret(dataDirectory)
  if (kept) return kept
  const secret = randomBytes(32).toString('hex')
  mkdirSync(dataDirectory, { recursive: true })
  writeFileSync(fileIn(dataDirectory), `${secret}\n`, { mode: 0o600 })
  return secret
}
