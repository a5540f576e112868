// The generator's process: its CPU can be told from everybody else's, and its main thread only answers
// questions, while threads make the load. Told what to do by load.ts, in messages.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import autocannon from 'autocannon'

const recording = createRequire(import.meta.url)('./recording.cjs')
const file = (name) => fileURLToPath(new URL(name, import.meta.url))
const timeoutSeconds = 5

const fail = (error) => process.send({ kind: 'failed', why: String(error.message ?? error) })

const runAutocannon = (load, memory) => {
  const { url, connections, pipelining, threads, seconds, method, headers, body } = load
  autocannon(
    {
      ...{ url, connections, pipelining, method, headers, body },
      ...{ workers: threads, duration: seconds, timeout: timeoutSeconds },
      setupClient: file('autocannon-client.cjs'),
      recording: memory,
    },
    (error, result) => {
      if (error) fail(error)
      else process.send({ kind: 'ended', own: ownOf(result) })
    },
  )
}

const ownOf = ({ requests, latency, duration, samples, errors, non2xx }) => ({
  ...{ requestsAverage: requests.average, requestsTotal: requests.total },
  ...{ durationSeconds: duration, samples, latencyAverageMs: latency.average, errors, non2xx },
})

/** The rate and the connections are shared out; the remainders go to the first. */
const runOpenLoop = (load, memory) => {
  const { url, connections, pipelining, threads, seconds, ratePerSecond, method } = load
  const { hostname, port, host, pathname, search } = new URL(url)
  const fields = { host, ...load.headers }
  if (load.body) fields['content-length'] = Buffer.byteLength(load.body)
  const lines = Object.entries(fields).map((pair) => pair.join(': '))
  const request = [`${method} ${pathname}${search} HTTP/1.1`, ...lines, '', load.body ?? ''].join(
    '\r\n',
  )
  const share = (total, index) => Math.floor(total / threads) + (index < total % threads ? 1 : 0)
  for (let index = 0; index < threads; index++) {
    const worker = new Worker(file('open-loop.cjs'), {
      workerData: {
        // A URL has an IPv6 address in brackets.
        host: hostname.replace(/^\[|\]$/g, ''),
        ...{ port: Number(port || 80), pipelining, request, recording: memory },
        connections: share(connections, index),
        ratePerSecond: ratePerSecond / threads,
      },
    })
    worker.on('error', fail)
  }
  setTimeout(() => process.send({ kind: 'ended', own: null }), seconds * 1000)
}

process.once('message', (load) => {
  const memory = recording.allocate(load.threads)
  process.on('message', () => {
    process.send({ kind: 'reading', atMs: performance.now(), reading: recording.read(memory) })
  })
  if (load.generator === 'autocannon') runAutocannon(load, memory)
  else runOpenLoop(load, memory)
})
process.on('disconnect', () => process.exit())
process.send({ kind: 'ready' })
