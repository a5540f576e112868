// For tests: a benchmark as a user starts it, with what it prints.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { treePids } from '../../bench/engines/cpu.ts'
import { repository } from '../../scripts/paths.ts'
import { eventually } from '../eventually.ts'

export type ProgramUnderTest = {
  readonly child: ChildProcess
  readonly pid: number
  readonly exited: Promise<[number | null]>
  /** Both streams. */
  readonly output: () => string
}

/** `script`: of bench/. */
export const startProgram = (
  t: Test,
  script: string,
  args: readonly string[],
): ProgramUnderTest => {
  const file = fileURLToPath(new URL(script, new URL('bench/', repository)))
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (output += data.toString()))
  const exited = once(child, 'close') as Promise<[number | null]>
  t.teardown(() => child.kill('SIGKILL'))
  return { child, pid: child.pid ?? 0, exited, output: () => output }
}

/** Ctrl-C: it says so, exits with 130, and of the processes that it had now none is left. */
export const checkInterrupted = async (t: Test, run: ProgramUnderTest): Promise<void> => {
  const pids = treePids(run.pid)
  run.child.kill('SIGINT')
  const [code] = await run.exited
  t.equal(code, 130, run.output())
  t.match(run.output(), /interrupted/)
  await eventually(
    () => pids.flatMap((pid) => treePids(pid)),
    (left) => left.length === 0,
  )
}
