// What the A and the B of npm run bench:compare name: an engine, something that runs at a URL, or a
// commit of this repository. What could mean two things is refused, with how to say each.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { oneOf } from '../arguments.ts'

const run = promisify(execFile)

export const engines = ['node', 'uws'] as const
export type Engine = (typeof engines)[number]

export type Side =
  | { readonly kind: 'engine'; readonly engine: Engine; readonly title: string }
  | { readonly kind: 'url'; readonly origin: string; readonly title: string }
  | { readonly kind: 'commit'; readonly commit: string; readonly title: string }

/** Throws what to put right. `directory` is in the repository that commits are looked up in. */
export const resolveSide = async (text: string, directory: string): Promise<Side> => {
  if (/^https?:\/\//i.test(text)) return urlSide(text)
  if (text.startsWith('engine:')) {
    return engineSide(oneOf('engine:', text.slice('engine:'.length), engines))
  }
  const git = gitIn(directory)
  const refs = await refsNamed(text, git)
  const engine = engines.find((one) => one === text)
  if (engine !== undefined) {
    if (refs.length === 0) return engineSide(engine)
    throw new Error(
      `"${text}" is an engine, and ${refs.join(' and ')} too: say engine:${text}, or ${refs.join(' or ')}`,
    )
  }
  if (refs.length > 1) throw new Error(`"${text}" is ${refs.join(' and ')}: say which`)
  const commit = await git(
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${text}^{commit}`,
  )
  if (commit === null) {
    throw new Error(
      `"${text}" is neither an engine (${engines.join(', ')}), nor a URL (http://…), nor a commit, branch or tag here`,
    )
  }
  if ((await git('cat-file', '-e', `${commit}:server/main.ts`)) === null) {
    throw new Error(`"${text}" has no server/main.ts: there is nothing to run`)
  }
  const subject = (await git('log', '-1', '--format=%h %s', commit)) ?? commit
  const title = subject.startsWith(text) ? subject : `${text} (${subject})`
  return { kind: 'commit', commit, title }
}

const engineSide = (engine: Engine): Side => ({
  kind: 'engine',
  engine,
  title: `the ${engine} engine of this checkout`,
})

const urlSide = (text: string): Side => {
  if (!URL.canParse(text)) throw new Error(`"${text}" is not a URL`)
  const { origin, pathname, search, username } = new URL(text)
  if (pathname !== '/' || search !== '' || username !== '') {
    throw new Error(`"${text}": give ${origin} alone; the scenario has the path`)
  }
  return { kind: 'url', origin, title: origin }
}

/** A branch and a tag may share a name, and git would pick one in silence. */
const refsNamed = async (text: string, git: Git): Promise<string[]> => {
  const full = [`refs/heads/${text}`, `refs/tags/${text}`]
  const found = await Promise.all(
    full.map((ref) => git('rev-parse', '--verify', '--quiet', '--end-of-options', ref)),
  )
  return full.filter((_, index) => found[index] !== null)
}

type Git = (...args: string[]) => Promise<string | null>

/** What git prints; null where it says no. */
const gitIn =
  (directory: string): Git =>
  async (...args) => {
    try {
      return (await run('git', args, { cwd: directory })).stdout.trim()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') throw new Error('git is not installed', { cause: error })
      return null
    }
  }
