// What every launched service is, and what the launchers share: a process of its own, its log file,
// waiting until it answers, stopping it. Tests, `npm run services` and `npm start` run the real
// services through these.

import { spawn } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { becomesFree } from './ports.ts'

export { freePort } from './ports.ts'

export type Service = {
  readonly name: string
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly logFile: string
  /** How it ended (`exit code 1`, `SIGKILL`), whoever ended it. Once read, keeps us running. */
  readonly exited: Promise<string>
  /** SIGKILL, SIGSTOP and SIGCONT reach its child processes too. */
  kill(signal: NodeJS.Signals): void
  /** Resolves when it is gone; a second call waits for the first. */
  stop(): Promise<void>
}

/** Processes that are one service to its clients. */
export type Cluster = {
  readonly name: string
  /** As clients are told of it: the addresses of all. */
  readonly url: string
  /** To be stopped last first. */
  readonly processes: readonly Service[]
}

export type ServiceSpec = {
  readonly name: string
  readonly url: string
  readonly port: number
  readonly directory: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** Rejects for as long as the service is not ready. */
  readonly answers: () => Promise<unknown>
  readonly startTimeoutMs: number
  readonly stopSignal: NodeJS.Signals
  readonly stopTimeoutMs: number
}

/** The program is not on this machine; the message says how to enable it. */
export class ServiceMissing extends Error {
  override readonly name = 'ServiceMissing'
  readonly service: string
  constructor(service: string, howToEnable: string) {
    super(`${service} is not on this machine: ${howToEnable}`)
    this.service = service
  }
}

// Where Debian and Homebrew keep daemons, which a normal user's PATH may lack.
const daemonFolders = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin', '/usr/local/bin']
const pollIntervalMs = 20
const portReleaseTimeoutMs = 2_000
// Short: the dead that a container's init is slow to bury still count as members of the group.
const groupGoneTimeoutMs = 200
const logTailLines = 15
const reachChildren: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGSTOP', 'SIGCONT']

/** The path of a program, undefined when it is not installed. */
export const findProgram = (program: string): string | undefined =>
  [...(process.env.PATH ?? '').split(delimiter), ...daemonFolders]
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

export const startService = async (spec: ServiceSpec): Promise<Service> => {
  // Asked first: a stranger on the port would answer in the name of the service that cannot bind.
  if (!(await becomesFree(spec.port, portReleaseTimeoutMs))) {
    throw new Error(`${spec.name} cannot listen on port ${spec.port}: another process has it`)
  }
  const logFile = join(spec.directory, `${spec.name}.log`)
  const { pid, exited, hasExited, ref, signal } = await launch(spec, logFile)

  let stopping: Promise<void> | undefined
  const stopNow = async () => {
    if (hasExited()) return groupGone(pid)
    ref()
    signal(spec.stopSignal)
    signal('SIGCONT') // a stopped process would sit on the stop signal
    const late = delay(spec.stopTimeoutMs, 'late' as const, { ref: false })
    if ((await Promise.race([exited, late])) === 'late') signal('SIGKILL')
    await exited
    await groupGone(pid)
  }
  const stop = () => (stopping ??= stopNow())

  const failure = await whyNotReady(spec, exited)
  if (failure !== undefined) {
    signal('SIGKILL')
    await stop()
    throw new Error(`${spec.name} ${failure}; the end of ${logFile}:\n${await tailOf(logFile)}`)
  }
  const { name, url, port } = spec
  return {
    name,
    url,
    port,
    pid,
    logFile,
    kill: signal,
    stop,
    get exited() {
      ref() // else a program that only awaits this would end first
      return exited
    },
  }
}

const launch = async (spec: ServiceSpec, logFile: string) => {
  await mkdir(spec.directory, { recursive: true })
  const log = await open(logFile, 'a')
  // Detached, so that a terminal's Ctrl-C does not reach it: its starter stops it, in order.
  const child = spawn(spec.command, spec.args, {
    cwd: spec.directory,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: spec.env ?? process.env,
    ...spec.owner,
  })
  child.unref()
  let ended = false
  const signal = (name: NodeJS.Signals) => {
    if (ended || child.pid === undefined) return
    const children = reachChildren.includes(name) ? childrenOf(child.pid) : []
    for (const target of [-child.pid, ...children]) send(target, name)
  }
  const exited = new Promise<string>((resolve) => {
    const end = (how: string) => {
      ended = true
      running.delete(signal)
      // What it leaves behind, such as the workers of a killed Nginx, would keep its port.
      if (child.pid !== undefined) send(-child.pid, 'SIGKILL')
      resolve(how)
    }
    child.once('error', (error) => end(error.message))
    child.once('exit', (code, killedBy) => end(killedBy ?? `exit code ${code}`))
  })
  running.add(signal)
  await log.close()
  return { pid: child.pid ?? 0, exited, hasExited: () => ended, ref: () => child.ref(), signal }
}

/** Undefined once it answers. */
const whyNotReady = async (spec: ServiceSpec, exited: Promise<string>) => {
  const deadline = delay(spec.startTimeoutMs, 'late' as const, { ref: false })
  const ended = exited.then((how) => `ended at once (${how})`)
  let lastError: unknown
  for (;;) {
    const answered = spec.answers().then(
      () => 'yes' as const,
      (error: unknown) => {
        lastError = error
        return 'not yet' as const
      },
    )
    const outcome = await Promise.race([ended, deadline, answered])
    if (outcome === 'yes') return undefined
    if (outcome === 'late') {
      return `did not answer within ${spec.startTimeoutMs / 1000} s (${String(lastError)})`
    }
    if (outcome !== 'not yet') return outcome
    await delay(pollIntervalMs)
  }
}

// A starter that ends without stopping its services, such as a failed test, leaves none running.
const running = new Set<(name: NodeJS.Signals) => void>()
process.once('exit', () => running.forEach((signal) => signal('SIGKILL')))

const send = (target: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(target, signal)
  } catch {
    return false // gone already
  }
}

/**
 * None where there is no /proc. Postgres puts each of its processes in a session of its own, out of reach
 * of its group's signals.
 */
export const childrenOf = (pid: number): number[] => {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return pids.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

const groupGone = async (pid: number): Promise<void> => {
  const deadline = Date.now() + groupGoneTimeoutMs
  while (pid > 0 && send(-pid, 0) && Date.now() < deadline) await delay(pollIntervalMs)
}

const tailOf = async (file: string): Promise<string> =>
  (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-logTailLines).join('\n')
