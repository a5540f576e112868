// For tests: a benchmark as a user starts it, with what it prints.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

export type ProgramUnderTest = {
  readonly child: ChildProcess
  readonly pid: number
  readonly exited: Promise<[number | null]>
  /** Both streams. */
  readonly output: () => string
}

/** `script`: in bench/. */
export const startProgram = (
  t: Test,
  script: string,
  args: readonly string[],
): ProgramUnderTest => {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (output += data.toString()))
  const exited = once(child, 'close') as Promise<[number | null]>
  t.teardown(() => child.kill('SIGKILL'))
  return { child, pid: child.pid ?? 0, exited, output: () => output }
}
