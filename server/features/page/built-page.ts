// The page as it was built: the files of a directory, read whole and compressed once, off the event loop.
// A path of a request is looked up among them and never becomes one of the file system.

import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Encoding } from '../../http/encodings.ts'

export type PageFile = {
  /** Where it is below the page, such as `assets/index-BkZ0a1.js`. */
  readonly name: string
  readonly mediaType: string
  /** As it is, and compressed where that makes it shorter. */
  readonly forms: Readonly<Partial<Record<Encoding, Buffer>> & Record<'identity', Buffer>>
}

export const indexName = 'index.html'

/** Ours has some 100 KB; each process holds it, and its compressed forms. */
export const pageBytesMax = 32 * 1024 * 1024
export const pageFilesMax = 2_000
/** A directory in which something was written so lately is still being built. */
export const settledAfterMs = 1_000
/** Below this, headers and a packet cost more than the bytes saved. */
const compressBytesMin = 1_024

/** What a browser can do nothing with is a download. */
const otherType = 'application/octet-stream'
const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
}
/** `text/html` first. */
export const mediaTypesServed: readonly string[] = [
  ...new Set([...Object.values(mediaTypes), otherType].map((one) => one.replace(/;.*/, ''))),
]
const isCompressible = (mediaType: string): boolean => /^text\/|json|svg/.test(mediaType)

/** Undefined: there is none, or it is still being built. Rejects when what is there can't be served. */
export const readBuiltPage = async (
  directory: string,
  nowMs: () => number = Date.now,
): Promise<readonly PageFile[] | undefined> => {
  const paths = await filesIn(directory)
  if (!paths.includes(join(directory, indexName))) return undefined
  if (paths.length > pageFilesMax)
    throw new Error(`${directory} has more than ${pageFilesMax} files`)
  let bytes = 0
  for (const path of paths) {
    const { size, mtimeMs } = await stat(path)
    const ageMs = nowMs() - mtimeMs
    if (ageMs >= 0 && ageMs < settledAfterMs) return undefined
    bytes += size
  }
  if (bytes > pageBytesMax) throw new Error(`${directory} has more than ${pageBytesMax} bytes`)
  return Promise.all(paths.map((path) => readPageFile(directory, path)))
}

const filesIn = async (directory: string): Promise<string[]> => {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const readPageFile = async (directory: string, path: string): Promise<PageFile> => {
  const identity = await readFile(path)
  const mediaType = mediaTypes[extname(path)] ?? otherType
  return {
    name: relative(directory, path).replaceAll(sep, '/'),
    mediaType,
    forms: {
      identity,
      ...(isCompressible(mediaType) && (await compressed(identity))),
    },
  }
}

const compressed = async (bytes: Buffer): Promise<Partial<Record<Encoding, Buffer>>> => {
  if (bytes.length < compressBytesMin) return {}
  const [br, gz] = await Promise.all([
    promisify(brotliCompress)(bytes, {
      params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
    promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
  ])
  return br.length < bytes.length && gz.length < bytes.length ? { br, gzip: gz } : {}
}
