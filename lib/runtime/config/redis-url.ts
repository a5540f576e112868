// A Redis URL: where it leads, as whom and to which database. It names one server, the Sentinels of a
// master, or nodes of a cluster. ioredis takes every parameter of a URL for one of its own options, so
// that `?host=` leads elsewhere: here the few that are followed are named.

import { decoded, encoded, parseAuthority, splitUrl } from './url-parts.ts'

export type RedisHost = { readonly host: string; readonly port: number }

export type RedisTarget = {
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly hasTls: boolean
  /** The server itself; or those who know where masters are. */
  readonly hosts: readonly [RedisHost, ...RedisHost[]]
  readonly found: RedisDiscovery
}

export type RedisDiscovery =
  | { readonly by: 'address' }
  | {
      readonly by: 'sentinel'
      readonly masterName: string
      /** Sentinels' own: they do not take those of the master. */
      readonly user: string | undefined
      readonly password: string | undefined
    }
  | { readonly by: 'cluster' }

type By = RedisDiscovery['by']

const examples: Readonly<Record<By, string>> = {
  address: 'redis://user:password@host:6379/0',
  sentinel: 'redis+sentinel://user:password@host:26379,host:26379,host:26379/mymaster/0',
  cluster: 'redis+cluster://user:password@host:6379,host:6379',
}
const defaultPorts: Readonly<Record<By, number>> = {
  address: 6379,
  sentinel: 26_379,
  cluster: 6379,
}
/** More than a quorum or a first contact needs. */
const hostsMax = 50

/** Throws what the URL should be; never with a part that may be secret. */
export const parseRedisUrl = (text: string): RedisTarget => {
  const [, scheme, how = 'address', rest] =
    /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(.*)$/s.exec(text) ?? []
  if (rest === undefined) {
    throw new Error(
      'a URL that begins with redis://, redis+sentinel:// or redis+cluster:// (rediss is with TLS)',
    )
  }
  const by = how as By
  const example = examples[by]
  const parts = splitUrl(rest)
  if (!parts) throw new Error(encoded(example))
  const { user, password, hosts } = parseHosts(parts.authority, by)
  const isPathOfHost = hosts.some(({ host }) => host === 'localhost') || parts.path?.includes('@')
  const parameters = parseParameters(parts.query, by)
  const common = { user, password, hosts, hasTls: scheme === 'rediss' }
  switch (by) {
    case 'address':
      if (!/^\d{0,5}$/.test(parts.path ?? '')) {
        // What follows a raw slash in a password is no path.
        throw new Error(
          isPathOfHost
            ? encoded(example)
            : 'a URL whose path is the number of a database, such as /0',
        )
      }
      return { ...common, database: Number(parts.path ?? 0), found: { by } }
    case 'sentinel': {
      const [, name, database] = /^([^/]+?)(?:\/(\d{0,5}))?$/s.exec(parts.path ?? '') ?? []
      const masterName = decoded(name, example)
      if (masterName === undefined || /[\s@]/.test(masterName)) {
        throw new Error(`a URL whose path is the name of the master, such as in ${example}`)
      }
      return {
        ...common,
        database: Number(database ?? 0),
        found: {
          by,
          masterName,
          user: parameters.get('sentinelUsername'),
          password: parameters.get('sentinelPassword'),
        },
      }
    }
    case 'cluster':
      if (!/^0?$/.test(parts.path ?? '')) {
        throw new Error(
          isPathOfHost ? encoded(example) : 'a URL without a database: a cluster has number 0 only',
        )
      }
      return { ...common, database: 0, found: { by } }
  }
}

/** `user:password@host:port,host:port`: the login is that of all of them. */
const parseHosts = (authority: string, by: By) => {
  const example = examples[by]
  const at = authority.lastIndexOf('@')
  const texts = by === 'address' ? [authority.slice(at + 1)] : authority.slice(at + 1).split(',')
  const { user, password } = parseAuthority(`${authority.slice(0, Math.max(at, 0))}@`, example)
  if (texts.length > hostsMax) throw new Error(`a URL of at most ${hostsMax} hosts`)
  const [first, ...others] = texts.map((text): RedisHost => {
    if (by !== 'address' && text === '') throw new Error(encoded(example))
    const { host = 'localhost', port = defaultPorts[by] } = parseAuthority(text, example)
    return { host, port }
  })
  return { user, password, hosts: [first as RedisHost, ...others] as const }
}

const followed: Readonly<Record<By, readonly string[]>> = {
  address: [],
  sentinel: ['sentinelUsername', 'sentinelPassword'],
  cluster: [],
}

const parseParameters = (query: string, by: By): ReadonlyMap<string, string> => {
  const parameters = new Map(new URLSearchParams(query))
  for (const name of parameters.keys()) {
    if (followed[by].includes(name)) continue
    throw new Error(
      /^[A-Za-z_]{1,40}$/.test(name)
        ? `a URL without ${name}, which is not followed: remove it`
        : encoded(examples[by]),
    )
  }
  return parameters
}
