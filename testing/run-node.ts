// Runs one part of a test run in a Node of its own: a test file, or a check of the whole. What hangs is
// ended with every process that it has started.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { repository } from '../scripts/paths.ts'
import { hasPlan } from './report.ts'

export type Result = {
  readonly name: string
  readonly isPassed: boolean
  readonly seconds: number
  /** Both streams, and what else is wrong. */
  readonly output: string
}

/** Where tap looks for how many seconds a test may take. */
const timeoutVariable = 'TAP_TIMEOUT'
/** No test file takes a third of it. */
const timeoutSecondsDefault = 300
/** For tap to say which test is late, and for services to stop, before everything is killed. */
const graceSecondsDefault = 30
/** A quarter of the share of a core that others get, as long as they want it. */
const backgroundPriority = 6
/** For what a process that was left behind may hold its pipes open. */
const pipesMs = 2_000

/** `file`: from the root of the repository. */
export const runTest = async (
  file: string,
  env: NodeJS.ProcessEnv,
  options: { readonly graceSeconds?: number; readonly inBackground?: boolean } = {},
): Promise<Result> => {
  const timeoutSeconds = Number(env[timeoutVariable] ?? timeoutSecondsDefault)
  const result = await runNode(file, [file], {
    env: { ...env, [timeoutVariable]: String(timeoutSeconds) },
    timeoutSeconds: timeoutSeconds + (options.graceSeconds ?? graceSecondsDefault),
    inBackground: options.inBackground ?? false,
  })
  if (hasPlan(result.output)) return result
  const output = `${result.output}\nit did not come to its end, or has no test`
  return { ...result, isPassed: false, output }
}

/** `tool`: one of node_modules/.bin, on this Node. */
export const runTool = (
  tool: string,
  args: readonly string[],
  inBackground: boolean,
): Promise<Result> => {
  const path = fileURLToPath(new URL(`node_modules/.bin/${tool}`, repository))
  return runNode([tool, ...args].join(' '), [path, ...args], {
    env: process.env,
    timeoutSeconds: timeoutSecondsDefault,
    inBackground,
  })
}

const runNode = async (
  name: string,
  args: readonly string[],
  options: {
    readonly env: NodeJS.ProcessEnv
    readonly timeoutSeconds: number
    readonly inBackground: boolean
  },
): Promise<Result> => {
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, {
    cwd: fileURLToPath(repository),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env,
  })
  // What it starts inherits it.
  if (options.inBackground && child.pid !== undefined) setPriority(child.pid, backgroundPriority)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  const closed = once(child, 'close')
  let remark = ''
  const killing = setTimeout(() => {
    remark = `\nnot over after ${options.timeoutSeconds} s: killed, with all that it had started`
    killTree(child.pid ?? 0)
  }, options.timeoutSeconds * 1_000)
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  clearTimeout(killing)
  await Promise.race([closed, delay(pipesMs, undefined, { ref: false })])
  child.stdout.destroy()
  child.stderr.destroy()
  if (code !== 0) remark += `\n${signal ?? `exit code ${code}`}`
  return {
    name,
    isPassed: code === 0,
    seconds: (performance.now() - startedAt) / 1_000,
    output: Buffer.concat(chunks).toString() + remark,
  }
}

/** With what it has started. Services have groups of their own, which a signal to its group would miss. */
export const killTree = (root: number): void => {
  const rows = execFileSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number))
  const tree = [root]
  for (const parent of tree) {
    for (const [pid, ppid] of rows) if (pid !== undefined && ppid === parent) tree.push(pid)
  }
  for (const pid of tree.toReversed()) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone already
    }
  }
}
