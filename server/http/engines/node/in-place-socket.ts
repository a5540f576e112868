// An accepted connection whose bytes are read where the kernel put them, in one buffer for all
// connections, instead of each read being allocated, wrapped and sent through a stream. At p=16 that
// was a sixth of the CPU per request (npm run bench:engines -- --only floor,node --limits 10).

import { Socket, type SocketConstructorOpts } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'

/** Sees the first `length` bytes of `buffer`, which are overwritten once it returns. */
export type InPlaceReader = (buffer: Buffer, length: number) => void

export type InPlaceSocket = {
  readonly socket: Socket
  /** From now on the bytes go to `reader`; to the socket's own stream, as usual, without one. */
  readWith(reader: InPlaceReader | undefined): void
  /** What the kernel holds stays there, so that its window closes and the client waits. */
  stopReading(): void
  startReading(): void
}

/** The part of libuv's handle that net.Socket and node:http use themselves. */
type Handle = {
  reading: boolean
  _consumed: boolean
  readStop: () => number
  readStart: () => number
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
  const owner = accepted as unknown as { _handle: Handle | null }
  const handle = owner._handle as Handle
  owner._handle = null
  let read: InPlaceReader | undefined
  const options: SocketConstructorOpts & { handle: unknown; writableHighWaterMark: number } = {
    handle,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    writableHighWaterMark,
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
    ...createStops(socket, handle),
  }
}

/**
 * The same of a connection that is encrypted. Node decrypts each record into a buffer of its own, so there
 * is nothing to save by reading in place; but all that stands behind reads as from a plain socket.
 */
export const decryptInPlace = (accepted: Socket, secureContext: SecureContext): InPlaceSocket => {
  const socket = new TLSSocket(accepted, {
    isServer: true,
    secureContext,
    ALPNProtocols: ['http/1.1'],
  })
  let read: InPlaceReader | undefined
  const push = socket.push.bind(socket)
  socket.push = (chunk: Buffer | null) => {
    if (!read || chunk === null) return push(chunk)
    read(chunk, chunk.length)
    return true
  }
  return {
    socket,
    readWith(reader) {
      read = reader
    },
    ...createStops(socket, (socket as unknown as { _handle: Handle })._handle),
  }
}

const createStops = (socket: Socket, handle: Handle) => {
  // Else node's HTTP parser would read from it by itself, past whoever reads in place.
  handle._consumed = true
  const { readStart } = handle
  let isStopped = false
  return {
    stopReading() {
      if (isStopped || socket.destroyed) return
      isStopped = true
      handle.readStop()
      // Node starts reading for many reasons: a pause of its own that ends, a request that was read.
      handle.readStart = () => 0
    },
    startReading() {
      if (!isStopped || socket.destroyed) return
      isStopped = false
      handle.readStart = readStart
      handle.reading = true
      handle.readStart()
    },
  }
}
