// Starts the generator as a process of its own and reads its counters while it runs.

import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { AutocannonOwn } from '../result.ts'
import type { Reading } from './recording.cjs'

export type LoadOrder = {
  readonly generator: 'autocannon' | 'open-loop'
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Each thread takes the same number: a multiple of `threads`, for autocannon. */
  readonly connections: number
  readonly pipelining: number
  readonly threads: number
  readonly seconds: number
  readonly ratePerSecond: number | null
  /** The open loop's: it sends no more than these, and all of them while it runs. */
  readonly requestsMax?: number
  /** The open loop's, of one thread. */
  readonly marks?: Marks
}

/** Each so many requests, from the first on, one carries its number. */
export type Marks = {
  readonly every: number
  /** What the number stands in for, with zeros in front of it: it must be as long as the longest. */
  readonly text: string
}

export type MarkedAnswer = {
  readonly number: number
  readonly status: number
  /** Both of the machine's monotonic clock, as process.hrtime reads it. */
  readonly atMs: number
  readonly dueAtMs: number
}

export type RunningLoad = {
  readonly pid: number
  /** Rejects when the generator has failed or is gone. */
  read(): Promise<{ readonly atMs: number; readonly reading: Reading }>
  /** When its time is over; null for the open loop, which keeps no books of its own. */
  readonly ended: Promise<AutocannonOwn | null>
  stop(): void
}

/** From the generator's process. */
export type Message =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'reading'; readonly atMs: number; readonly reading: Reading }
  | { readonly kind: 'ended'; readonly own: AutocannonOwn | null }
  | { readonly kind: 'marked'; readonly answer: MarkedAnswer }

// None outlives this process, however that ends; they end by themselves when the channel closes.
const running = new Set<ChildProcess>()
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')))

/** Resolves when the load has begun. */
export const startLoad = async (
  order: LoadOrder,
  onMarked: (answer: MarkedAnswer) => void = () => {},
): Promise<RunningLoad> => {
  // Without our loader: it wraps every function that is made, which a generator pays for.
  const child = fork(fileURLToPath(new URL('generator.js', import.meta.url)), {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  running.add(child)
  let complaints = ''
  child.stderr?.on('data', (data: Buffer) => (complaints += data.toString()))
  const waiting: ((message: Message & { kind: 'reading' }) => void)[] = []
  let onReady: () => void = () => {}
  let onEnded: (own: AutocannonOwn | null) => void = () => {}
  const ready = new Promise<void>((resolve) => (onReady = resolve))
  const ended = new Promise<AutocannonOwn | null>((resolve) => (onEnded = resolve))
  const failed = new Promise<never>((_, reject) => {
    child.on('message', (message: Message) => {
      switch (message.kind) {
        case 'ready':
          return onReady()
        case 'reading':
          return waiting.shift()?.(message)
        case 'ended':
          return onEnded(message.own)
        case 'marked':
          return onMarked(message.answer)
        case 'failed':
          return reject(new Error(`the generator: ${message.why}`))
      }
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      running.delete(child)
      reject(new Error(`the generator has ended (${signal ?? code}) ${complaints.trim()}`))
    })
  })
  const over = Promise.race([ended, failed])
  over.catch(() => {}) // reported to whoever waits
  await Promise.race([ready, failed])
  child.send(order)
  return {
    pid: child.pid ?? 0,
    ended: over,
    read: () =>
      Promise.race([
        failed,
        new Promise<Message & { kind: 'reading' }>((resolve) => {
          waiting.push(resolve)
          child.send('read')
        }),
      ]),
    stop: () => child.kill('SIGKILL'),
  }
}
