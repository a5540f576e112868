// HTTP/2 connections, each held to bounds that Node leaves to the application: a client that is gone
// without a word, one that stays without calls, and one that sends control frames without end.

import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Reader } from './slow-readers.ts'

export type SessionBounds = {
  /** Without a call for this long, a connection is asked to end. */
  readonly idleTimeoutMs: number
  /** A client that sent no call for this long is asked for a sign of life. */
  readonly keepAliveIntervalMs: number
  /** Without that sign for this long it is cut. */
  readonly keepAliveTimeoutMs: number
}

/**
 * PINGs that a client may send in a second, and what it may save up. gRPC's clients send one for each
 * block of data that they get, at most; a flood of them is nothing but work.
 */
const pingsPerSec = 10
const pingsSavedMax = 100

/** The highest that there can be: all that come are taken. */
const lastStreamId = 2 ** 31 - 1

export type WatchedSession = {
  /** Once a second. */
  check(nowMs: number): void
  readonly reader: Reader
  /** Says that it ends. A call that comes behind it is refused unread (REFUSED_STREAM): it may be sent again. */
  announceEnd(): void
  /** Takes no more calls; those in flight are answered. */
  end(): void
}

export const watchSession = (
  session: ServerHttp2Session,
  bounds: SessionBounds,
): WatchedSession => {
  const streams = new Set<ServerHttp2Stream>()
  let pings = pingsSavedMax
  let lastStreamMs = performance.now()
  let heardMs = lastStreamMs
  let askedMs: number | undefined

  session.on('stream', (stream) => {
    streams.add(stream)
    lastStreamMs = heardMs = performance.now()
    stream.once('close', () => {
      streams.delete(stream)
      lastStreamMs = performance.now()
    })
  })
  session.on('ping', () => {
    if (pings-- > 0) return
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    session.destroy()
  })

  const askForLife = (nowMs: number) => {
    askedMs = nowMs
    session.ping(() => {
      askedMs = undefined
      heardMs = performance.now()
    })
  }

  return {
    check(nowMs) {
      if (session.destroyed) return
      pings = Math.min(pingsSavedMax, pings + pingsPerSec)
      if (askedMs !== undefined) {
        if (nowMs - askedMs > bounds.keepAliveTimeoutMs) session.destroy()
      } else if (streams.size === 0 && nowMs - lastStreamMs > bounds.idleTimeoutMs) session.close()
      else if (nowMs - heardMs > bounds.keepAliveIntervalMs) askForLife(nowMs)
    },
    reader: {
      waiting: () => [...streams].reduce((sum, { bufferSize }) => sum + bufferSize, 0),
      sent: () => (session.destroyed ? 0 : session.socket.bytesWritten),
      cut: () => session.destroy(),
    },
    announceEnd() {
      if (!session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, lastStreamId)
    },
    end: () => session.close(),
  }
}
