// Names of variables that are no settings: slips of the pen for one, what other clients call one, and
// what platforms set by themselves, which must not stop a start.

import { isNearly } from '../../domain/near-miss.ts'
import { meantOfKafka } from './kafka-security.ts'

/** Kubernetes gives every pod such variables for each service, and a service may be called `redis`. */
export const isServiceLink = (name: string, value = ''): boolean =>
  /_SERVICE_(HOST|PORT(_.+)?)$|_PORT_\d+_(TCP|UDP|SCTP)/.test(name) ||
  /^(tcp|udp|sctp):\/\//.test(value)

/** Railway's own, beside REDIS_URL. */
const railway = /^REDIS(HOST|PORT|USER|PASSWORD)$/

const pem = '(_(FILE|PATH|PEM|CERTS?|DATA))*'
/** Said by no URL; of no use to one without TLS. */
const redisFiles = ['REDIS_CA_FILE', 'REDIS_CERT_FILE', 'REDIS_KEY_FILE']

/**
 * What other programs call our settings. Refused only where that setting has no value: beside one, they
 * are another program's, or the platform's (Railway sets REDIS_PASSWORD, Heroku DATABASE_URL).
 */
const otherNames: readonly (readonly [RegExp, string])[] = [
  [
    /^(DATABASE|DB)_(HOST|HOSTNAME|PORT|USER|USERNAME|NAME|PASS|PASSWORD|URI|DSN|CONNECTION_(STRING|URL))$/,
    'DATABASE_URL',
  ],
  [/^(DB|PG|POSTGRES|POSTGRESQL)_(URL|URI|DSN)$/, 'DATABASE_URL'],
  [/^DATABASE_(DIRECT|UNPOOLED)(_URI|_DSN)?$/, 'DATABASE_DIRECT_URL'],
  [
    /^(DATABASE|DB|PG|POSTGRES)_(READ|READER|READ_?ONLY|RO|READ_REPLICA|REPLICA|STANDBY)_(HOSTS?|URLS?|URIS?|DSNS?)$/,
    'DATABASE_REPLICA_URLS',
  ],
  [/^(DATABASE|DB|PG|POSTGRES)_SHARDS?(_URLS?)?$/, 'DATABASE_SHARDS'],
  [
    /^(DATABASE|DB)_(POOL|POOL_MAX|MAX_POOL|MAX_CONNECTIONS|CONNECTION_LIMIT)$|^DATABASE_POOL_SIZE$/,
    'DB_POOL_SIZE',
  ],
  [
    /^REDIS_(ADDRS?|ADDRESS(ES)?|URI|DSN|ENDPOINT|SERVERS?|NODES|CLUSTER_NODES|CONNECTION(_STRING|_URL)?|USER|USERNAME|DB|DATABASE)$/,
    'REDIS_URL',
  ],
  [/^REDIS_(USE_|ENABLE_)?(TLS|SSL)(_ENABLED)?$/, 'REDIS_URL (rediss:// is with TLS)'],
  [new RegExp(`^REDIS_(SSL_|TLS_|CLIENT_)*(ROOT_)?(CA|CACERTS?)${pem}$`), 'REDIS_CA_FILE'],
  [new RegExp(`^REDIS_(SSL_|TLS_|CLIENT_)*(CERT|CERTIFICATE)${pem}$`), 'REDIS_CERT_FILE'],
  [new RegExp(`^REDIS_(SSL_|TLS_|CLIENT_)*(PRIVATE_)?KEY${pem}$`), 'REDIS_KEY_FILE'],
  [/^REDIS_HOSTNAME$/, 'REDIS_HOST'],
  [/^REDIS_(PASS|PASSWD|PWD|AUTH|AUTH_TOKEN)$/, 'REDIS_PASSWORD'],
  [/^REDIS_(POOL|POOL_MAX|MAX_CONNECTIONS|CONNECTIONS)$/, 'REDIS_POOL_SIZE'],
]

/** The setting that a variable of `env` probably means. */
export const meantBy = (
  name: string,
  env: NodeJS.ProcessEnv,
  known: readonly string[],
): string | undefined => {
  if (isServiceLink(name, env[name])) return undefined
  if (railway.test(name) && env['REDIS_URL']) return undefined
  const slip = known.find((one) => isNearly(name, one))
  if (slip !== undefined) return slip
  const [, meant] = otherNames.find(([names]) => names.test(name)) ?? []
  if (meant === undefined) return meantOfKafka(name)
  const [setting = ''] = meant.split(' ')
  const isGiven = (one: string) => Boolean(env[one] ?? env[`${one}_FILE`])
  const isElsewhere =
    isGiven(setting) ||
    (setting.startsWith('REDIS_') &&
      setting !== 'REDIS_POOL_SIZE' &&
      isGiven('REDIS_URL') &&
      !(redisFiles.includes(setting) && env['REDIS_URL']?.startsWith('rediss')))
  return isElsewhere ? undefined : meant
}
