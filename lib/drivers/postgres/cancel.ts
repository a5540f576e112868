// Asks Postgres to cancel what a connection is doing, on a connection of its own, as the protocol has
// it. postgres.js can do that too, but a failure of it ends the process (see connection.ts).

import { connect } from 'node:net'
import type { Endpoint } from './socket.ts'

/** What the server gave the connection to be cancelled by. */
export type BackendKey = { readonly pid: number; readonly secret: number }

/** Half a second more of a statement that nobody waits for does no harm. */
const cancelTimeoutMs = 500
const cancelRequestCode = 80_877_102

/** Resolves when it was asked, or could not be: the server's own time-out ends the statement then. */
export const cancelOnServer = (
  peer: Endpoint | undefined,
  { pid, secret }: BackendKey,
): Promise<void> => {
  if (peer === undefined) return Promise.resolve()
  const request = Buffer.alloc(16)
  request.writeUInt32BE(request.length, 0)
  request.writeUInt32BE(cancelRequestCode, 4)
  request.writeUInt32BE(pid, 8)
  request.writeUInt32BE(secret, 12)
  return new Promise((resolve) => {
    const socket = connect({ ...peer, timeout: cancelTimeoutMs })
    socket.on('connect', () => socket.write(request))
    socket.on('timeout', () => socket.destroy())
    socket.on('error', () => {}) // `close` follows
    socket.on('close', () => resolve())
    socket.resume()
  })
}
