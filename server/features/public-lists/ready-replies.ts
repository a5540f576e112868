// Ready-made replies by list length and encoding, made when they are first asked for and kept until
// their list changes. Bounded in memory: the least recently used go first.

import { constants, createBrotliCompress, createGzip } from 'node:zlib'
import {
  createReady,
  createReply,
  largeBytesMin,
  lengthOf,
  type ReadyReply,
  type Reply,
  type Tally,
} from '../../http/engines/engine.ts'
import { nextLink } from '../../http/cursor.ts'
import type { Encoding } from '../../http/encodings.ts'
import type { Cut } from './window.ts'
import { listCaching, listType, missingShards } from './headers.ts'

/** What one list and encoding is answered with. */
export type Ready = {
  readonly reply: ReadyReply
  readonly etag: string
  /** The answer to a client that holds it already. */
  readonly notModified: ReadyReply
}

/** Requests that were answered with a list (200), and with "not modified" (304). */
export type ReadyTallies = { readonly full: Tally; readonly notModified: Tally }

export type ReadyReplies = {
  /**
   * `limit` 0 stands for the whole list. `bodyOf` is called when there is no reply yet; a compressed
   * one is made in the background.
   */
  find(limit: number, encoding: Encoding, version: number | string, bodyOf: BodyOf): Ready
  /** For who refuses identity: compressed however short it is, undefined until that is done. */
  findCompressed(
    limit: number,
    encoding: CompressedEncoding,
    version: number | string,
    bodyOf: BodyOf,
  ): Ready | undefined
  /** Resolves when what `findCompressed` began is over: made, without room, or of the past. */
  settled(limit: number, encoding: CompressedEncoding): Promise<void>
  /** The replies of these lists are of the past. */
  forget(isOld: (limit: number) => boolean): void
  /** What the lists themselves take of the bound. */
  setListBytes(bytes: number): void
  /** Bytes of all that is kept here. */
  bytes(): number
  readonly tallies: ReadyTallies
}

type BodyOf = (limit: number) => Cut

type CompressedEncoding = Exclude<Encoding, 'identity'>

type Wanted = {
  readonly limit: number
  readonly encoding: CompressedEncoding
  readonly version: number | string
  readonly bodyOf: BodyOf
  /** Requests that got it uncompressed. */
  count: number
  /** Given up: there is no room for it. */
  state: 'waiting' | 'given-up'
  /** Of clients that take nothing else. */
  readonly onSettled: (() => void)[]
}

/** Below this, headers and a packet cost more than the bytes saved. */
export const compressBytesMin = 8 * 1024
/** What a reply takes besides its body, roughly: two objects, their headers, an ETag. */
const overheadBytes = 1_024

type Entry = { readonly ready: Ready; readonly bytes: number; usedAt: number }
/** A number, because a hot request looks it up: list length and encoding in one. */
type Key = number

const encodingCodes = { identity: 0, gzip: 1, br: 2 } as const satisfies Record<Encoding, number>
const keyOf = (limit: number, encoding: Encoding): Key => limit * 4 + encodingCodes[encoding]
const limitOf = (key: Key): number => Math.floor(key / 4)

/**
 * `headers` come on top of those that every list has. `bytesMax` is for the lists themselves and all
 * that is made of them; whatever the lists take, a quarter of it is for replies.
 */
export const createReadyReplies = (
  bytesMax: number,
  headers: readonly string[] = [],
): ReadyReplies => {
  const entries = new Map<Key, Entry>()
  const tallies = { full: { requests: 0 }, notModified: { requests: 0 } }
  let listBytes = 0
  let bytes = 0
  let uses = 0
  const roomBytes = () => Math.max(bytesMax - listBytes, bytesMax / 4)

  const add = (limit: number, encoding: Encoding, version: number | string, cut: Cut): Ready => {
    const { etag, reply, notModified } = makeReady(limit, encoding, version, cut, headers)
    const ready = {
      etag,
      reply: createReady(reply, tallies.full),
      notModified: createReady(notModified, tallies.notModified),
    }
    // What is cut from the list itself takes nothing more.
    const ownBytes =
      encoding === 'identity' && cut.body.length >= largeBytesMin ? 0 : cut.body.length
    const entry = { ready, bytes: ownBytes + overheadBytes, usedAt: ++uses }
    const key = keyOf(limit, encoding)
    remove(key)
    entries.set(key, entry)
    bytes += entry.bytes
    makeRoom()
    return ready
  }

  const makeRoom = () => {
    while (bytes > roomBytes() && entries.size > 1) remove(leastRecentlyUsed(entries))
  }

  const remove = (key: Key) => {
    const entry = entries.get(key)
    if (!entry) return
    entries.delete(key)
    bytes -= entry.bytes
  }

  /** Asked for, and not made yet. No list is kept here: each is cut when its turn has come. */
  const wanted = new Map<Key, Wanted>()
  let compressing: Wanted | undefined
  const compressLater = (
    limit: number,
    encoding: CompressedEncoding,
    version: number | string,
    bodyOf: BodyOf,
  ) => {
    const key = keyOf(limit, encoding)
    const known = wanted.get(key)
    if (known) {
      known.count++
      return
    }
    wanted.set(key, {
      limit,
      encoding,
      version,
      bodyOf,
      count: 1,
      state: 'waiting',
      onSettled: [],
    })
    compressNext()
  }

  const settle = ({ onSettled }: Wanted) => {
    for (const one of onSettled.splice(0)) one()
  }

  // One at a time: what most clients have asked for first, so that nobody's odd lists hold it up.
  const compressNext = () => {
    if (compressing) return
    let next: Wanted | undefined
    for (const one of wanted.values()) {
      if (one.state === 'waiting' && one.count > (next?.count ?? 0)) next = one
    }
    if (!next) return
    const job = (compressing = next)
    const cut = job.bodyOf(job.limit)
    const { next: place, missing } = cut
    compress(job.encoding, cut, roomBytes() / 2, (result) => {
      compressing = undefined
      const key = keyOf(job.limit, job.encoding)
      // Unless the list has changed meanwhile.
      if (wanted.get(key) === job) {
        if (result) {
          wanted.delete(key)
          add(job.limit, job.encoding, job.version, { body: result, next: place, missing })
        } else job.state = 'given-up'
        settle(job)
      }
      compressNext()
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
      if (lengthOf(plain.reply) >= compressBytesMin) compressLater(limit, encoding, version, bodyOf)
      // Until it is compressed, once per version, everybody gets it as it is.
      return plain
    },
    findCompressed(limit, encoding, version, bodyOf) {
      const known = entries.get(keyOf(limit, encoding))
      if (!known) {
        compressLater(limit, encoding, version, bodyOf)
        return undefined
      }
      known.usedAt = ++uses
      return known.ready
    },
    settled(limit, encoding) {
      const job = wanted.get(keyOf(limit, encoding))
      if (job?.state !== 'waiting') return Promise.resolve()
      return new Promise((resolve) => job.onSettled.push(resolve))
    },
    forget(isOld) {
      for (const key of entries.keys()) if (isOld(limitOf(key))) remove(key)
      for (const [key, job] of wanted) {
        if (!isOld(limitOf(key))) continue
        wanted.delete(key)
        settle(job)
      }
    },
    setListBytes(bytes) {
      listBytes = bytes
      makeRoom()
    },
    bytes: () => bytes,
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

/** `done` without a result when it fails, or would be longer than `bytesMax`. */
const compress = (
  encoding: CompressedEncoding,
  { body, tail }: Cut,
  bytesMax: number,
  done: (result: Buffer | undefined) => void,
) => {
  const stream =
    encoding === 'gzip'
      ? createGzip({ chunkSize })
      : // Quality 5: near gzip's time and a fifth smaller; the default of 11 takes seconds per MB.
        createBrotliCompress({ chunkSize, params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > bytesMax) stream.destroy()
  })
  stream.on('error', () => stream.destroy())
  stream.on('close', () => {
    done(stream.readableEnded ? Buffer.concat(chunks) : undefined)
  })
  for (let at = 0; at < body.length; at += inputBytes)
    stream.write(body.subarray(at, at + inputBytes))
  stream.end(tail)
}

/** Bytes of output between two turns of the event loop. */
const chunkSize = 64 * 1024
/** Given to the compressor at once: zlib keeps hold of what it is given, here parts of the list. */
const inputBytes = 1024 * 1024

const makeReady = (
  limit: number,
  encoding: Encoding,
  version: number | string,
  { body, tail, next, missing }: Cut,
  headers: readonly string[],
): { readonly etag: string; readonly reply: Reply; readonly notModified: Reply } => {
  // Two bodies of one version, limit and encoding are the same bytes, on every process and host
  // of one release: a strong ETag.
  const suffix = encoding === 'identity' ? '' : `-${encoding}`
  const etag = `"${version}-${limit === 0 ? 'all' : limit}${suffix}"`
  const link = nextLink('/todos', limit, next)
  const shared = ['ETag', etag, ...listCaching, ...link, ...missingShards(missing), ...headers]
  const coding = encoding === 'identity' ? [] : ['Content-Encoding', encoding]
  return {
    etag,
    reply: createReply(200, [...listType, ...coding, ...shared], body, {
      close: false,
      ...(tail && { tail }),
    }),
    notModified: { status: 304, headers: shared, body: Buffer.alloc(0), close: false },
  }
}
