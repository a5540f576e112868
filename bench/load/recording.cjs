// What a thread of load counts and times, in memory that it shares with the thread that reports it.
// Numbers only go up, so that a window is the difference of two readings. Plain JavaScript, because
// autocannon loads it in threads of its own with require().
//
// Latencies go to buckets of whole microseconds up to 127, then to 64 for each power of two. No bucket
// is wider than 1.6% of its values.

const { monitorEventLoopDelay, performance } = require('node:perf_hooks')

/**
 * @typedef {object} Reading Numbers that only go up: a window is the difference of two readings.
 * @property {number} sent
 * @property {number} completed
 * @property {number} bytes
 * @property {number} latencySumUs
 * @property {number} latencyCount
 * @property {number} latencyMaxUs
 * @property {number} closed
 * @property {number} resets
 * @property {number} lost
 * @property {number} timeouts
 * @property {number} dropped
 * @property {number} open Connections, now.
 * @property {number} loopActiveMs
 * @property {number} loopIdleMs
 * @property {number} loopLagP99Ms
 * @property {Readonly<Record<string, number>>} statuses
 * @property {readonly number[]} buckets See upperBoundUs.
 * @property {readonly Loop[]} loops Of each thread.
 *
 * @typedef {{ readonly activeMs: number, readonly idleMs: number }} Loop
 *
 * @typedef {'sent' | 'closed' | 'resets' | 'lost' | 'timeouts' | 'dropped' | 'open'} Countable
 *
 * @typedef {object} Recorder
 * @property {(name: Countable, count?: number) => void} add
 * @property {(status: number, bytes: number, us: number) => void} answer
 */

const counters = /** @type {const} */ ([
  'sent',
  'bytes',
  'latencySumUs',
  'latencyMaxUs',
  'closed',
  'resets',
  'lost',
  'timeouts',
  'dropped',
  'open',
  'loopActiveMs',
  'loopIdleMs',
  'loopLagP99Ms',
])
/** @typedef {typeof counters[number]} Counter */

const statusMax = 600
const bucketCount = 64 * 26
const slotBytes = (counters.length + statusMax) * 8 + bucketCount * 4
/** In front of the slots: how many are taken. */
const ticketBytes = 8
const loopEveryMs = 100

const at = /** @type {Readonly<Record<Counter, number>>} */ (
  Object.fromEntries(counters.map((name, index) => [name, index]))
)

/** @param {number} threads */
exports.allocate = (threads) => new SharedArrayBuffer(ticketBytes + threads * slotBytes)

/** @param {number} index */
const startOf = (index) => ticketBytes + index * slotBytes

/** @typedef {{ counts: Float64Array, statuses: Float64Array, buckets: Uint32Array }} Slot */

/** @type {(memory: SharedArrayBuffer, start: number) => Slot} */
const slotAt = (memory, start) => {
  return {
    counts: new Float64Array(memory, start, counters.length),
    statuses: new Float64Array(memory, start + counters.length * 8, statusMax),
    buckets: new Uint32Array(memory, start + (counters.length + statusMax) * 8, bucketCount),
  }
}

/** @type {(numbers: Float64Array | Uint32Array | number[], index: number, count: number) => void} */
const increase = (numbers, index, count) => {
  numbers[index] = (numbers[index] ?? 0) + count
}

/** @param {number} us */
const bucketOf = (us) => {
  if (us < 128) return us
  const shift = 25 - Math.clz32(us)
  return Math.min(bucketCount - 1, 64 * shift + (us >> shift))
}

/**
 * The longest latency, in microseconds, that is counted in this bucket.
 * @param {number} bucket
 */
exports.upperBoundUs = (bucket) => {
  if (bucket < 128) return bucket
  const shift = (bucket >> 6) - 1
  return (((bucket & 63) + 65) << shift) - 1
}

/**
 * A slot of its own for the thread that calls it, with its event loop watched.
 * @type {(memory: SharedArrayBuffer) => Recorder}
 */
exports.claim = (memory) => {
  const index = Atomics.add(new Int32Array(memory, 0, 1), 0, 1)
  const { counts, statuses, buckets } = slotAt(memory, startOf(index))
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
      increase(counts, at[name], count)
    },
    answer(status, bytes, us) {
      increase(counts, at.bytes, bytes)
      increase(statuses, status < statusMax ? status : 0, 1)
      // A fast refusal is not a fast answer.
      if (status >= 400) return
      increase(counts, at.latencySumUs, us)
      if (us > (counts[at.latencyMaxUs] ?? 0)) counts[at.latencyMaxUs] = us
      increase(buckets, bucketOf(us > 0 ? Math.floor(us) : 0), 1)
    },
  }
}

/** A copy takes two microseconds, and a thread that sends at its limit rests for some ten. */
const copiesMax = 1_000

/**
 * A slot as it was at one moment. Read in place, it was torn: whoever reads may lose the processor between
 * two numbers, and what went on meanwhile looked like requests without an answer.
 * @type {(memory: SharedArrayBuffer, index: number) => Slot}
 */
const copyOf = (memory, index) => {
  const start = startOf(index)
  const { counts } = slotAt(memory, start)
  for (let copies = 1; ; copies++) {
    const sent = counts[at.sent]
    const bytes = counts[at.bytes]
    const copy = memory.slice(start, start + slotBytes)
    const isWhole = counts[at.sent] === sent && counts[at.bytes] === bytes
    if (isWhole || copies === copiesMax) return slotAt(copy, 0)
  }
}

/**
 * All slots together; of the loops the busiest.
 * @type {(memory: SharedArrayBuffer) => Reading}
 */
exports.read = (memory) => {
  const taken = Atomics.load(new Int32Array(memory, 0, 1), 0)
  const total = /** @type {Record<Counter, number>} */ (
    Object.fromEntries(counters.map((name) => [name, 0]))
  )
  /** @type {Record<string, number>} */
  const statuses = {}
  /** @type {number[]} */
  const buckets = new Array(bucketCount).fill(0)
  /** @type {Loop[]} */
  const loops = []
  for (let index = 0; index < taken; index++) {
    const slot = copyOf(memory, index)
    /** @param {Counter} name */
    const of = (name) => slot.counts[at[name]] ?? 0
    for (const name of counters) {
      const isOfAll = name === 'latencyMaxUs' || name === 'loopLagP99Ms'
      total[name] = isOfAll ? Math.max(total[name], of(name)) : total[name] + of(name)
    }
    loops.push({ activeMs: of('loopActiveMs'), idleMs: of('loopIdleMs') })
    for (const [status, count] of slot.statuses.entries()) {
      if (count > 0) statuses[status] = (statuses[status] ?? 0) + count
    }
    for (const [bucket, count] of slot.buckets.entries()) increase(buckets, bucket, count)
  }
  /** @param {readonly number[]} values */
  const sum = (values) => values.reduce((all, one) => all + one, 0)
  return {
    ...total,
    // Sums, not counters of their own: a thread may be between the two when it is read.
    completed: sum(Object.values(statuses)),
    latencyCount: sum(buckets),
    statuses,
    buckets,
    loops,
  }
}
