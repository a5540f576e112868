// How much uWebSockets.js may buffer for clients that do not read. It answers everything that came
// with one read, and keeps what a socket does not take: 1 MiB of pipelined requests for a long list
// grew a process to 2.3 GB. It gives no handler its connection, so the bound is the
// process's, not the connection's.

import type { HttpResponse } from 'uWebSockets.js'
import type { Reply } from '../engine.ts'
import type { Holder, Unsent } from '../unsent.ts'

export type UnsentBound = {
  /** May this many bytes be handed over whole, whether or not the socket takes them? */
  allows(bytes: number): boolean
}

/** Replies below this are not worth counting. */
export const countedBytesMin = 16 * 1024
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
    // Full, it polls: nothing else reports when clients have read or gone.
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
 * Sends the reply as fast as the client reads it, keeping none of it in uWS's own buffer. `onAborted`:
 * the response's abort handler, which only its caller may set. Another request pipelined meanwhile
 * closes the connection: uWS does not answer behind a pending reply.
 */
export const sendAsItDrains = (
  response: HttpResponse,
  reply: Reply,
  unsent: Unsent,
): { readonly onAborted: () => void } => {
  const { body, tail = nothing } = reply
  const length = body.length + tail.length
  /** Whether all that could be sent at `offset` was. */
  const send = (offset: number): 'done' | 'accepted' | 'blocked' => {
    if (offset < body.length) {
      const [isAccepted, isDone] = response.tryEnd(body.subarray(offset), length)
      if (isDone) return 'done'
      if (!isAccepted) return 'blocked'
    }
    const [isAccepted, isDone] = response.tryEnd(
      tail.subarray(Math.max(0, offset - body.length)),
      length,
    )
    return isDone ? 'done' : isAccepted ? 'accepted' : 'blocked'
  }
  let isOver = send(0) === 'done'
  const holder: Holder = {
    isDone: () => isOver,
    cut: () => {
      if (!isOver) response.close()
    },
  }
  const end = () => {
    isOver = true
    unsent.release(holder)
  }
  if (isOver) return { onAborted() {} }
  unsent.hold(holder, body)
  response.onWritable((offset) => {
    const sent = send(offset)
    if (sent === 'done') end()
    return sent !== 'blocked'
  })
  return { onAborted: end }
}

const nothing = Buffer.alloc(0)
