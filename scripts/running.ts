// Starts a server or a worker as an operator would, as a process of its own, and waits until it says
// that it is ready. For tests and benchmarks.

import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { repository } from './paths.ts'

export type Running = {
  readonly process: ChildProcess
  /** The server's port; 0 for a worker. */
  readonly port: number
  /** What it has printed so far, both streams. */
  readonly output: () => string
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>
  /** SIGTERM, then wait. */
  stop(): Promise<void>
}

export const startServer = (env: NodeJS.ProcessEnv): Promise<Running> =>
  start('server/main.ts', env)
export const startWorker = (env: NodeJS.ProcessEnv): Promise<Running> =>
  start('worker/main.ts', env)

const start = async (script: string, env: NodeJS.ProcessEnv): Promise<Running> => {
  const child = fork(fileURLToPath(new URL(script, repository)), {
    // Most have no load balancer to wait for.
    env: { HTTP_DRAIN_DELAY_MS: '0', ...process.env, ...env },
    execArgv: ['--import', 'tsx'],
    silent: true,
  })
  let output = ''
  child.stdout?.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr?.on('data', (data: Buffer) => (output += data.toString()))
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? 0))
  })
  const ready = new Promise<number>((resolve) => {
    child.once('message', (message) => resolve((message as { port?: number }).port ?? 0))
  })
  const first = await Promise.race([ready, exited.then((how) => ({ how }))])
  if (typeof first === 'object') throw new Error(`${script} ended (${first.how}): ${output}`)
  return {
    process: child,
    port: first,
    output: () => output,
    exited,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** The processes that a server's first has forked. */
export const forksOf = (server: Running): number[] =>
  execFileSync('ps', ['-axo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    // The dead that are not buried yet are listed too, and the compiler that tsx starts.
    .filter(
      ([, parent, state, ...command]) =>
        Number(parent) === server.process.pid &&
        !state?.startsWith('Z') &&
        command.join(' ').includes('main.ts'),
    )
    .map(([child]) => Number(child))
