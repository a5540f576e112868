// Closes sockets that keep us waiting: silent ones, half requests, and clients that do not read.
// One poll of all of them a second, so that a request never touches a timer.

import type { Socket } from 'node:net'
import type { FastConnection } from './fast-path.ts'

export type SocketTimeouts = {
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly writeStallTimeoutMs: number
}

export type SocketWatch = {
  add(socket: Socket): void
  /** The fast path owns this socket's timeouts until `disown`; after that node's own parser does. */
  own(socket: Socket, connection: FastConnection): void
  disown(socket: Socket): void
  owned(): Iterable<FastConnection>
  sockets(): Iterable<Socket>
  count(): number
  stop(): void
}

type Watched = {
  connection: FastConnection | undefined
  requests: number
  waitsFor: ReturnType<FastConnection['waitsFor']>
  waitedMs: number
  unsentBytes: number
  stalledMs: number
}

const pollIntervalMs = 1_000

export const watchSockets = (timeouts: SocketTimeouts): SocketWatch => {
  const watched = new Map<Socket, Watched>()

  const poll = () => {
    for (const [socket, state] of watched) {
      if (isStalled(socket, state, timeouts.writeStallTimeoutMs)) socket.destroy()
      // Our last answer is sent: a client that leaves its half open is not waited for.
      else if (socket.writableFinished) lingers(socket, state)
      else if (state.connection) wait(state, state.connection)
    }
  }

  const lingers = (socket: Socket, state: Watched) => {
    state.waitedMs += pollIntervalMs
    if (state.waitedMs >= timeouts.writeStallTimeoutMs) socket.destroy()
  }

  const wait = (state: Watched, connection: FastConnection) => {
    const requests = connection.requests()
    const waitsFor = connection.waitsFor()
    // Not each byte that comes: a request that drips in would never be late.
    if (requests !== state.requests || waitsFor !== state.waitsFor || waitsFor === 'nothing') {
      state.requests = requests
      state.waitsFor = waitsFor
      state.waitedMs = 0
      return
    }
    state.waitedMs += pollIntervalMs
    if (waitsFor === 'next-request') {
      if (state.waitedMs >= timeouts.keepAliveTimeoutMs) connection.closeIfIdle()
      return
    }
    const { headersTimeoutMs, requestTimeoutMs } = timeouts
    const timeoutMs = waitsFor === 'rest-of-body' ? requestTimeoutMs : headersTimeoutMs
    if (state.waitedMs >= timeoutMs) connection.timeOut()
  }

  const timer = setInterval(poll, pollIntervalMs).unref()

  return {
    add(socket) {
      watched.set(socket, {
        connection: undefined,
        requests: 0,
        waitsFor: 'nothing', // so that the first poll is the one to count from: it may come at once
        waitedMs: 0,
        unsentBytes: 0,
        stalledMs: 0,
      })
      socket.once('close', () => {
        watched.delete(socket)
      })
    },
    own(socket, connection) {
      const state = watched.get(socket)
      if (state) state.connection = connection
    },
    disown(socket) {
      const state = watched.get(socket)
      if (state) state.connection = undefined
    },
    *owned() {
      for (const { connection } of watched.values()) if (connection) yield connection
    },
    sockets: () => watched.keys(),
    count: () => watched.size,
    stop() {
      clearInterval(timer)
    },
  }
}

/** True when bytes wait to be sent and the client has read none of them for too long. */
const isStalled = (socket: Socket, state: Watched, timeoutMs: number): boolean => {
  const unsentBytes = unsentBytesOf(socket)
  state.stalledMs =
    unsentBytes > 0 && unsentBytes === state.unsentBytes ? state.stalledMs + pollIntervalMs : 0
  state.unsentBytes = unsentBytes
  return state.stalledMs >= timeoutMs
}

// `writableLength` falls only when a whole write is through, `writeQueueSize` with every byte that
// the kernel takes: a slow reader of a large list is not a stalled one. It is not documented, but
// net.Socket's own timeout is built on it.
const unsentBytesOf = (socket: Socket): number => {
  const handle = (socket as unknown as { _handle?: { writeQueueSize?: number } | null })._handle
  return handle?.writeQueueSize ?? socket.writableLength
}
