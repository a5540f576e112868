// Figures that somebody else measured: what autocannon --json wrote, or what a paper prints. One shape
// for both, held against the laws that they must obey among themselves.

import type { Check } from '../result.ts'
import {
  averageAgainstTotal,
  check,
  count,
  durationAsPlanned,
  littlesLaw,
  percent,
  unknown,
} from './laws.ts'
import { members, number, oneOf, optional, orNull, positive, string } from './form.ts'

/** Null: not said. */
export type Claims = {
  readonly source: string
  readonly command: string | null
  readonly machine: { readonly cpu: string; readonly cores: number } | null
  readonly path: string
  /** Whose todos the answers hold: a path does not say it, many APIs have one `/todos`. */
  readonly todosOf?: 'million-rps' | null
  readonly connections: number
  readonly pipelining: number
  /** Threads of the generator. */
  readonly threads: number
  readonly plannedSeconds: number | null
  readonly seconds: number
  readonly requestsAverage: number
  readonly requestsTotal: number
  readonly latencyMs: { readonly mean: number; readonly p99: number }
  readonly bytesTotal: Amount | null
  readonly bytesPerSecond: Amount | null
  /** What one answer is said to weigh. */
  readonly answerBytes: number | null
  readonly errors: number | null
  /** 304 apart. */
  readonly non2xx: number | null
  /** Answers that carry no body. */
  readonly notModified?: number
  /** Answers whose body was not the expected one. */
  readonly wrongBodies?: number | null
  /** Sequences of requests that were begun again before their end. */
  readonly restarts?: number | null
  readonly sent: number | null
  readonly samples: number | null
  /** Milliseconds that each sample took; a second where it is not said. */
  readonly sampleMs?: number
}

/** `GB` may mean 10^9 bytes or 2^30. */
export type Amount = { readonly printed: number; readonly unit: 'B' | 'MB' | 'GB' }

const powers = { B: 0, MB: 2, GB: 3 } as const
const bytesOf = ({ printed, unit }: Amount, base: 1000 | 1024) => printed * base ** powers[unit]

const amount = members<Amount>({ printed: number, unit: oneOf('B', 'MB', 'GB') })

const form = members<Claims>({
  source: string,
  command: orNull(string),
  machine: orNull(members<NonNullable<Claims['machine']>>({ cpu: string, cores: positive })),
  path: string,
  todosOf: optional(orNull(oneOf('million-rps'))),
  connections: positive,
  pipelining: positive,
  threads: positive,
  plannedSeconds: orNull(positive),
  seconds: positive,
  requestsAverage: number,
  requestsTotal: number,
  latencyMs: members<Claims['latencyMs']>({ mean: number, p99: number }),
  bytesTotal: orNull(amount),
  bytesPerSecond: orNull(amount),
  answerBytes: orNull(positive),
  errors: orNull(number),
  non2xx: orNull(number),
  notModified: optional(number),
  wrongBodies: optional(orNull(number)),
  restarts: optional(orNull(number)),
  sent: orNull(number),
  samples: orNull(number),
  sampleMs: optional(positive),
})

/** Undefined where the file holds no claims; throws which member is missing. */
export const parseClaims = (json: unknown): Claims | undefined => {
  if ((json as { readonly kind?: unknown }).kind !== 'claims') return undefined
  const complaint = form.complaint(json, '')
  if (complaint !== undefined) throw new Error(`as claims, ${complaint}`)
  return json as Claims
}

/** autocannon's clock. */
const resolutionUs = 1_000

export const checksOfClaims = (claims: Claims): Check[] => {
  const { requestsAverage, requestsTotal, seconds, plannedSeconds, latencyMs } = claims
  const inFlight = claims.connections * claims.pipelining
  if (requestsTotal === 0) return [nothingAnswered, noErrors(claims), sentAgainstCompleted(claims)]
  return [
    averageAgainstTotal(requestsAverage, seconds, requestsTotal),
    plannedSeconds === null
      ? unknown('duration as planned', 'the plan is not in the figures')
      : durationAsPlanned(seconds, plannedSeconds),
    bytesAgainstRate(claims),
    bytesAsSaid(claims),
    bytesPossible(claims),
    littlesLaw(requestsTotal / seconds, latencyMs.mean * 1000, inFlight, resolutionUs),
    noErrors(claims),
    noWrongBodies(claims),
    sentAgainstCompleted(claims),
    samplesTaken(claims),
    latencyOfItsOwn(claims),
    oneThread(claims),
    budget(claims),
  ]
}

const nothingAnswered = check(
  'it answers',
  'fail',
  'nothing was answered',
  'an answer',
  'There is no rate and no latency to judge. See why the server did not answer.',
)

const bytesAgainstRate = ({ bytesTotal, bytesPerSecond, seconds }: Claims): Check => {
  const name = 'bytes a second x duration = bytes'
  if (!bytesTotal || !bytesPerSecond) return unknown(name, 'bytes are not in the figures')
  const off = (base: 1000 | 1024) =>
    (bytesOf(bytesPerSecond, base) * seconds) / bytesOf(bytesTotal, base) - 1
  const decimal = off(1000)
  const binary = off(1024)
  if (bytesTotal.unit === 'B') {
    return check(
      name,
      Math.abs(decimal) <= 0.02 ? 'ok' : 'fail',
      percent(decimal),
      'within 2%',
      'The average is not that of the bytes counted: the generator was starved.',
    )
  }
  const best = Math.min(Math.abs(decimal), Math.abs(binary))
  return check(
    name,
    best > 0.02 ? 'fail' : Math.abs(decimal) > 0.01 ? 'warn' : 'ok',
    `${percent(decimal)} if a ${bytesTotal.unit} is decimal, ${percent(binary)} if it is binary`,
    'within 1%',
    best > 0.02
      ? 'The bytes a second are not those of the total.'
      : 'The two agree only if both are in powers of 1024, which is not what autocannon prints: they were computed, or converted, afterwards.',
  )
}

const bytesAsSaid = (claims: Claims): Check => {
  const name = 'bytes per answer as said'
  const { answerBytes, requestsTotal, bytesTotal } = claims
  if (answerBytes === null || !bytesTotal) return unknown(name, 'no size is said')
  const [decimal, binary] = perAnswer(bytesTotal, requestsTotal)
  const off = Math.min(...[decimal, binary].map((bytes) => Math.abs(bytes / answerBytes - 1)))
  return check(
    name,
    off <= 0.05 ? 'ok' : 'fail',
    `${decimal.toFixed(1)} (decimal) or ${binary.toFixed(1)} (binary), said ${answerBytes}`,
    'within 5%',
    'What was read is not what one answer is said to weigh, times the answers.',
  )
}

const perAnswer = (bytesTotal: Amount, answers: number): readonly [number, number] =>
  [bytesOf(bytesTotal, 1000) / answers, bytesOf(bytesTotal, 1024) / answers] as const

/** The smallest todo of this API: every field, each as short as it may be. */
const smallestTodo = {
  id: 'a',
  title: 'b',
  description: '',
  completed: true,
  user_id: 'c',
  created_at: new Date(0),
  updated_at: new Date(0),
}
const smallestHead = 'HTTP/1.1 200 OK\r\nContent-Length: 1400\r\n\r\n'.length

const bytesPossible = (claims: Claims): Check => {
  const { path, bytesTotal, requestsTotal, notModified = 0 } = claims
  const name = 'bytes per answer possible'
  const bodies = requestsTotal - notModified
  if (bodies <= 0) return unknown(name, 'every answer is a 304, without a body')
  if (claims.todosOf !== 'million-rps') return unknown(name, 'nothing says whose todos these are')
  const limit = Number(/[?&]limit=(\d+)/.exec(path)?.[1] ?? NaN)
  if (!bytesTotal || !/^\/todos(\?|$)/.test(path) || Number.isNaN(limit)) {
    return unknown(name, 'not a list of todos of a known length')
  }
  const least = smallestHead + JSON.stringify(Array(limit).fill(smallestTodo)).length
  const most = Math.max(...perAnswer(bytesTotal, bodies))
  return check(
    name,
    most >= least ? 'ok' : 'fail',
    `${most.toFixed(0)} bytes for ${path}`,
    `at least ${count(least)}, with every text of one letter`,
    `${limit} todos do not fit into one answer of this size: the answers were errors, or lists of fewer todos (about ${Math.max(0, Math.floor((most - smallestHead - 2) / (JSON.stringify(smallestTodo).length + 1)))} at most). Read one of them.`,
  )
}

const noErrors = ({ errors, non2xx, restarts }: Claims): Check => {
  const name = 'answers without errors'
  if (errors === null || non2xx === null)
    return unknown(
      name,
      'errors and other statuses are not in the figures; autocannon counts them as requests',
    )
  const begunAgain = restarts ? `, ${count(restarts)} sequences begun again` : ''
  return check(
    name,
    errors + non2xx + (restarts ?? 0) === 0 ? 'ok' : 'fail',
    `${count(errors)} errors, ${count(non2xx)} neither 2xx nor 304${begunAgain}`,
    'none',
    'autocannon counts every status as a request: fast errors look like speed.',
  )
}

const noWrongBodies = ({ wrongBodies, requestsTotal }: Claims): Check => {
  const name = 'bodies as expected'
  // autocannon writes 0 as well when it was not given what to expect.
  if (!wrongBodies) return unknown(name, 'nothing says that bodies were compared (autocannon -E)')
  return check(
    name,
    'fail',
    `${count(wrongBodies)} wrong bodies in ${count(requestsTotal)} answers`,
    'none',
    'The answers were not the expected ones, whatever their status. Read one of them.',
  )
}

const sentAgainstCompleted = (claims: Claims): Check => {
  const name = 'sent against completed'
  const { sent, requestsTotal, connections, pipelining } = claims
  if (sent === null) return unknown(name, 'what was sent is not in the figures')
  const open = sent - requestsTotal
  return check(
    name,
    open <= connections * pipelining ? 'ok' : 'fail',
    `${count(open)} apart`,
    `${count(connections * pipelining)}, what can be in flight`,
    'Requests were lost with connections that the server closed; autocannon then times answers from older requests and reports no error.',
  )
}

const samplesTaken = ({ samples, seconds, threads, sampleMs = 1_000 }: Claims): Check => {
  const name = sampleMs === 1_000 ? 'one sample a second' : `one sample in ${sampleMs} ms`
  if (samples === null) return unknown(name, 'the number of samples is not in the figures')
  const expected = Math.round((seconds * 1_000) / sampleMs) * threads
  return check(
    name,
    Math.abs(samples - expected) <= Math.max(threads, expected * 0.05) ? 'ok' : 'fail',
    `${count(samples)} of ${count(expected)}`,
    `one for each thread in ${sampleMs} ms`,
    'The generator missed its own ticks: starved. Its average and its deviation are worthless.',
  )
}

const latencyOfItsOwn = ({ connections, pipelining, requestsTotal, seconds }: Claims): Check => {
  const inFlight = connections * pipelining
  const forcedMs = (inFlight / (requestsTotal / seconds)) * 1000
  return check(
    'latency says something of its own',
    forcedMs > 20 ? 'warn' : 'ok',
    `${count(inFlight)} in flight / ${count(requestsTotal / seconds)} a second = ${forcedMs.toFixed(1)} ms`,
    'a load below saturation',
    "In a closed loop that is full, latency is what is in flight divided by throughput, whatever the server does: that Little's law holds is no second witness, and the percentiles are those of a queue that the generator made. Measure latency in an open loop, below saturation.",
  )
}

/** What the whole life of one request costs a thread of autocannon, from our own runs. */
const leastUsPerRequest = 4

const oneThread = ({ threads, requestsTotal, seconds }: Claims): Check => {
  const us = (threads * 1e6) / (requestsTotal / seconds)
  return check(
    'the generator could',
    us >= leastUsPerRequest ? 'ok' : 'warn',
    `${us.toFixed(2)} us for each request, on ${threads} thread${threads > 1 ? 's' : ''}`,
    `${leastUsPerRequest} us`,
    'autocannon writes, parses and times each request on its one thread; none that we measured did it in so little. See what yours takes: npm run bench -- --scenario headline.',
  )
}

const budget = ({ machine, requestsTotal, seconds }: Claims): Check => {
  const name = 'CPU for each request'
  if (!machine) return unknown(name, 'the machine is not in the figures')
  const us = (machine.cores * 1e6) / (requestsTotal / seconds)
  return check(
    name,
    'warn',
    `${machine.cores} cores / ${count(requestsTotal / seconds)} a second = ${us.toFixed(1)} us`,
    'the sum of all tiers, the generator among them',
    'So much was there for generator, proxy, server and cache together. No CPU was published; npm run bench shows what each takes on your machine.',
  )
}
