// One run of autocannon in a process of its own, so that its CPU can be told from ours. Plain
// JavaScript: autocannon has no types. Takes options as a message, answers with the counts.

import autocannon from 'autocannon'

process.once('message', ({ url, connections, pipelining, windowMs, method, headers, body }) => {
  // autocannon's own percentiles are whole milliseconds.
  const latenciesUs = []
  const run = autocannon(
    // Longer than the window: it is stopped, because its own clock knows whole seconds only.
    {
      ...{ url, connections, pipelining },
      ...(method && { method, headers, body }),
      duration: Math.ceil(windowMs / 1000) + 5,
    },
    (error, result) => {
      if (error) throw error
      process.send({
        // Not requests.total, which counts what failed as well.
        requests: result['2xx'],
        bytes: result.throughput.total,
        durationUs: Math.round((result.finish - result.start) * 1000),
        errors: result.errors + result.timeouts + result.non2xx,
        p99Us: latenciesUs.sort((a, b) => a - b)[Math.ceil(latenciesUs.length * 0.99) - 1],
      })
      process.disconnect()
    },
  )
  if (pipelining === 1) {
    run.on('response', (_client, _status, _bytes, ms) => latenciesUs.push(ms * 1000))
  }
  setTimeout(() => run.stop(), windowMs)
})
process.send('ready')
