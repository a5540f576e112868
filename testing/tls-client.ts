// What every port of ours that speaks TLS agrees to and what it refuses, as a table: RFC 9325. It is asked
// by a client that would take anything.

import { once } from 'node:events'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { loopback } from '../scripts/stack/ports.ts'
import { read } from './engines/harness.ts'

export const openTls = async (port: number, options: ConnectionOptions): Promise<TLSSocket> => {
  const socket = connect({ port, host: loopback, ...options })
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  return socket
}

/**
 * Whether a second connection, to `other`, goes on with the session of the first. In TLS 1.3 a session
 * comes behind the handshake, and node tells of it when something is read: so `request` is sent.
 */
export const isResumed = async (
  { port, other = port, request }: { port: number; other?: number; request: string },
  options: ConnectionOptions,
): Promise<boolean> => {
  const first = await openTls(port, options)
  const told = once(first, 'session') as Promise<[Buffer]>
  first.write(request)
  const isTold = first.getProtocol() !== 'TLSv1.2'
  const [[session]] = isTold ? await Promise.all([told, read(first)]) : [[first.getSession()]]
  const second = await openTls(other, { ...options, session })
  const isReused = second.isSessionReused()
  second.destroy()
  first.destroy()
  return isReused
}

export const checkTlsVersions = async (t: Test, port: number, ca: Buffer): Promise<void> => {
  for (const [what, options] of refused) {
    t.equal(await agreedOn(port, { ca, ...options }), undefined, what)
  }
  t.match(await agreedOn(port, { ca, ...lax('TLSv1.2', 'ALL') }), {
    protocol: 'TLSv1.2',
    cipher: /GCM|POLY1305/,
  })
  t.match(await agreedOn(port, { ca }), { protocol: 'TLSv1.3' })
}

const lax = (version: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2', ciphers: string): ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
  ciphers: `${ciphers}:@SECLEVEL=0`,
})

const refused: readonly (readonly [string, ConnectionOptions])[] = [
  ['TLS 1.0', lax('TLSv1', 'ALL')],
  ['TLS 1.1', lax('TLSv1.1', 'ALL')],
  ['no encryption', lax('TLSv1.2', 'NULL')],
  ['nobody knows who it is', lax('TLSv1.2', 'aNULL')],
  ['blocks in a chain', lax('TLSv1.2', 'ECDHE-ECDSA-AES128-SHA256')],
  ['an authority that is not its own', { ca: [] }],
]

/** Undefined when the server refuses. */
const agreedOn = async (port: number, options: ConnectionOptions) => {
  try {
    const socket = await openTls(port, options)
    const agreed = { protocol: socket.getProtocol(), cipher: socket.getCipher().name }
    socket.destroy()
    return agreed
  } catch {
    return undefined
  }
}
