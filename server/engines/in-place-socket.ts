// An accepted connection whose bytes are looked at where the kernel put them, in one buffer for all
// connections, instead of each read being allocated, wrapped and sent through a stream. At p=16 that
// was a sixth of the CPU per request (npm run bench:engines -- --only floor,node --limits 10).

import { Socket, type SocketConstructorOpts } from 'node:net'

/** Sees the first `length` bytes of `buffer`, which are overwritten once it returns. */
export type InPlaceReader = (buffer: Buffer, length: number) => void

export type InPlaceSocket = {
  readonly socket: Socket
  /** From now on the bytes go to `reader`; to the socket's own stream, as usual, without one. */
  readWith(reader: InPlaceReader | undefined): void
}

/** As much as libuv asks for in one read. */
const readBytesMax = 64 * 1024
/** What one write of the fast path carries at most: below this no 'drain' is waited for. */
const writableHighWaterMark = 256 * 1024

const shared = Buffer.allocUnsafeSlow(readBytesMax)

/** `accepted` must not have begun to read (`pauseOnConnect`); it lives, empty, until ours closes. */
export const readInPlace = (accepted: Socket): InPlaceSocket => {
  // net.Socket takes a buffer for its reads (`onread`) when it is made, and net.Server has no way to
  // pass one: so the handle moves to a socket of our own. `handle` is how net.Server makes its own.
  const owner = accepted as unknown as { _handle: unknown }
  const handle = owner._handle
  owner._handle = null
  let read: InPlaceReader | undefined
  const options: SocketConstructorOpts & { handle: unknown; writableHighWaterMark: number } = {
    ...{ handle, allowHalfOpen: true, readable: true, writable: true, writableHighWaterMark },
    onread: {
      buffer: shared,
      callback(length) {
        if (!read) return socket.push(Buffer.from(shared.subarray(0, length)))
        read(shared, length)
        return true
      },
    },
  }
  const socket = new Socket(options)
  // The server counts its connections by the sockets that it made.
  socket.once('close', () => accepted.destroy())
  return {
    socket,
    readWith(reader) {
      read = reader
    },
  }
}
