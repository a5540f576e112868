// What sends the load: wrk when it is installed, else autocannon. Either is a process of its own that
// runs for one window and gives back exact counts.

import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loopback } from '../../scripts/stack/ports.ts'
import { findProgram } from '../../scripts/stack/service.ts'
import { treeCpuSeconds } from './cpu.ts'

const stopTimeoutMs = 15_000

export type Load = {
  readonly port: number
  /** Origin of a server elsewhere, instead of the port on this machine. */
  readonly origin?: string
  readonly target: string
  readonly depth: number
  readonly connections: number
  readonly windowMs: number
  readonly signal: AbortSignal
  /** A GET without it. */
  readonly write?: {
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
  }
}

export type Counts = {
  /** Complete 2xx responses. */
  readonly requests: number
  /** Everything that was read, the beginnings of unfinished responses too. */
  readonly bytes: number
  readonly durationUs: number
  /** Anything that was no complete 2xx response. */
  readonly errors: number
  /** Undefined where the generator does not know it. */
  readonly p99Us?: number
}

/** What autocannon-run.js is sent. */
export type AutocannonOrder = {
  readonly url: string
  readonly connections: number
  readonly pipelining: number
  readonly windowMs: number
  readonly write: Load['write']
}

export type LoadResult = Counts & {
  /** Share of the cores that it could use: at 1 it could not send more. */
  readonly cpuShare: number
}

export type Generator = {
  readonly name: 'wrk' | 'autocannon'
  readonly description: string
  run(load: Load): Promise<LoadResult>
}

/** wrk where there is one, unless one of the two is asked for. */
export const chooseGenerator = (cores: number, wanted?: Generator['name']): Generator => {
  const wrk = findProgram('wrk')
  if (wrk === undefined && wanted === 'wrk') throw new Error('wrk is not installed')
  return wrk === undefined || wanted === 'autocannon' ? autocannon : createWrk(wrk, cores)
}

/** The line that batch.lua prints; its counts of errors together. */
export const parseWrk = (output: string, depth: number): Counts => {
  const line = /^result (.*)$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`wrk gave no result: ${output.trim()}`)
  const values = new Map(line.split(' ').map((pair) => pair.split('=') as [string, string]))
  const value = (name: string) => {
    const number = Number(values.get(name) ?? NaN)
    if (Number.isNaN(number)) throw new Error(`wrk's result has no ${name}: ${line}`)
    return number
  }
  const failed = value('status')
  const socketErrors = ['connect', 'read', 'write', 'timeout'].map(value)
  return {
    requests: value('requests') - failed,
    bytes: value('bytes'),
    durationUs: value('durationUs'),
    errors: socketErrors.reduce((sum, one) => sum + one, failed),
    // wrk records one latency per batch: under pipelining its percentiles are zeros.
    ...(depth === 1 && { p99Us: value('p99Us') }),
  }
}

const urlOf = ({ port, target, origin = `http://${loopback}:${port}` }: Load) => origin + target

const createWrk = (program: string, cores: number): Generator => ({
  name: 'wrk',
  description: `wrk, ${cores} thread${cores > 1 ? 's' : ''}`,
  async run(load) {
    const threads = Math.min(cores, load.connections)
    const script = fileURLToPath(new URL('batch.lua', import.meta.url))
    // Longer than the window: its own clock knows whole seconds only, so SIGINT makes it report.
    const seconds = Math.ceil(load.windowMs / 1000) + 5
    const settings = { t: threads, c: load.connections, d: seconds, s: script }
    const { method, headers = {}, body } = load.write ?? {}
    const options = [
      ...Object.entries(settings).map(([name, value]) => `-${name}${value}`),
      ...Object.entries(headers).map(([name, value]) => `-H${name}: ${value}`),
    ]
    const scriptArguments = [String(load.depth), method, body].filter((one) => one !== undefined)
    const child = spawn(program, [...options, '--latency', urlOf(load), '--', ...scriptArguments], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (data: Buffer) => (output += data.toString()))
    child.stderr.on('data', (data: Buffer) => (output += data.toString()))
    const cpuSeconds = await windowOf(child, load, () => child.kill('SIGINT'))
    const cpuShare = cpuSeconds / (load.windowMs / 1000) / threads
    return { ...parseWrk(output, load.depth), cpuShare }
  },
})

const autocannon: Generator = {
  name: 'autocannon',
  description: 'autocannon, 1 thread',
  async run(load) {
    const child = fork(fileURLToPath(new URL('autocannon-run.js', import.meta.url)), {
      execArgv: [],
    })
    let counts: Counts | undefined
    await once(child, 'message', { signal: load.signal }).catch((error: unknown) => {
      child.kill('SIGKILL')
      throw error
    })
    child.once('message', (message) => (counts = message as Counts))
    const { connections, depth, windowMs, write } = load
    const order: AutocannonOrder = {
      url: urlOf(load),
      connections,
      pipelining: depth,
      windowMs,
      write,
    }
    child.send(order)
    const cpuSeconds = await windowOf(child, load, () => {})
    if (!counts) throw new Error('autocannon gave no result')
    return { ...counts, cpuShare: cpuSeconds / (windowMs / 1000) }
  },
}

/** Lets it run for the window, ends it, waits until it is gone; resolves with the CPU it took. */
const windowOf = async (child: ChildProcess, load: Load, end: () => void): Promise<number> => {
  const exited = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve())
  })
  const gone = exited.then(() => 'gone' as const)
  const cpuSeconds = () => (child.pid === undefined ? 0 : treeCpuSeconds(child.pid))
  try {
    const atStart = cpuSeconds()
    const over = delay(load.windowMs, 'over' as const, { signal: load.signal, ref: false })
    if ((await Promise.race([gone, over])) === 'gone') return NaN // what it printed says why
    const taken = cpuSeconds() - atStart
    end()
    const stuck = delay(stopTimeoutMs, 'stuck' as const, { ref: false })
    if ((await Promise.race([gone, stuck])) === 'stuck') throw new Error('it does not end')
    return taken
  } finally {
    child.kill('SIGKILL')
  }
}
