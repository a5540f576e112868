// A stream whose client reads nothing would hold a server that leaves until its time is over: what it is
// told last stands behind what it does not read. So it is reset. Nothing is lost by that: the client comes
// back with its position, and repeats what has no outcome under the same ids.

import { constants } from 'node:http2'
import type { GrpcResponse } from './handler.ts'

/** What waits for a client that takes none of it for this long will not be taken. */
const stallTimeoutMs = 2_000
const pollIntervalMs = 100

/** For calls that have no end of their own. */
export const resetWhenStalled = (response: GrpcResponse, draining: AbortSignal): void => {
  const waiting = () =>
    'stream' in response ? response.stream.bufferSize : (response.socket?.writableLength ?? 0)
  let polling: NodeJS.Timeout | undefined
  const begin = () => {
    let before = waiting()
    let movedMs = performance.now()
    polling = setInterval(() => {
      const now = waiting()
      if (now === 0 || now !== before) movedMs = performance.now()
      else if (performance.now() - movedMs > stallTimeoutMs) reset(response)
      before = now
    }, pollIntervalMs)
  }
  response.once('close', () => {
    draining.removeEventListener('abort', begin)
    clearInterval(polling)
  })
  if (draining.aborted) begin()
  else draining.addEventListener('abort', begin, { once: true })
}

/** gRPC's clients take it for UNAVAILABLE, as they do a connection that is cut: they call again. */
const reset = (response: GrpcResponse): void => {
  if ('stream' in response) response.stream.close(constants.NGHTTP2_REFUSED_STREAM)
  else response.destroy()
}
