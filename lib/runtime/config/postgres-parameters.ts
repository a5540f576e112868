// The parameters of a Postgres URL: those of libpq that we follow, and for the others what to set in
// their place. One that was ignored in silence would leave an operator without TLS, or with two limits.

import { isNearly } from '../../domain/near-miss.ts'

/** As libpq has them; `allow` is taken for `prefer`, which is stricter. */
export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

/** What the parameters say, each under its own name. */
export type PostgresParameters = { readonly [Name in keyof typeof taken]?: string }

/** Throws what the URL should be; `encoded` is said of a name that is none. */
export const readParameters = (query: string, encoded: string): PostgresParameters => {
  const values: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    if (Object.hasOwn(taken, name)) {
      const choices: Choices = taken[name as keyof typeof taken]
      if (choices !== 'any' && !choices.test(value)) {
        throw new Error(`a URL whose ${name} is ${words(choices)}`)
      }
      values[name] = value
      continue
    }
    throw new Error(refusal(name) ?? encoded)
  }
  return values
}

type Choices = RegExp | 'any'
const oneOf = (...choices: readonly string[]) => new RegExp(`^(${choices.join('|')})$`)
const words = ({ source }: RegExp) =>
  source === seconds.source
    ? 'a number of seconds up to 300'
    : source.slice(2, -2).replaceAll('|', ' or ').replaceAll('\\', '')

const seconds = /^([0-9]|[1-9][0-9]|[12][0-9][0-9]|300)$/
const tlsVersion = oneOf('TLSv1\\.2', 'TLSv1\\.3')

const taken = {
  host: 'any',
  port: 'any',
  user: 'any',
  password: 'any',
  dbname: 'any',
  sslmode: oneOf('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'),
  /** Of JDBC, which libpq takes too, and of node-postgres. */
  ssl: oneOf('true', 'false', '1', '0'),
  sslnegotiation: oneOf('postgres', 'direct'),
  sslrootcert: 'any',
  sslcert: 'any',
  sslkey: 'any',
  sslpassword: 'any',
  ssl_min_protocol_version: tlsVersion,
  ssl_max_protocol_version: tlsVersion,
  channel_binding: oneOf('disable', 'prefer', 'require'),
  connect_timeout: seconds,
  application_name: 'any',
  fallback_application_name: 'any',
  options: 'any',
  /** What we do anyway. */
  target_session_attrs: oneOf('any', 'read-write', 'primary'),
  client_encoding: oneOf('UTF8', 'UTF-8', 'utf8', 'utf-8', 'auto'),
  gssencmode: oneOf('disable', 'prefer'),
  load_balance_hosts: oneOf('disable'),
  sslcompression: oneOf('0'),
  sslsni: oneOf('1'),
  /** Notes of Supabase's and Vercel's to themselves. */
  supa: 'any',
  workaround: 'any',
} as const satisfies Record<string, Choices>

/** By other clients of Postgres, in lower case; and what of libpq's we can't do. */
const others: Readonly<Record<string, string>> = {
  schema: "which is Prisma's: remove it, or set options=-csearch_path%3DNAME",
  currentschema: "which is JDBC's: remove it, or set options=-csearch_path%3DNAME",
  search_path: 'which belongs into options: set options=-csearch_path%3DNAME',
  statement_timeout: 'which belongs into options: set options=-cstatement_timeout%3D5s',
  pgbouncer: "which is Prisma's: remove it, and set DATABASE_DIRECT_URL to Postgres itself",
  connection_limit: "which is Prisma's: remove it, and set DB_POOL_SIZE",
  pool_timeout: "which is Prisma's: remove it; a wait for a connection is bounded here",
  pool_max_conns: "which is pgx's: remove it, and set DB_POOL_SIZE",
  socket_timeout: "which is Prisma's: remove it; every use of a connection is bounded here",
  statement_cache_size: "which is Prisma's: remove it; a pooler is found out at the start",
  prepared_statements: 'which is not of libpq: remove it; a pooler is found out at the start',
  preparethreshold: "which is JDBC's: remove it; a pooler is found out at the start",
  sslaccept: "which is Prisma's: set sslmode to verify-full, or to require to verify nothing",
  sslidentity: "which is Prisma's: set sslcert and sslkey",
  uselibpqcompat: "which is node-postgres's: remove it; sslmode means what libpq says",
  targetservertype: "which is JDBC's: remove it; the server must take writes anyway",
  applicationname: "which is JDBC's: set application_name",
  sslcrl: 'which is not supported: remove it',
  hostaddr: "which is not supported: set the URL's host to the address",
  passfile: 'which is not supported: set DATABASE_URL_FILE to a file with the whole URL',
  service: 'which is not supported: set what the service says in the URL',
  servicefile: 'which is not supported: set what the service says in the URL',
  require_auth: 'which is not supported: remove it; sslmode=verify-full makes sure of the server',
  keepalives: 'which is not needed: remove it; silent connections are found within seconds here',
  tcp_user_timeout: 'which is not needed: remove it; silent connections are found here',
}

const refusal = (name: string): string | undefined => {
  // What is no name may be a part of a password: it is not shown.
  if (!/^[A-Za-z][A-Za-z_.]{1,40}$/.test(name)) return undefined
  const lower = name.toLowerCase()
  const meant = Object.keys(taken).find((one) => isNearly(lower, one))
  const advice =
    others[lower] ??
    (lower.startsWith('keepalives') ? others['keepalives'] : undefined) ??
    (meant === undefined
      ? 'which is no parameter of libpq: remove it; settings of Postgres go into options=-cNAME%3DVALUE'
      : `which is no parameter of libpq: did you mean ${meant}?`)
  return `a URL without ${name}, ${advice}`
}
