// Starts a server or a worker as an operator would, as a process of its own, and waits until it says
// that it is ready. For tests and benchmarks.

import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { repository } from '../paths.ts'
import { childrenOf } from './service.ts'

export type Running = {
  readonly process: ChildProcess
  /** The server's port; 0 for a worker. */
  readonly port: number
  /** Port of its metrics; 0 when it opens none. */
  readonly metricsPort: number
  /** The server's port of gRPC; 0 where that is off. */
  readonly grpcPort: number
  /** What it has printed so far, both streams. */
  readonly output: () => string
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>
  /** SIGTERM, then wait. */
  stop(): Promise<void>
}

/** `launcher`: a program and its arguments that becomes Node, such as one that enters a namespace. */
export const startServer = (
  env: NodeJS.ProcessEnv,
  root: URL = repository,
  launcher: readonly string[] = [],
): Promise<Running> => start(new URL('server/main.ts', root), env, launcher)
export const startWorker = (
  env: NodeJS.ProcessEnv,
  root: URL = repository,
  launcher: readonly string[] = [],
): Promise<Running> => start(new URL('worker/main.ts', root), env, launcher)

type Ready = {
  readonly port?: number
  readonly metricsPort?: number
  readonly grpcPort?: number
}

const start = async (
  script: URL,
  env: NodeJS.ProcessEnv,
  launcher: readonly string[],
): Promise<Running> => {
  // Without options of ours: Node strips the types itself, whatever started us.
  const [program = process.execPath, ...before] =
    launcher.length > 0 ? [...launcher, process.execPath] : []
  const child = fork(fileURLToPath(script), {
    // Any number of them may run at once, and most have no load balancer to wait for.
    env: {
      METRICS_PORT: '0',
      WORKER_METRICS_PORT: '0',
      HTTP_DRAIN_DELAY_MS: '0',
      LIMIT_WRITE_BURST: '0',
      LIMIT_READ_BURST: '0', // they ask more than any user does
      ...process.env,
      ...env,
    },
    execPath: program,
    execArgv: before,
    silent: true,
  })
  let output = ''
  child.stdout?.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr?.on('data', (data: Buffer) => (output += data.toString()))
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? 0))
  })
  const ready = new Promise<Ready>((resolve) => {
    child.once('message', (message) => resolve(message as object))
  })
  const first = await Promise.race([ready, exited.then((how) => ({ how }))])
  if ('how' in first) throw new Error(`${script.pathname} ended (${first.how}): ${output}`)
  return {
    process: child,
    port: first.port ?? 0,
    metricsPort: first.metricsPort ?? 0,
    grpcPort: first.grpcPort ?? 0,
    output: () => output,
    exited,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** The processes that a server's first has forked. Without `ps` where /proc is: tests ask while they wait. */
export const forksOf = ({ process: { pid = 0 } }: Running): number[] =>
  process.platform === 'linux'
    ? childrenOf(pid).filter(isFork)
    : execFileSync('ps', ['-axo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(
          ([, parent, state = '', ...command]) =>
            Number(parent) === pid && !isDead(state) && isProgram(command.join(' ')),
        )
        .map(([child]) => Number(child))

const isFork = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const state = stat.slice(stat.lastIndexOf(')') + 2)
    return !isDead(state) && isProgram(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return false // gone meanwhile
  }
}

/** The dead that are not buried yet are listed too. */
const isDead = (state: string): boolean => state.startsWith('Z')
const isProgram = (command: string): boolean => command.includes('main.ts')
