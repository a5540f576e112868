// The socket of a connection to Postgres, with TLS as the URL's sslmode asks for it. postgres.js could do
// that, but then our listeners were gone, and a certificate that is not trusted would be "closed".

import { readFileSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { PostgresTarget, PostgresTls } from '../../runtime/config/postgres-url.ts'
import type { HostAndPort } from '../../runtime/config/url-parts.ts'
import { oneLine, tlsFaultOf, type TlsFault } from '../../runtime/tls-fault.ts'

/** What postgres.js hands to whoever opens its sockets: the environment's, or its defaults. */
export type DriverEndpoint = {
  readonly host: readonly string[]
  readonly port: readonly number[]
}

/** A Unix socket, or a port. */
export type Endpoint = { readonly path: string } | { readonly host: string; readonly port: number }

export const endpointOf = ({ host, port }: HostAndPort, found?: DriverEndpoint): Endpoint => {
  const name = host ?? found?.host[0] ?? 'localhost'
  const number = port ?? found?.port[0] ?? 5432
  return name.startsWith('/')
    ? { path: `${name}/.s.PGSQL.${number}` }
    : { host: name, port: number }
}

/** For people. */
export const placeOf = (endpoint: Endpoint): string =>
  'path' in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`

/**
 * The driver's options for as whom to log in, and by which sockets: where they lead is ours to know. An
 * `object`, for its published types have no `socket`.
 */
export const driverTarget = (
  { user, password, database }: PostgresTarget,
  socket: (found: DriverEndpoint) => Promise<Socket>,
): object => ({
  ...(user !== undefined && { user }),
  ...(password !== undefined && { password }),
  ...(database !== undefined && { database }),
  ssl: false,
  socket,
})

/**
 * Ready for the first message. `onSocket` is called with each socket as it is made, the last of which
 * is the one that counts. Rejects when it fails or closes.
 */
export const openSocket = async (
  endpoint: Endpoint,
  tls: PostgresTls,
  onSocket: (socket: Socket) => void = () => {},
): Promise<Socket> => {
  const plain = connect(endpoint)
  onSocket(plain)
  await happens(plain, 'connect')
  if ('path' in endpoint || tls.mode === 'disable') return plain
  if (!tls.isDirect) {
    plain.write(tlsRequest)
    const answer = await happens(plain, 'data')
    if (answer?.toString('latin1') !== 'S') {
      if (tls.mode === 'prefer' && answer?.toString('latin1') === 'N') return plain
      const refused = new Error(
        'Postgres speaks no TLS on this port: set sslmode of the URL to disable, or its port to the one with TLS',
      )
      plain.destroy(refused)
      throw refused
    }
  }
  const secure = connectTls({ ...tlsOptions(tls, endpoint.host), socket: plain })
  onSocket(secure)
  await happens(secure, 'secureConnect')
  return secure
}

/** The same, with what to set where TLS was the cause. */
export const explained = (error: Error): Error => {
  const fault = tlsFaultOf(error)
  return fault ? new Error(`${advice[fault]} (${oneLine(error.message)})`, { cause: error }) : error
}

const advice: Readonly<Record<TlsFault, string>> = {
  untrusted:
    "Postgres's certificate is not trusted: set sslrootcert of the URL to the certificate of who signed it",
  'out-of-time':
    "Postgres's certificate is not valid now: renew it, or set the clock of this machine",
  'other-name':
    "Postgres's certificate is for another name: set the URL's host to a name in it, or sslmode to verify-ca",
  'client-certificate':
    'Postgres asks for a client certificate that it trusts: set sslcert and sslkey of the URL',
  'no-tls':
    'what answers there speaks no TLS: set sslmode of the URL to disable, or its port to the one with TLS',
}

const tlsRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** Files are read each time: a certificate that was renewed counts from the next connection on. */
const tlsOptions = (tls: PostgresTls, host: string): ConnectionOptions => ({
  rejectUnauthorized: tls.mode === 'verify-ca' || tls.mode === 'verify-full',
  ...(tls.mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  ...(isIP(host) === 0 ? { servername: host } : { host }),
  ...(tls.isDirect && { ALPNProtocols: ['postgresql'] }),
  ...(tls.rootCertFile !== undefined && { ca: readFileSync(tls.rootCertFile) }),
  ...(tls.certFile !== undefined && { cert: readFileSync(tls.certFile) }),
  ...(tls.keyFile !== undefined && { key: readFileSync(tls.keyFile) }),
  ...(tls.keyPassword !== undefined && { passphrase: tls.keyPassword }),
  ...(tls.minVersion !== undefined && { minVersion: tls.minVersion }),
  ...(tls.maxVersion !== undefined && { maxVersion: tls.maxVersion }),
})

const happens = (socket: Socket, event: 'connect' | 'secureConnect' | 'data') =>
  new Promise<Buffer | undefined>((resolve, reject) => {
    const settle = (act: () => void) => {
      socket.off(event, onEvent)
      socket.off('error', onError)
      socket.off('close', onClose)
      act()
    }
    const onEvent = (data?: Buffer) => settle(() => resolve(data))
    const onError = (error: Error) => settle(() => reject(explained(error)))
    const onClose = () => settle(() => reject(new Error('Postgres closed the connection')))
    socket.on(event, onEvent)
    socket.on('error', onError)
    socket.on('close', onClose)
  })
