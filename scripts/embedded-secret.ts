// The JWT secret of `npm start`: made once and kept beside its data, so that tokens outlive a restart.

import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dataDirectory } from './paths.ts'

const file = new URL('jwt-secret', dataDirectory)

export const readEmbeddedSecret = (): string | undefined =>
  existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined

export const embeddedSecret = (): string => {
  const kept = readEmbeddedSecret()
  if (kept) return kept
  const secret = randomBytes(32).toString('hex')
  mkdirSync(dataDirectory, { recursive: true })
  writeFileSync(file, `${secret}\n`, { mode: 0o600 })
  return secret
}
