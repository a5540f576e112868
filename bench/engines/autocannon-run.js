// One run of autocannon in a process of its own, so that its CPU is measured apart from ours. Plain
// JavaScript: autocannon has no types. Takes options as a message, answers with the counts.

import autocannon from 'autocannon'

/** @import { AutocannonOrder, Counts } from './generator.ts' */

process.once('message', (message) => {
  const { url, connections, pipelining, windowMs, write } = /** @type {AutocannonOrder} */ (message)
  // autocannon's own percentiles are whole milliseconds.
  /** @type {number[]} */
  const latenciesUs = []
  const run = autocannon(
    // Longer than the window: it is stopped, because its own clock knows whole seconds only.
    {
      url,
      connections,
      pipelining,
      ...write,
      duration: Math.ceil(windowMs / 1000) + 5,
    },
    (error, result) => {
      if (error) throw error
      const p99Us = latenciesUs.sort((a, b) => a - b)[Math.ceil(latenciesUs.length * 0.99) - 1]
      /** @type {Counts} */
      const counts = {
        // Not requests.total, which counts what failed as well.
        requests: result['2xx'],
        bytes: result.throughput.total,
        durationUs: Math.round((result.finish.getTime() - result.start.getTime()) * 1000),
        // A time-out is among its errors already.
        errors: result.errors + result.non2xx,
        ...(p99Us !== undefined && { p99Us }),
      }
      process.send?.(counts)
      process.disconnect()
    },
  )
  if (pipelining === 1) {
    /** @type {(client: unknown, status: number, bytes: number, ms: number) => void} */
    const onResponse = (_client, _status, _bytes, ms) => void latenciesUs.push(ms * 1000)
    run.on('response', onResponse)
  }
  setTimeout(() => run.stop(), windowMs)
})
process.send?.('ready')
