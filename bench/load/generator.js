// The generator's process: its CPU is measured apart from all others, and its main thread only answers
// questions, while threads make the load. load.ts commands it, in messages.

import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import autocannon from 'autocannon'
import * as recording from './recording.cjs'

/**
 * @import { AutocannonOwn } from '../result.ts'
 * @import { LoadOrder, MarkedAnswer, Message } from './load.ts'
 */

const timeoutSeconds = 5

/** @type {(message: Message) => void} */
const send = (message) => void process.send?.(message)
/** @param {Error} error */
const fail = (error) => send({ kind: 'failed', why: error.message })

/** @type {(load: LoadOrder, memory: SharedArrayBuffer) => void} */
const runAutocannon = (load, memory) => {
  const { url, connections, pipelining, threads, seconds, method, headers, body } = load
  autocannon(
    {
      url,
      connections,
      pipelining,
      method,
      headers,
      body,
      workers: threads,
      duration: seconds,
      timeout: timeoutSeconds,
      setupClient: fileURLToPath(new URL('./autocannon-client.cjs', import.meta.url)),
      recording: memory,
    },
    (error, result) => {
      if (error) fail(error)
      else send({ kind: 'ended', own: ownOf(result) })
    },
  )
}

/** @type {(result: import('autocannon').RunResult) => AutocannonOwn} */
const ownOf = ({ requests, latency, duration, samples, errors, non2xx }) => ({
  requestsAverage: requests.average,
  requestsTotal: requests.total,
  durationSeconds: duration,
  samples,
  latencyAverageMs: latency.average,
  errors,
  non2xx,
})

/**
 * The rate and the connections are shared out; the remainders go to the first.
 * @type {(load: LoadOrder, memory: SharedArrayBuffer) => void}
 */
const runOpenLoop = (load, memory) => {
  const { url, connections, pipelining, threads, seconds, ratePerSecond, method } = load
  const { hostname, port, host, pathname, search } = new URL(url)
  /** @type {Record<string, string>} */
  const fields = { host, ...load.headers }
  if (load.body) fields['content-length'] = String(Buffer.byteLength(load.body))
  const lines = Object.entries(fields).map((pair) => pair.join(': '))
  const request = [`${method} ${pathname}${search} HTTP/1.1`, ...lines, '', load.body ?? ''].join(
    '\r\n',
  )
  /** @type {(total: number, index: number) => number} */
  const share = (total, index) => Math.floor(total / threads) + (index < total % threads ? 1 : 0)
  for (let index = 0; index < threads; index++) {
    const worker = new Worker(new URL('./open-loop.cjs', import.meta.url), {
      workerData: {
        // A URL has an IPv6 address in brackets.
        host: hostname.replace(/^\[|\]$/g, ''),
        port: Number(port || 80),
        pipelining,
        request,
        recording: memory,
        marks: load.marks,
        requestsMax: load.requestsMax === undefined ? Infinity : share(load.requestsMax, index),
        connections: share(connections, index),
        ratePerSecond: (ratePerSecond ?? 0) / threads,
      },
    })
    worker.on('error', fail)
    worker.on('message', (/** @type {MarkedAnswer} */ answer) => send({ kind: 'marked', answer }))
  }
  setTimeout(() => send({ kind: 'ended', own: null }), seconds * 1000)
}

process.once('message', (message) => {
  const load = /** @type {LoadOrder} */ (message)
  const memory = recording.allocate(load.threads)
  process.on('message', () => {
    send({ kind: 'reading', atMs: performance.now(), reading: recording.read(memory) })
  })
  if (load.generator === 'autocannon') runAutocannon(load, memory)
  else runOpenLoop(load, memory)
})
process.on('disconnect', () => process.exit())
send({ kind: 'ready' })
