// How much uWebSockets.js may buffer for clients that do not read. It answers everything that came
// with one read, and keeps what a socket does not take: 1 MiB of pipelined requests for a long list
// grew a process to 2.3 GB. It tells no handler which connection it is on, so the bound is the
// process's, not the connection's.

import type { HttpResponse } from 'uWebSockets.js'

export type UnsentBound = {
  /** May this many bytes be handed over whole, whether or not the socket takes them? */
  allows(bytes: number): boolean
}

/** Replies below this are not worth counting. */
export const largeBytesMin = 16 * 1024
/** In one turn of the event loop: 8 clients with 80 lists of 1,000 in flight each, answered twice. */
const turnBytesMax = 256 * 1024 * 1024
/** Over what the process took before it answered anything. */
const residentBytesMax = 256 * 1024 * 1024

export const createUnsentBound = (): UnsentBound => {
  const idleBytes = process.memoryUsage.rss()
  let turnBytes = 0
  let isFull = false

  const endTurn = () => {
    turnBytes = 0
    isFull = process.memoryUsage.rss() > idleBytes + residentBytesMax
    // Full, it looks again each turn: nothing else tells when clients have read or gone.
    if (isFull) setTimeout(endTurn, 10).unref()
  }

  return {
    allows(bytes) {
      if (turnBytes === 0 && !isFull) setImmediate(endTurn)
      turnBytes += bytes
      return !isFull && turnBytes <= turnBytesMax
    },
  }
}

/**
 * The response must have an abort handler. Sends `body` as fast as the client reads it, keeping none of it in uWS's own buffer. Another
 * request pipelined meanwhile closes the connection: uWS does not answer behind a pending reply.
 */
export const sendAsItDrains = (response: HttpResponse, body: Buffer): void => {
  const [, isDone] = response.tryEnd(body, body.length)
  if (isDone) return
  response.onWritable((offset) => {
    const [isTaken] = response.tryEnd(body.subarray(offset), body.length)
    return isTaken
  })
}
