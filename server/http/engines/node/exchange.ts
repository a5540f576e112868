// One request that the application was asked to answer, from its head on. Its body may still be on its
// way, and node's own parser may take the connection over before it is answered: the parser is given
// the same bytes from the first on, and goes on with what was begun.

import type { Socket } from 'node:net'
import { splitTarget, type App, type Body, type Reply } from '../engine.ts'
import { abandon } from '../send-stream.ts'
import type { PlainRequest } from './plain-request.ts'

export type ReadBody = (bytesMax: number) => Promise<Body>

/** What node's parser finds of a request that it did not begin. */
export type Begun = {
  readonly reply: Reply | Promise<Reply>
  /** The body that has not come whole is read so from now on. */
  readBodyWith(read: ReadBody): void
}

export type Exchange = Begun & {
  readonly method: string
  /** All that has come of it. */
  bytes(): Buffer
  isWhole(): boolean
  /** Whether `chunk` is a part of its body. If not, nothing was taken. */
  take(chunk: Buffer): boolean
  /** Nothing more comes, and nobody is sent the reply. */
  drop(): void
}

/** Packets that one request may come in: each is a copy of those before, so more of them drip. */
export const piecesMax = 64

/** Asks `handle` at once. `first`: as much of the request as has come, its whole head at least. */
export const createExchange = (
  plain: PlainRequest,
  first: Buffer,
  socket: Socket,
  handle: App['handle'],
): Exchange => {
  const { method, target, header, headBytes, bodyBytes } = plain
  const length = headBytes + bodyBytes
  let bytes = first
  let pieces = 1
  let awaited: { readonly bytesMax: number; readonly resolve: (body: Body) => void } | undefined
  let readRest: ReadBody | undefined

  const isWhole = () => bytes.length === length
  const whole = (): Body => ({ kind: 'read', bytes: bytes.subarray(headBytes) })

  const { path, query } = splitTarget(target)
  const reply = handle({
    method,
    path,
    query,
    header,
    async body(bytesMax) {
      if (bodyBytes > bytesMax) return { kind: 'too-large' }
      if (isWhole()) return whole()
      if (readRest) return readRest(bytesMax)
      return new Promise((resolve) => (awaited = { bytesMax, resolve }))
    },
    remoteAddress: () => socket.remoteAddress ?? '',
  })

  return {
    method,
    reply,
    bytes: () => bytes,
    isWhole,
    take(chunk) {
      if (bytes.length + chunk.length > length || ++pieces >= piecesMax) return false
      bytes = Buffer.concat([bytes, chunk])
      if (isWhole()) awaited?.resolve(whole())
      return true
    },
    readBodyWith(read) {
      if (isWhole()) return
      readRest = read
      if (awaited) void read(awaited.bytesMax).then(awaited.resolve)
    },
    drop() {
      awaited?.resolve({ kind: 'cut-short' })
      void Promise.resolve(reply).then(abandon)
    },
  }
}
