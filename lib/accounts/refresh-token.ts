// Refresh tokens: `family.generation.mac`. The family is random and names a login. The MAC vouches
// for the two before it as they are spelled: a forgery, or another spelling, never reaches the
// database. A generation's token is the same whenever it is made.

import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

export type RefreshToken = { readonly family: string; readonly generation: number }

export type RefreshTokens = {
  write(token: RefreshToken): string
  /** Undefined for what was not written here. */
  read(text: string): RefreshToken | undefined
}

const familyBytes = 16
const form = /^([\w-]{22})\.(\d{1,9})\.[\w-]{43}$/

export const newFamily = (): string => randomBytes(familyBytes).toString('base64url')

/** What a session is called in the database and in access tokens; the family can't be found from it. */
export const sessionIdOf = (family: string): string =>
  createHash('sha256').update(family).digest('base64url')

/** `accepted`: other secrets with which a token may have been written. */
export const createRefreshTokens = (
  secret: string,
  accepted: readonly string[] = [],
): RefreshTokens => {
  const key = keyOf(secret)
  const keys = [key, ...accepted.map(keyOf)]
  return {
    write: (token) => textOf(key, token),
    read(text) {
      const [, family, digits] = form.exec(text) ?? []
      if (family === undefined || digits === undefined) return undefined
      const token = { family, generation: Number(digits) }
      const given = Buffer.from(text)
      const isOurs = keys.some((one) => {
        const written = Buffer.from(textOf(one, token))
        // The lengths differ when the number has zeros in front.
        return given.length === written.length && timingSafeEqual(given, written)
      })
      return isOurs ? token : undefined
    },
  }
}

/** A key of their own: the secret itself signs access tokens. */
const keyOf = (secret: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', 'todos refresh token', 32))

const textOf = (key: Buffer, { family, generation }: RefreshToken): string => {
  const named = `${family}.${generation}`
  return `${named}.${createHmac('sha256', key).update(named).digest('base64url')}`
}
