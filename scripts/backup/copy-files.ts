// Copies a directory file by file and says what was written: a running Postgres may change, lengthen or
// delete a file meanwhile, and a checksum is of the copy.

import { createHash } from 'node:crypto'
import { lstat, mkdir, open, readdir, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

export type CopiedFile = {
  /** From the top, with slashes. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  readonly modified: Date
}

const chunkBytes = 1024 * 1024
const privateDirectory = 0o700
const privateFile = 0o600

/** On the disk when it returns. `isLeftOut`: of files, and of directories with all that is in them. */
export const copyFiles = async (
  from: string,
  to: string,
  isLeftOut: (path: string) => boolean = () => false,
): Promise<CopiedFile[]> => {
  const copied: CopiedFile[] = []
  const buffer = Buffer.allocUnsafe(chunkBytes)
  const copyDirectory = async (path: string) => {
    const target = join(to, path)
    await mkdir(target, { recursive: true, mode: privateDirectory })
    for (const entry of await readdir(join(from, path), { withFileTypes: true })) {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`
      if (isLeftOut(inner)) continue
      if (entry.isDirectory()) await copyDirectory(inner)
      else if (entry.isFile()) {
        const file = await copyFile(join(from, inner), join(to, inner), inner, buffer)
        if (file) copied.push(file)
      } // else a link or a socket, which pg_basebackup leaves out too
    }
    await synced(target)
  }
  await copyDirectory('')
  return copied
}

/** Undefined: it was deleted before it could be opened. */
export const copyFile = async (
  from: string,
  to: string,
  path: string,
  buffer: Buffer = Buffer.allocUnsafe(chunkBytes),
): Promise<CopiedFile | undefined> => {
  const source = await open(from, 'r').catch(ifThere)
  if (source === undefined) return undefined
  try {
    const target = await open(to, 'wx', privateFile)
    try {
      const hash = createHash('sha256')
      const bytes = await eachChunk(source, buffer, async (chunk) => {
        hash.update(chunk)
        await target.writeFile(chunk)
      })
      await target.sync()
      const { mtime: modified } = await target.stat()
      return { path, bytes, sha256: hash.digest('hex'), modified }
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

export const hashFile = async (path: string): Promise<{ bytes: number; sha256: string }> => {
  const source = await open(path, 'r')
  try {
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(chunkBytes)
    const bytes = await eachChunk(source, buffer, (chunk) => {
      hash.update(chunk)
      return Promise.resolve()
    })
    return { bytes, sha256: hash.digest('hex') }
  } finally {
    await source.close()
  }
}

/** Every file below, by its path from there. */
export const filesIn = async (directory: string, path = ''): Promise<string[]> => {
  const files: string[] = []
  for (const entry of await readdir(join(directory, path), { withFileTypes: true })) {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`
    if (entry.isDirectory()) files.push(...(await filesIn(directory, inner)))
    else files.push(inner)
  }
  return files
}

export const isThere = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(ifThere)) !== undefined

/** What was made, renamed or deleted in it stays so when the machine loses its power. */
export const synced = async (directory: string): Promise<void> => {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const eachChunk = async (
  source: FileHandle,
  buffer: Buffer,
  onChunk: (chunk: Buffer) => Promise<void>,
): Promise<number> => {
  for (let bytes = 0; ;) {
    const { bytesRead } = await source.read(buffer, 0, buffer.length, bytes)
    if (bytesRead === 0) return bytes
    await onChunk(buffer.subarray(0, bytesRead))
    bytes += bytesRead
  }
}

const ifThere = (error: unknown): undefined => {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  return undefined
}
