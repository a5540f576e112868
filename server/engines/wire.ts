// Ready replies as the bytes that node:http would send, several copies in a row, so that a run of
// pipelined requests is answered with one write. Made anew each second, for the Date.

import { STATUS_CODES } from 'node:http'
import type { Reply } from './engine.ts'

export type Wire = {
  /** Bytes of one copy. */
  readonly length: number
  /** One copy or more. */
  readonly copies: Buffer
}

export type Wires = {
  /** At least one copy, and `wanted` where the bounds allow. */
  of(reply: Reply, wanted: number): Wire
  /** The same reply, saying that the connection is closed after it. */
  closing(reply: Reply): Buffer
  /** Raised each second: a wire of an earlier second carries an old Date. */
  second(): number
  stop(): void
}

/** Most bytes that one write carries; a socket's send buffer seldom takes more at once. */
const runBytesMax = 256 * 1024
/** Most bytes that all copies of one second may take; past it each reply has a single copy. */
const copiesBytesMax = 16 * 1024 * 1024

export const createWires = (keepAliveTimeoutMs: number): Wires => {
  const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeoutMs / 1000)}\r\n`
  let wires = new Map<Reply, Wire>()
  let copiesBytes = 0
  let second = 0
  let date = new Date().toUTCString()
  let timer: NodeJS.Timeout | undefined

  // Aligned to the clock's seconds, as node:http's own Date is.
  const tick = () => {
    wires = new Map()
    copiesBytes = 0
    second++
    date = new Date().toUTCString()
    timer = setTimeout(tick, 1_000 - (Date.now() % 1_000)).unref()
  }
  tick()

  const bytesOf = (reply: Reply, connection: string): Buffer => {
    let head = `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status]}\r\n`
    for (let i = 0; i < reply.headers.length; i += 2) {
      head += `${reply.headers[i]}: ${reply.headers[i + 1]}\r\n`
    }
    head += `Date: ${date}\r\n${connection}\r\n`
    return Buffer.concat([Buffer.from(head, 'latin1'), reply.body])
  }

  const repeat = (one: Buffer, wanted: number): Wire => {
    // A power of two, so that a rising depth does not make it anew each time.
    const power = 2 ** Math.ceil(Math.log2(wanted))
    const allowed = Math.floor(Math.min(runBytesMax, copiesBytesMax - copiesBytes) / one.length)
    const count = Math.max(1, Math.min(power, allowed))
    const copies = count === 1 ? one : Buffer.alloc(count * one.length, one)
    copiesBytes += copies.length
    return { length: one.length, copies }
  }

  return {
    of(reply, wanted) {
      const known = wires.get(reply)
      if (
        known &&
        known.copies.length >= Math.min(wanted * known.length, runBytesMax - known.length)
      ) {
        return known
      }
      const one = known?.copies.subarray(0, known.length) ?? bytesOf(reply, keepAlive)
      const wire = repeat(one, wanted)
      wires.set(reply, wire)
      return wire
    },
    closing: (reply) => bytesOf(reply, 'Connection: close\r\n'),
    second: () => second,
    stop() {
      clearTimeout(timer)
    },
  }
}
