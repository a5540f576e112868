// The two request headers that change how a write is answered: Idempotency-Key and Prefer.

import { createHash } from 'node:crypto'
import { matching, optional, shape } from '../../lib/domain/shape.ts'
import type { HeaderParameter } from './contract/parameters.ts'

/** Longer than this nobody is kept waiting, whatever was asked for. */
export const waitSecMax = 30

/** Nobody's preferences are longer; splitting takes time that grows with the square of this. */
export const preferLengthMax = 1_000

/** A comma, unless it stands between quotes. */
const outsideQuotes = /,(?=(?:[^"]*"[^"]*")*[^"]*$)/

export type Preferences = {
  /** N of `wait=N`, at most `waitSecMax`; undefined without it. */
  readonly waitSec: number | undefined
  readonly respondAsync: boolean
}

/** What a `Prefer` header (RFC 7240 sections 4.1 and 4.3) asks for. */
export const parsePrefer = (prefer: string | undefined): Preferences => {
  if (prefer === undefined || prefer.length > preferLengthMax) {
    return { waitSec: undefined, respondAsync: false }
  }
  const preferences = prefer.split(outsideQuotes)
  const wait = preferences
    .map((preference) => /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;|$)/i.exec(preference)?.[1])
    .find((seconds) => seconds !== undefined) // of two, the first counts (section 2)
  return {
    waitSec: wait === undefined ? undefined : Math.min(Number(wait), waitSecMax),
    respondAsync: preferences.some((one) => /^\s*respond-async\s*(?:[=;]|$)/i.test(one)),
  }
}

export const idempotencyKey: HeaderParameter<string | undefined> = {
  name: 'Idempotency-Key',
  description: 'One key of one user is one write, however often it is sent. Remembered for a week.',
  example: '5c1f2b9e-8d0a-4f4e-9d53-5b6f1d1c7a11',
  component: 'IdempotencyKey',
  shape: optional(matching(/^[!-~]{1,255}$/, '1 to 255 printable ASCII characters')),
}

export const prefer = (
  about: Omit<HeaderParameter<Preferences>, 'name' | 'shape'>,
): HeaderParameter<Preferences> => ({
  ...about,
  name: 'Prefer',
  shape: shape({ type: 'string' }, (value) => parsePrefer(value as string | undefined)),
})

/** The same for the same user and key, on every process and host and after every restart. */
export const idFromKey = (userId: string, key: string): string =>
  createHash('sha256').update(`${userId}\0${key}`).digest('base64url')

/** The same for the same values. */
export const fingerprintOf = (...values: readonly string[]): Buffer =>
  createHash('sha256').update(JSON.stringify(values)).digest()
