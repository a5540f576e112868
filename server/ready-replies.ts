// Ready-made replies by list length and encoding, made when they are first asked for and kept until
// their list changes. Bounded in memory: the least recently used go first.

import { brotliCompress, constants, gzip } from 'node:zlib'
import {
  createReady,
  createReply,
  type ReadyReply,
  type Reply,
  type Tally,
} from './engines/engine.ts'
import type { Encoding } from './encodings.ts'
import { nosniff } from './security-headers.ts'

/** What one list and encoding is answered with. */
export type Ready = {
  readonly reply: ReadyReply
  readonly etag: string
  /** The answer to a client that holds it already. */
  readonly notModified: ReadyReply
}

/** Requests that were answered with a list, and with word that the client has it. */
export type ReadyTallies = { readonly full: Tally; readonly notModified: Tally }

export type ReadyReplies = {
  /**
   * `limit` 0 stands for the whole list. `bodyOf` is called when there is no reply yet; a compressed
   * one is made in the background.
   */
  find(limit: number, encoding: Encoding, version: number, bodyOf: BodyOf): Ready
  /** The replies of these lists are of the past. */
  forget(isOld: (limit: number) => boolean): void
  readonly tallies: ReadyTallies
}

type BodyOf = (limit: number) => Buffer

/** Below this, headers and a packet cost more than the bytes saved. */
const compressBytesMin = 8 * 1024
/** What a reply takes besides its body, roughly: two objects, their headers, an ETag. */
const overheadBytes = 1_024

type Entry = { readonly ready: Ready; readonly bytes: number; usedAt: number }
/** A number, because a hot request looks it up: list length and encoding in one. */
type Key = number

const encodingCodes = { identity: 0, gzip: 1, br: 2 } as const satisfies Record<Encoding, number>
const keyOf = (limit: number, encoding: Encoding): Key => limit * 4 + encodingCodes[encoding]
const limitOf = (key: Key): number => Math.floor(key / 4)

/** `headers` come on top of those that every list has. */
export const createReadyReplies = (
  bytesMax: number,
  headers: readonly string[] = [],
): ReadyReplies => {
  const entries = new Map<Key, Entry>()
  const tallies = { full: { requests: 0 }, notModified: { requests: 0 } }
  let bytes = 0
  let uses = 0

  const add = (limit: number, encoding: Encoding, version: number, body: Buffer): Ready => {
    const { etag, reply, notModified } = makeReady(limit, encoding, version, body, headers)
    const ready = {
      etag,
      reply: createReady(reply, tallies.full),
      notModified: createReady(notModified, tallies.notModified),
    }
    const entry = { ready, bytes: body.length + overheadBytes, usedAt: ++uses }
    const key = keyOf(limit, encoding)
    remove(key)
    entries.set(key, entry)
    bytes += entry.bytes
    while (bytes > bytesMax && entries.size > 1) remove(leastRecentlyUsed(entries))
    return ready
  }

  const remove = (key: Key) => {
    const entry = entries.get(key)
    if (!entry) return
    entries.delete(key)
    bytes -= entry.bytes
  }

  const compressing = new Set<Key>()
  const compressLater = (limit: number, encoding: 'br' | 'gzip', version: number, plain: Ready) => {
    const { body } = plain.reply
    const key = keyOf(limit, encoding)
    if (body.length < compressBytesMin || compressing.has(key)) return
    compressing.add(key)
    compress(encoding, body, (result) => {
      // Unless the list has changed, or the reply was let go, meanwhile.
      const isCurrent = entries.get(keyOf(limit, 'identity'))?.ready === plain
      if (result && isCurrent) add(limit, encoding, version, result)
      compressing.delete(key)
    })
  }

  return {
    find: function find(limit, encoding, version, bodyOf): Ready {
      const key = keyOf(limit, encoding)
      const known = entries.get(key)
      if (known) {
        known.usedAt = ++uses
        return known.ready
      }
      if (encoding === 'identity') return add(limit, encoding, version, bodyOf(limit))
      const plain = find(limit, 'identity', version, bodyOf)
      compressLater(limit, encoding, version, plain)
      // Until it is compressed, once per version, everybody gets it as it is.
      return plain
    },
    forget(isOld) {
      for (const key of entries.keys()) if (isOld(limitOf(key))) remove(key)
    },
    tallies,
  }
}

const leastRecentlyUsed = (entries: ReadonlyMap<Key, Entry>): Key => {
  let oldest: Key | undefined
  let oldestUse = Infinity
  for (const [key, { usedAt }] of entries) {
    if (usedAt < oldestUse) {
      oldest = key
      oldestUse = usedAt
    }
  }
  return oldest as Key
}

const compress = (
  encoding: 'br' | 'gzip',
  body: Buffer,
  done: (result: Buffer | undefined) => void,
) => {
  const callback = (error: Error | null, result: Buffer) => done(error ? undefined : result)
  if (encoding === 'gzip') gzip(body, callback)
  // Quality 5: near gzip's time and a fifth smaller; the default of 11 takes seconds per MB.
  else brotliCompress(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }, callback)
}

const contentType = ['Content-Type', 'application/json', ...nosniff]

const makeReady = (
  limit: number,
  encoding: Encoding,
  version: number,
  body: Buffer,
  headers: readonly string[],
): { readonly etag: string; readonly reply: Reply; readonly notModified: Reply } => {
  // Two bodies of one version, limit and encoding are the same bytes, on every process and host
  // of one release: a strong ETag.
  const suffix = encoding === 'identity' ? '' : `-${encoding}`
  const etag = `"${version}-${limit === 0 ? 'all' : limit}${suffix}"`
  const shared = [
    ...['ETag', etag, 'Cache-Control', 'no-cache', 'Vary', 'Accept-Encoding'],
    ...headers,
  ]
  const coding = encoding === 'identity' ? [] : ['Content-Encoding', encoding]
  return {
    etag,
    reply: createReply(200, [...contentType, ...coding, ...shared], body),
    notModified: { status: 304, headers: shared, body: Buffer.alloc(0), close: false },
  }
}
