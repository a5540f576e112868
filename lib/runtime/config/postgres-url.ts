// A Postgres URL as people have it: libpq's, those of managed databases, Unix sockets, IPv6. The driver's
// own parser takes no IPv6 address and hands what it does not know to the server, so this one is used.

import { createPrivateKey } from 'node:crypto'
import { belongTogether, certificatesIn, checkPem } from './pem.ts'
import { readParameters, type PostgresParameters, type TlsMode } from './postgres-parameters.ts'
import {
  decoded,
  encoded,
  parseAuthorities,
  portOf,
  splitUrl,
  type HostAndPort,
} from './url-parts.ts'

export type PostgresTls = {
  readonly mode: TlsMode
  /** TLS begins without asking for it first: Postgres 17 and later. */
  readonly isDirect: boolean
  /** Undefined: the authorities that Node.js trusts. */
  readonly rootCertFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly keyPassword: string | undefined
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3' | undefined
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3' | undefined
}

/** What the URL leaves out is undefined: the environment's (`PGHOST`), else libpq's default. */
export type PostgresTarget = {
  /**
   * At least one; a host is a name, an address, or the directory of a Unix socket. Of several, the one
   * that takes writes is meant.
   */
  readonly hosts: readonly HostAndPort[]
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string | undefined
  readonly tls: PostgresTls
  readonly connectTimeoutMs: number | undefined
  /** Sent to the server when a session begins. */
  readonly applicationName: string | undefined
  readonly options: string | undefined
}

/** Throws what the URL should be; never with a part that may be secret. */
export const parsePostgresUrl = (text: string): PostgresTarget => {
  const [, rest] = /^postgres(?:ql)?:\/\/(.*)$/s.exec(text) ?? []
  if (rest === undefined) throw new Error('a URL that begins with postgres:// or postgresql://')
  const parts = splitUrl(rest)
  if (!parts) throw new Error(encoded(example))
  const authority = parseAuthorities(parts.authority, example)
  const parameters = readParameters(parts.query, encoded(example))
  const { connect_timeout: timeoutSec } = parameters
  return {
    hosts: hostsOf(parameters, authority.hosts),
    user: parameters.user ?? authority.user,
    password: parameters.password ?? authority.password,
    database: parameters.dbname ?? decoded(parts.path, example),
    tls: tlsOf(parameters),
    connectTimeoutMs: Number(timeoutSec ?? 0) === 0 ? undefined : Number(timeoutSec) * 1_000,
    applicationName: parameters.application_name ?? parameters.fallback_application_name,
    options: parameters.options,
  }
}

/** For the table of settings: parses, and looks into the files that the URL names. */
export const checkPostgresUrl = (text: string): string => {
  const { rootCertFile, certFile, keyFile, keyPassword: passphrase } = parsePostgresUrl(text).tls
  const inUrl = (name: string, what: string, file: string, check: (pem: Buffer) => unknown) => {
    try {
      checkPem(what, file, check)
    } catch (error) {
      throw new Error(`a URL whose ${name} is ${(error as Error).message}`, { cause: error })
    }
  }
  if (rootCertFile !== undefined) inUrl('sslrootcert', 'certificates', rootCertFile, certificatesIn)
  if (certFile === undefined || keyFile === undefined) return text
  inUrl('sslcert', 'a certificate', certFile, certificatesIn)
  inUrl('sslkey', 'a private key', keyFile, (key) =>
    createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) }),
  )
  if (!belongTogether(certFile, keyFile, passphrase)) {
    throw new Error('a URL whose sslkey is the key of its sslcert')
  }
  return text
}

/** Those of a list. A comma that begins no other URL is a part of one, such as of a password. */
export const urlsIn = (text: string): string[] =>
  text.trim() === '' ? [] : text.trim().split(/\s*,\s*(?=postgres(?:ql)?:\/\/)/)

/** Every one is asked whenever the primary is looked for. */
const hostsMax = 8

/** Those of the parameters win, and one port may be said for all hosts, as libpq has it. */
const hostsOf = (
  { host, port }: PostgresParameters,
  inAuthority: readonly HostAndPort[],
): readonly HostAndPort[] => {
  const ports = port?.split(',').map((one) => portOf(one, example))
  const hosts = host?.split(',').map((one) => ({ host: one || undefined, port: undefined }))
  const named = hosts ?? inAuthority
  if (named.length > hostsMax) throw new Error(`a URL with ${hostsMax} hosts at most`)
  if (ports === undefined) {
    return named.map((one, i) => ({ ...one, port: one.port ?? portNamed(inAuthority, i) }))
  }
  if (ports.length > 1 && ports.length !== named.length) {
    throw new Error('a URL with one port, or with one for each of its hosts')
  }
  return named.map((one, i) => ({ ...one, port: ports[ports.length === 1 ? 0 : i] ?? one.port }))
}

const portNamed = (hosts: readonly HostAndPort[], i: number): number | undefined =>
  hosts[hosts.length === 1 ? 0 : i]?.port

const example = 'postgres://user:password@host:5432/database'

const tlsOf = (parameters: PostgresParameters): PostgresTls => {
  const { sslmode, ssl, sslrootcert, sslcert, sslkey, sslpassword } = parameters
  const isDirect = parameters.sslnegotiation === 'direct'
  const isSystem = sslrootcert === 'system'
  if ((sslcert === undefined) !== (sslkey === undefined)) {
    throw new Error('a URL with both sslcert and sslkey, or with neither')
  }
  const named =
    sslmode ?? (ssl === undefined ? undefined : /^(true|1)$/.test(ssl) ? 'require' : 'disable')
  const mode = ((): TlsMode => {
    // The driver has no channel binding. What it is for, that nobody stands in between, a verified
    // certificate ensures as well.
    if (parameters.channel_binding === 'require') return 'verify-full'
    if (named === undefined) return sslrootcert === undefined ? 'prefer' : 'verify-full'
    if (named === 'require' && sslrootcert !== undefined)
      return isSystem ? 'verify-full' : 'verify-ca'
    return named === 'allow' ? 'prefer' : (named as TlsMode)
  })()
  if (parameters.channel_binding === 'require' && named === 'disable') {
    throw new Error(
      'a URL without channel_binding=require, which needs TLS, or without sslmode=disable',
    )
  }
  if (isSystem && mode !== 'verify-full') {
    throw new Error('a URL whose sslmode is verify-full, as sslrootcert=system needs it')
  }
  if (isDirect && (mode === 'prefer' || mode === 'disable')) {
    throw new Error('a URL whose sslmode is require or more, as sslnegotiation=direct needs it')
  }
  return {
    mode,
    isDirect,
    rootCertFile: isSystem ? undefined : sslrootcert,
    certFile: sslcert,
    keyFile: sslkey,
    keyPassword: sslpassword,
    minVersion: parameters.ssl_min_protocol_version as PostgresTls['minVersion'],
    maxVersion: parameters.ssl_max_protocol_version as PostgresTls['maxVersion'],
  }
}
