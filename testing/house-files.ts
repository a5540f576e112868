// The files of the house and their names: each is in a room that we know, and says what is in it.

import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path/posix'

/** The rooms of the repository; a new one is a decision. */
const topFolders = 'bench docs k8s lib nginx proto scripts server sql testing web worker'.split(' ')
const namesThatSayNothing = /^(utils?|helpers?|common|misc|shared)$/

/** One line for each broken rule of names. */
export const nameFaultsOf = (paths: readonly string[]): string[] =>
  paths.flatMap((path) => {
    const folders = dirname(path).split('/')
    const stem = basename(path).replace(/\..*/, '')
    const faults = [
      path.includes('/') &&
        !topFolders.includes(path.split('/')[0] ?? '') &&
        'an unknown room; see topFolders in testing/house-files.ts',
      isSource(path) &&
        !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)+$/.test(basename(path)) &&
        'not kebab-case; rename it',
      [...folders, stem].some((name) => namesThatSayNothing.test(name)) &&
        'the name says nothing; name what is in it',
    ]
    return faults.filter((fault) => fault !== false).map((fault) => `${path}: ${fault}`)
  })

/** Every file of ours. */
export const readPaths = (root: string, folder = ''): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules' && name !== 'dist')
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? readPaths(root, path) : [path]
    })
    .sort()

export const isSource = (file: string): boolean => /\.[cm]?[jt]sx?$/.test(file)
