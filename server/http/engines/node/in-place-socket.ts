// An accepted connection whose bytes are read where the kernel put them, in one buffer for all
// connections, instead of each read being allocated, wrapped and sent through a stream. At p=16 that
// was a sixth of the CPU per request (npm run bench:engines -- --only floor,node --limits 10).

import { Socket, type SocketConstructorOpts } from 'node:net'

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
  // Else node's HTTP parser would read from it by itself, past whoever reads in place.
  handle._consumed = true
  const { readStart } = handle
  let isStopped = false
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
