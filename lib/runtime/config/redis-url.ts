// A Redis URL: where it leads, as whom and to which database. ioredis takes every parameter of a URL for
// one of its own options, so that `?host=` leads elsewhere: here the few that are followed are named.

import { encoded, parseAuthority, splitUrl } from './url-parts.ts'

export type RedisTarget = {
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly hasTls: boolean
}

/** Throws what the URL should be; never with a part that may be secret. */
export const parseRedisUrl = (text: string): RedisTarget => {
  const [, scheme, rest] = /^(rediss?):\/\/(.*)$/s.exec(text) ?? []
  if (rest === undefined) throw new Error('a URL that begins with redis:// or rediss://')
  const parts = splitUrl(rest)
  if (!parts) throw new Error(encoded(example))
  const {
    user,
    password,
    host = 'localhost',
    port = 6379,
  } = parseAuthority(parts.authority, example)
  if (!/^\d{0,5}$/.test(parts.path ?? '')) {
    // What follows a raw slash in a password is no path.
    throw new Error(
      host === 'localhost' || parts.path?.includes('@')
        ? encoded(example)
        : 'a URL whose path is the number of a database, such as /0',
    )
  }
  for (const [name] of new URLSearchParams(parts.query)) {
    throw new Error(
      /^[A-Za-z_]{1,40}$/.test(name)
        ? `a URL without ${name}, which is not followed: remove it`
        : encoded(example),
    )
  }
  return {
    host,
    port,
    user,
    password,
    database: Number(parts.path ?? 0),
    hasTls: scheme === 'rediss',
  }
}

const example = 'redis://user:password@host:6379/0'
