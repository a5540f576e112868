// A git repository with a few commits to name and to check out.

import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { testDirectory } from '../services.ts'

type Repository = { readonly directory: string; git(...args: string[]): string }

/** Three commits: without a server (`empty`), with one (`v1`), with another lockfile (`main`). */
export const fixtureRepository = async (t: Test): Promise<Repository> => {
  const directory = await testDirectory(t)
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false']
  const git = (...args: string[]) =>
    execFileSync('git', [...author, ...args], { cwd: directory, encoding: 'utf8' }).trim()
  const lockfile = (version: string) =>
    JSON.stringify({ name: 'x', version, lockfileVersion: 3, requires: true, packages: {} })
  const commit = async (message: string, version: string) => {
    await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'x', version }))
    await writeFile(join(directory, 'package-lock.json'), lockfile(version))
    git('add', '-A')
    git('commit', '--quiet', '--allow-empty', '-m', message)
  }
  git('init', '--quiet', '--initial-branch', 'main')
  await commit('nothing yet', '1.0.0')
  git('tag', 'empty')
  await mkdir(join(directory, 'server'))
  await writeFile(join(directory, 'server/main.ts'), '// a server')
  await commit('a server', '1.0.0')
  git('tag', 'v1')
  await commit('other packages', '2.0.0')
  await mkdir(join(directory, 'node_modules'))
  return { directory, git }
}
