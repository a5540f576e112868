// Settings: where Redis is, and how much of it we use.

import { createPrivateKey } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { availableParallelism } from 'node:os'
import { certificatesIn, pairFaults, pemFile } from './pem.ts'
import { parseRedisUrl } from './redis-url.ts'
import { wholeNumber, type Setting } from './table.ts'

export const redisSettings = {
  REDIS_URL: {
    default: 'redis://localhost:6379/0',
    unit: 'URL',
    meaning:
      'Redis: `redis://user:password@host:6379/0`, `redis+sentinel://host:26379,host:26379/NAME/0` or `redis+cluster://host:6379,host:6379`. `rediss` is with TLS.',
    isSecret: true,
    parse(text: string): string {
      parseRedisUrl(text.trim())
      return text.trim()
    },
  },
  REDIS_HOST: {
    default: '',
    unit: 'name or address',
    meaning: 'Host of Redis, where REDIS_URL is not set.',
    parse(text: string): string {
      const bare = text.replace(/^\[(.*)\]$/, '$1')
      if (!isIPv6(bare) && /[\s:/@,?#%[\]]/.test(bare)) {
        throw new Error('a name or an address; with more than that set REDIS_URL')
      }
      return bare
    },
  },
  REDIS_PORT: wholeNumber({
    default: 6379,
    min: 1,
    max: 65_535,
    unit: 'port',
    meaning: 'Port of Redis, where REDIS_URL is not set.',
  }),
  REDIS_PASSWORD: {
    default: '',
    unit: 'password',
    meaning: 'Password of Redis, where REDIS_URL is not set.',
    isSecret: true,
    parse: (text: string): string => text,
  },
  REDIS_CA_FILE: pemFile(
    'certificates',
    "Certificates that Redis's must be signed by, where REDIS_URL is with TLS. Without, those that Node.js trusts.",
    certificatesIn,
  ),
  REDIS_CERT_FILE: pemFile(
    'a certificate',
    'Client certificate, for a Redis with `tls-auth-clients yes`. Needs REDIS_KEY_FILE.',
    certificatesIn,
  ),
  REDIS_KEY_FILE: pemFile(
    'a private key without a passphrase',
    'Private key of REDIS_CERT_FILE.',
    createPrivateKey,
  ),
  REDIS_POOL_SIZE: wholeNumber({
    default: availableParallelism(),
    min: 1,
    max: 10_000,
    unit: 'connections',
    meaning:
      'Redis data connections of the whole server, shared out over its processes (each keeps at least one, besides the one that listens for invalidations). In a cluster: to each master. Default: one per core; one connection multiplexes.',
  }),
} as const satisfies Record<string, Setting<string | number>>

/** REDIS_URL of its parts, for a machine where it is not set itself. */
export const redisUrlOfParts = (
  values: Readonly<Record<string, string | number | undefined>>,
): string => {
  const [host, password] = [String(values['REDIS_HOST']), String(values['REDIS_PASSWORD'])]
  const login = password === '' ? '' : `:${encodeURIComponent(password)}@`
  const name = isIPv6(host) ? `[${host}]` : host || 'localhost'
  return `redis://${login}${name}:${values['REDIS_PORT']}/0`
}

/** What the files of TLS need; one line each. */
export const redisTlsFaults = (
  values: Readonly<Record<string, string | number | undefined>>,
): string[] => {
  const files = ['REDIS_CA_FILE', 'REDIS_CERT_FILE', 'REDIS_KEY_FILE'].filter(
    (name) => values[name] !== '',
  )
  const isWithTls = String(values['REDIS_URL']).startsWith('rediss')
  return [
    ...(isWithTls
      ? []
      : files.map(
          (name) => `${name} is set but REDIS_URL is without TLS: let it begin with rediss`,
        )),
    ...pairFaults(values, 'REDIS_CERT_FILE', 'REDIS_KEY_FILE'),
  ]
}
