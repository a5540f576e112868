// One subject at one depth and limit: checks its answers, then loads it. It takes the CPU that its
// processes spent on exactly the requests that were counted.

import { loopback } from '../../scripts/stack/ports.ts'
import type { Generator, Counts } from './generator.ts'
import { treeCpuSeconds } from './cpu.ts'
import { exchange } from './exchange.ts'
import { startProbe } from './probe.ts'
import { startScraper } from './scraper.ts'
import type { Name, Started, Subject } from './subjects.ts'
import type { Limit, Todos } from './todos.ts'

export type Cell = { readonly depth: number; readonly limit: Limit }
export type Sample = Cell & {
  readonly name: Name
  readonly requests: number
  readonly seconds: number
  readonly serverCpuSeconds: number
  /** Share of the generator's cores. */
  readonly generatorShare: number
  /** From wrk, which times requests at depth 1 only. */
  readonly p99Ms?: number
  /** From the probe, where the generator has no percentile. */
  readonly latenciesMs: readonly number[]
  /** Why this sample proves nothing. */
  readonly invalid?: string
}
export type Plan = {
  readonly windowMs: number
  readonly generator: Generator
  /** A page of metrics is read this often. */
  readonly scrapeMs: number | undefined
  readonly todos: Todos
  readonly signal: AbortSignal
}

/** For the compiler of a fresh process. */
const warmupMs = 300
/** Enough to keep a server busy, few enough that what is in flight at the end does not matter. */
const connectionsFor = ({ depth, limit }: Cell): number =>
  limit === 1000 ? 8 : depth > 16 ? 16 : 32
const countsTolerance = 0.01

/** What stands against these counts, if anything: they must explain every byte that was read. */
export const objectionTo = (
  counts: Counts,
  responseBytes: number,
  connections: number,
): string | undefined => {
  const { requests, bytes, errors } = counts
  if (requests === 0) return 'no complete 2xx response'
  if (errors > 0) return `${errors} errors beside ${requests} complete 2xx responses`
  // Each connection ends with at most one response that was read in part.
  const expected = requests * responseBytes
  const isExplained =
    bytes >= expected * (1 - countsTolerance) &&
    bytes <= expected * (1 + countsTolerance) + connections * responseBytes
  return isExplained
    ? undefined
    : `${bytes} bytes were read, but ${requests} responses of ${responseBytes} make ${expected}`
}

/** Never rejects but when it is interrupted: what went wrong makes the sample invalid. */
export const measureCell = async (
  subject: Subject,
  server: Started,
  cell: Cell,
  plan: Plan,
): Promise<Sample> => {
  try {
    return await measure(subject, server, cell, plan)
  } catch (error) {
    plan.signal.throwIfAborted()
    const [complaint = ''] = server.complaints().trim().split('\n')
    const invalid = (error as Error).message + (complaint && `; the server said: ${complaint}`)
    return { name: subject.name, ...cell, ...nothing, invalid }
  }
}

const nothing = {
  requests: 0,
  seconds: 0,
  serverCpuSeconds: 0,
  generatorShare: 0,
  latenciesMs: [],
}

const measure = async (
  subject: Subject,
  server: Started,
  cell: Cell,
  { generator, scrapeMs, todos, windowMs, signal }: Plan,
): Promise<Sample> => {
  const { depth, limit } = cell
  const target = subject.target(limit)
  const origin = `${subject.scheme}://${loopback}:${server.port}`
  const answers = await exchange(origin, target, depth)
  const responseBytes = checkedLength(answers, todos.body(limit))
  const connections = connectionsFor(cell)
  const load = { origin, port: server.port, target, depth, connections, signal }
  await generator.run({ ...load, windowMs: warmupMs })

  const usesProbe = depth > 1 || generator.name !== 'wrk'
  const cpuBefore = treeCpuSeconds(server.pid)
  const probe = usesProbe ? startProbe(origin, target, responseBytes) : undefined
  const { metricsPort } = server
  const stopScraping =
    scrapeMs === undefined || metricsPort === undefined
      ? undefined
      : startScraper(metricsPort, scrapeMs)
  const result = await generator.run({ ...load, windowMs }).finally(() => {
    probe?.stop()
    stopScraping?.()
  })
  const serverCpuSeconds = treeCpuSeconds(server.pid) - cpuBefore
  const latenciesMs = probe?.stop() ?? []
  const objection = objectionTo(result, responseBytes, connections)
  if (objection !== undefined) throw new Error(objection)
  return {
    name: subject.name,
    ...cell,
    serverCpuSeconds,
    latenciesMs,
    requests: result.requests + latenciesMs.length,
    seconds: result.durationUs / 1e6,
    generatorShare: result.cpuShare,
    ...(!usesProbe && result.p99Us !== undefined && { p99Ms: result.p99Us / 1000 }),
  }
}

/** The length of one whole response, when all of them carry `body`. */
const checkedLength = (
  answers: readonly { readonly status: number; readonly body: Buffer; readonly whole: Buffer }[],
  body: Buffer,
): number => {
  const length = answers[0]?.whole.length ?? 0
  for (const [index, answer] of answers.entries()) {
    const which = `answer ${index + 1} of ${answers.length}`
    if (answer.status !== 200) throw new Error(`${which} is a ${answer.status}`)
    if (!answer.body.equals(body)) throw new Error(`${which} has another body`)
    if (answer.whole.length !== length) throw new Error(`${which} has another length`)
  }
  return length
}
