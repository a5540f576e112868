// What a thread of load counts and times, in memory that it shares with the thread that reports it:
// numbers that only go up, so that a window is the difference of two readings. Plain JavaScript, because
// autocannon loads it in threads of its own with require().
//
// Latencies go to buckets of whole microseconds up to 127, then to 64 for each power of two: no bucket is
// wider than 1.6% of its values.

const { monitorEventLoopDelay, performance } = require('node:perf_hooks')

const counters = [
  ...['sent', 'bytes', 'latencySumUs', 'latencyMaxUs'],
  ...['closed', 'resets', 'lost', 'timeouts', 'dropped', 'open'],
  ...['loopActiveMs', 'loopIdleMs', 'loopLagP99Ms'],
]
const statusMax = 600
const bucketCount = 64 * 26
const slotBytes = (counters.length + statusMax) * 8 + bucketCount * 4
/** In front of the slots: how many are taken. */
const ticketBytes = 8
const loopEveryMs = 100

const at = Object.fromEntries(counters.map((name, index) => [name, index]))

/** Shared memory for so many threads. */
exports.allocate = (threads) => new SharedArrayBuffer(ticketBytes + threads * slotBytes)

const slotOf = (memory, index) => {
  const start = ticketBytes + index * slotBytes
  return {
    counts: new Float64Array(memory, start, counters.length),
    statuses: new Float64Array(memory, start + counters.length * 8, statusMax),
    buckets: new Uint32Array(memory, start + (counters.length + statusMax) * 8, bucketCount),
  }
}

const bucketOf = (us) => {
  if (us < 128) return us
  const shift = 25 - Math.clz32(us)
  return Math.min(bucketCount - 1, 64 * shift + (us >> shift))
}

/** The longest latency, in microseconds, that is counted in this bucket. */
exports.upperBoundUs = (bucket) => {
  if (bucket < 128) return bucket
  const shift = (bucket >> 6) - 1
  return (((bucket & 63) + 65) << shift) - 1
}

/** A slot of its own for the thread that calls it, with its event loop watched. */
exports.claim = (memory) => {
  const { counts, statuses, buckets } = slotOf(
    memory,
    Atomics.add(new Int32Array(memory, 0, 1), 0, 1),
  )
  const lag = monitorEventLoopDelay({ resolution: 5 })
  lag.enable()
  setInterval(() => {
    const { active, idle } = performance.eventLoopUtilization()
    counts[at.loopActiveMs] = active
    counts[at.loopIdleMs] = idle
    // The histogram counts from timer to timer: what is beyond its own period is lag.
    counts[at.loopLagP99Ms] = Math.max(0, lag.percentile(99) / 1e6 - 5)
  }, loopEveryMs).unref()
  return {
    add(name, count = 1) {
      counts[at[name]] += count
    },
    answer(status, bytes, us) {
      counts[at.bytes] += bytes
      statuses[status < statusMax ? status : 0]++
      // A fast refusal is not a fast answer.
      if (status >= 400) return
      counts[at.latencySumUs] += us
      if (us > counts[at.latencyMaxUs]) counts[at.latencyMaxUs] = us
      buckets[bucketOf(us > 0 ? Math.floor(us) : 0)]++
    },
  }
}

/** All slots together; of the loops the busiest. */
exports.read = (memory) => {
  const taken = Atomics.load(new Int32Array(memory, 0, 1), 0)
  const total = Object.fromEntries(counters.map((name) => [name, 0]))
  const statuses = {}
  const buckets = new Array(bucketCount).fill(0)
  const loops = []
  for (let index = 0; index < taken; index++) {
    const slot = slotOf(memory, index)
    for (const [i, name] of counters.entries()) {
      const isOfAll = name === 'latencyMaxUs' || name === 'loopLagP99Ms'
      total[name] = isOfAll ? Math.max(total[name], slot.counts[i]) : total[name] + slot.counts[i]
    }
    loops.push({ activeMs: slot.counts[at.loopActiveMs], idleMs: slot.counts[at.loopIdleMs] })
    for (let status = 0; status < statusMax; status++) {
      if (slot.statuses[status] > 0)
        statuses[status] = (statuses[status] ?? 0) + slot.statuses[status]
    }
    for (let i = 0; i < bucketCount; i++) buckets[i] += slot.buckets[i]
  }
  // Sums, not counters of their own: a thread may be between the two when it is read.
  const sum = (values) => values.reduce((all, one) => all + one, 0)
  const completed = sum(Object.values(statuses))
  return { ...total, completed, latencyCount: sum(buckets), statuses, buckets, loops }
}
