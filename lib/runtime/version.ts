// Which release this is: the version of package.json, its one source, and the commit where it is known.
// The image's label, `--version`, the OpenAPI document, metrics and CHANGELOG.md agree with it.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { root } from './root.ts'

const readText = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** What a clone has checked out, read from its files: a server starts no `git`. */
const commitOfClone = (directory: string): string | undefined => {
  const entry = join(directory, '.git')
  if (!existsSync(entry)) return undefined
  // In a worktree it is a file that says where.
  const git = statSync(entry).isFile()
    ? resolve(directory, readText(entry)?.replace(/^gitdir: /, '') ?? '')
    : entry
  const head = readText(join(git, 'HEAD')) ?? ''
  const branch = /^ref: (.+)$/.exec(head)?.[1]
  if (branch === undefined) return head
  const shared = resolve(git, readText(join(git, 'commondir')) ?? '')
  return (
    readText(join(shared, branch)) ??
    readText(join(shared, 'packed-refs'))
      ?.split('\n')
      .find((line) => line.endsWith(` ${branch}`))
      ?.split(' ')[0]
  )
}

const commitIn = (directory: string): string | undefined => {
  // An image has a file, written when it is built: it holds no clone.
  const found = readText(join(directory, 'commit')) ?? commitOfClone(directory) ?? ''
  return /^[0-9a-f]{40}$/.test(found) ? found : undefined
}

type Package = { readonly version: string }

export const version: string =
  root === undefined
    ? 'unknown'
    : (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package).version

/** 40 hexadecimal digits. */
export const commit: string | undefined = root === undefined ? undefined : commitIn(root)

/** `0.1.0 (a1b2c3d)`: what `--version` prints. */
export const versionText: string =
  commit === undefined ? version : `${version} (${commit.slice(0, 7)})`
