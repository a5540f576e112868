// The page, which is built and kept out of git: npm start builds it in the background where it is missing.
// The server finds it when it is there.

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repository } from './paths.ts'

const builder = 'build:web'
/** Of what a build that fails has said. */
const reasonLengthMax = 300

export type PageBuild = {
  readonly process: ChildProcess
  /** Resolves with the reason when there is no page, undefined when there is one. Never rejects. */
  readonly failure: Promise<string | undefined>
}

/** Undefined where there is nothing to do: it is built, or nothing can build it. */
export const buildPageIfMissing = (root = fileURLToPath(repository)): PageBuild | undefined => {
  if (existsSync(join(root, 'web', 'dist', 'index.html'))) return undefined
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  const command = scripts[builder]
  if (command === undefined) return undefined
  const programs = join(root, 'node_modules', '.bin')
  const child = spawn(command, {
    cwd: root,
    shell: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${programs}:${process.env['PATH'] ?? ''}` },
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-reasonLengthMax)
  })
  const failure = new Promise<string | undefined>((resolve) => {
    child.once('error', ({ message }) => resolve(message))
    child.once('close', (code, signal) => {
      if (code === 0) resolve(undefined)
      else resolve(said.trim().replaceAll(/\s+/g, ' ') || `it ended: ${signal ?? code}`)
    })
  })
  return { process: child, failure }
}
