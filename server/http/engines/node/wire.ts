// Ready replies as the bytes that node:http would send, several copies in a row, so that a run of
// pipelined requests is answered with one write. Made anew each second, for the Date.

import { STATUS_CODES } from 'node:http'
import { largeBytesMin, lengthOf, type Reply } from '../engine.ts'

export type Wire = {
  /** Bytes of one copy. */
  readonly length: number
  /** One copy or more. */
  readonly copies: Buffer
}

export type Wires = {
  /** At least one copy, and `wanted` where the bounds allow. */
  of(reply: Reply, wanted: number): Wire
  /** One copy, of a reply that is sent once. */
  one(reply: Reply): Buffer
  /** Its head alone: its body is too large to be copied, or not asked for. */
  head(reply: Reply): Buffer
  /** The same reply, saying that the connection is closed after it. */
  closing(reply: Reply): Buffer
  /** Bytes of all that is kept. */
  bytes(): number
  /** Raised each second: a wire of an earlier second carries an old Date. */
  second(): number
  stop(): void
}

/** Most bytes that one write carries; a socket's send buffer seldom takes more at once. */
const runBytesMax = 256 * 1024
/** Most bytes that all copies of one second may take, however many may be kept. */
const copiesBytesMax = 16 * 1024 * 1024

const nothing = Buffer.alloc(0)

export const isLarge = (reply: Reply): boolean => lengthOf(reply) >= largeBytesMin

/** Past `bytesMax` a reply has one copy, made for each use. */
export const createWires = (keepAliveTimeoutMs: number, bytesMax = copiesBytesMax): Wires => {
  const keptBytesMax = Math.min(bytesMax, copiesBytesMax)
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

  const headOf = (reply: Reply, connection: string): Buffer => {
    let head = `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status]}\r\n`
    for (let i = 0; i < reply.headers.length; i += 2) {
      head += `${reply.headers[i]}: ${reply.headers[i + 1]}\r\n`
    }
    head += `Date: ${date}\r\n${connection}\r\n`
    return Buffer.from(head, 'latin1')
  }
  const bytesOf = (reply: Reply, connection: string): Buffer =>
    Buffer.concat([headOf(reply, connection), reply.body, reply.tail ?? nothing])

  const repeat = (one: Buffer, wanted: number): Wire => {
    // A power of two, so that a rising depth does not make it anew each time.
    const power = 2 ** Math.ceil(Math.log2(wanted))
    const allowed = Math.floor(Math.min(runBytesMax, keptBytesMax - copiesBytes) / one.length)
    const count = Math.max(1, Math.min(power, allowed))
    const copies = count === 1 ? one : Buffer.alloc(count * one.length, one)
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
      const more = wire.copies.length - (known?.copies.length ?? 0)
      if (copiesBytes + more > keptBytesMax) return known ?? wire
      copiesBytes += more
      wires.set(reply, wire)
      return wire
    },
    one: (reply) => bytesOf(reply, keepAlive),
    head: (reply) => headOf(reply, keepAlive),
    bytes: () => copiesBytes,
    closing: (reply) => bytesOf(reply, 'Connection: close\r\n'),
    second: () => second,
    stop() {
      clearTimeout(timer)
    },
  }
}
