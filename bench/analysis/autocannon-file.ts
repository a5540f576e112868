// What `autocannon --json` writes, brought into the shape of claims. Its fields differ by version (7.0
// has neither samples nor statuses), and several mean something else than their names say.

import type { Claims } from './claims.ts'
import { anything, dictionary, members, number, optional, positive, string } from './form.ts'

const form = members<AutocannonFile>({
  url: optional(string),
  start: optional(string),
  connections: positive,
  pipelining: optional(positive),
  duration: positive,
  samples: optional(number),
  sampleInt: optional(positive),
  requests: members<AutocannonFile['requests']>({
    average: number,
    total: number,
    sent: optional(number),
  }),
  latency: members<AutocannonFile['latency']>({ average: number, p99: number }),
  throughput: members<AutocannonFile['throughput']>({ average: number, total: number }),
  workers: anything,
  errors: optional(number),
  timeouts: optional(number),
  non2xx: optional(number),
  statusCodeStats: optional(dictionary(members<{ readonly count: number }>({ count: number }))),
  mismatches: optional(number),
  resets: optional(number),
})

/** Undefined where the file is not autocannon's; throws which member is missing. */
export const parseAutocannon = (json: unknown): Claims | undefined => {
  if (!['requests', 'throughput'].every((name) => Object.hasOwn(Object(json) as object, name))) {
    return undefined
  }
  const complaint = form.complaint(json, '')
  if (complaint !== undefined) throw new Error(`as a result of autocannon, ${complaint}`)
  const file = json as AutocannonFile
  const { requests, latency, throughput } = file
  const url = URL.canParse(file.url ?? '') ? new URL(file.url ?? '') : undefined
  const threads = threadsOf(file.workers)
  const sampleMs = file.sampleInt ?? 1_000
  const perSecond = (perSample: number) => (perSample * 1_000) / sampleMs
  const notModified = file.statusCodeStats?.['304']?.count ?? 0
  return {
    source: `autocannon's result of ${file.start ?? 'an unknown time'}`,
    command: null,
    machine: null,
    path: url ? url.pathname + url.search : '',
    // Each worker takes the same number, and the rest is dropped without a message.
    connections: Math.max(1, Math.floor(file.connections / threads)) * threads,
    pipelining: file.pipelining ?? 1,
    threads,
    plannedSeconds: null,
    seconds: file.duration,
    requestsAverage: perSecond(requests.average),
    requestsTotal: requests.total,
    latencyMs: { mean: latency.average, p99: latency.p99 },
    bytesTotal: { printed: throughput.total, unit: 'B' },
    bytesPerSecond: { printed: perSecond(throughput.average), unit: 'B' },
    answerBytes: null,
    // A timeout is counted as an error too.
    errors: Math.max(file.errors ?? 0, file.timeouts ?? 0),
    // A 304 is as good as a 200, here as in our own runs.
    non2xx: (file.non2xx ?? 0) - notModified,
    notModified,
    wrongBodies: file.mismatches ?? null,
    restarts: file.resets ?? null,
    sent: requests.sent ?? null,
    samples: file.samples ?? null,
    sampleMs,
  }
}

/** Without `-w` it writes 0 or nothing, and loads from its only thread. */
const threadsOf = (workers: unknown): number => {
  const given = Math.floor(Number(workers ?? 0))
  return given >= 1 ? given : 1
}

type AutocannonFile = {
  readonly url?: string
  readonly start?: string
  readonly connections: number
  readonly pipelining?: number
  readonly workers?: unknown
  readonly duration: number
  /** Samples of all workers together. */
  readonly samples?: number
  /** Milliseconds that a sample takes (`-L`). */
  readonly sampleInt?: number
  /** `average`: of the samples, not of seconds. */
  readonly requests: { readonly average: number; readonly total: number; readonly sent?: number }
  readonly latency: { readonly average: number; readonly p99: number }
  readonly throughput: { readonly average: number; readonly total: number }
  readonly errors?: number
  readonly timeouts?: number
  readonly non2xx?: number
  readonly statusCodeStats?: Readonly<Record<string, { readonly count: number }>>
  /** Bodies that were not what `-E` or `verifyBody` expects. */
  readonly mismatches?: number
  /** Sequences of requests that were begun again, since an answer was not what the next one needs. */
  readonly resets?: number
}
