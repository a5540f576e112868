// The descriptors of proto/, which the gRPC port serves: built by buf, and kept out of git.

import { execFileSync, execSync } from 'node:child_process'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repository } from './paths.ts'

const root = fileURLToPath(repository)
const programs = join(root, 'node_modules', '.bin')
const file = join(root, 'proto', 'todos.binpb')

/** Builds them where they are missing, or older than a file of proto/. */
export const buildContract = (): void => {
  const sources = globSync('proto/**/*.proto', { cwd: root })
  const newestMs = Math.max(...sources.map((source) => modifiedMs(join(root, source))))
  if (modifiedMs(file) > newestMs) return
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<'build:proto', string>>
  }
  execSync(scripts['build:proto'], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${programs}:${process.env['PATH'] ?? ''}` },
  })
}

/** The same as they are in proto/, comments included. */
export const describedContract = (): Buffer =>
  execFileSync(join(programs, 'buf'), ['build', 'proto', '--as-file-descriptor-set', '-o', '-'], {
    cwd: root,
    maxBuffer: 16_000_000,
  })

const modifiedMs = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity
