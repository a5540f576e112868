// Another commit of this repository in a directory of its own, ready to be run, and gone afterwards.

import { execFile } from 'node:child_process'
import { readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeTemporaryDirectory } from '../../scripts/stack/temporary-directory.ts'

const run = promisify(execFile)

export type Checkout = {
  readonly directory: string
  remove(): Promise<void>
}

export type CheckoutContext = {
  /** The current checkout, whose packages are used where they are the same. */
  readonly repository: string
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

/** Throws when it can't be made, and then leaves nothing behind. */
export const checkOut = async (commit: string, context: CheckoutContext): Promise<Checkout> => {
  const { repository, signal, say } = context
  const parent = await makeTemporaryDirectory()
  const directory = join(parent, 'checkout')
  const git = (...args: string[]) => run('git', args, { cwd: repository })
  const remove = async () => {
    // Fails for one that was never added.
    await git('worktree', 'remove', '--force', directory).catch(() => {})
    await rm(parent, { recursive: true, force: true })
  }
  try {
    signal.throwIfAborted()
    await git('worktree', 'add', '--detach', '--quiet', directory, commit)
    if (await haveSamePackages(repository, directory)) {
      await symlink(join(repository, 'node_modules'), join(directory, 'node_modules'))
    } else {
      say(`npm ci for ${commit.slice(0, 10)}, whose packages differ`)
      await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: directory, signal })
    }
    signal.throwIfAborted()
    return { directory, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

const haveSamePackages = async (one: string, other: string): Promise<boolean> => {
  const [a, b] = await Promise.all(
    [one, other].map((directory) => readFile(join(directory, 'package-lock.json'), 'utf8')),
  )
  return a === b
}
