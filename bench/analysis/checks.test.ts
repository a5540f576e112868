// Every check on fixture figures: a sound load passes, and each way to be wrong is called by
// its name.

import t from 'tap'
import type { Cell, Check, Counts } from '../result.ts'
import { checksOf, type CheckContext } from './checks.ts'

const counts: Counts = {
  sent: 100_000,
  completed: 100_000,
  statuses: { '200': 100_000 },
  bytes: 250_000_000,
  closed: 0,
  resets: 0,
  lost: 0,
  timeouts: 0,
  dropped: 0,
  completedInAll: 110_100,
  handledInAll: 110_164,
}

/** 10,000 answers a second for 10 s, 64 in flight for 6.4 ms each. */
const sound: Omit<Cell, 'checks'> = {
  load: {
    generator: 'autocannon',
    method: 'GET',
    url: 'http://127.0.0.1:8080/todos?limit=10',
    connections: 64,
    pipelining: 1,
    ratePerSecond: null,
    threads: 1,
  },
  seconds: 10,
  plannedSeconds: 10,
  counts,
  goodPerSecond: 10_000,
  latency: {
    from: 'the sending of each request',
    count: 100_000,
    mean: 6_350,
    p50: 6_000,
    p90: 7_000,
    p99: 9_000,
    p999: 12_000,
    max: 20_000,
    histogram: [],
  },
  series: Array.from({ length: 10 }, (_, i) => ({
    atSeconds: i + 1,
    goodPerSecond: 10_000,
    p50: 6_000,
    p99: 9_000,
    cores: {},
  })),
  tiers: [],
  limit: null,
  generator: { loopUtilization: 0.5, loopLagP99Ms: 3, cpuShare: 0.5 },
  noise: { steal: 0, otherCores: 0.05, calibrationMs: [2.5, 2.51] },
  samples: { taken: 500, wrong: 0, complaint: null, bodies: 1, matchesAtEnd: true },
  answerBytes: { head: 200, body: 2_300 },
  autocannon: {
    requestsAverage: 10_000,
    requestsTotal: 110_100,
    durationSeconds: 11.01,
    samples: 11,
    latencyAverageMs: 6,
    errors: 0,
    non2xx: 0,
  },
}
const context: CheckContext = { listsAreStill: true, engine: 'node', leadInSeconds: 1 }

const named = (name: string, cell: Omit<Cell, 'checks'>, other: Partial<CheckContext> = {}) => {
  const found = checksOf(cell, { ...context, ...other }).find((one) => one.name === name)
  if (!found) throw new Error(`no check "${name}"`)
  return found
}
const failed = (cell: Omit<Cell, 'checks'>) =>
  checksOf(cell, context).flatMap(({ name, verdict }) => (verdict === 'fail' ? [name] : []))
const withCounts = (some: Partial<Counts>) => ({ ...sound, counts: { ...counts, ...some } })

void t.test('a sound load passes every check', (t) => {
  const checks = checksOf(sound, context)
  t.same(
    checks.filter(({ verdict }) => verdict !== 'ok'),
    [],
  )
  t.ok(checks.every(({ meaning }) => meaning === ''))
  t.end()
})

const faults: readonly (readonly [string, Omit<Cell, 'checks'>, string, RegExp])[] = [
  [
    'it answers nothing',
    { ...withCounts({ completed: 0, statuses: {}, bytes: 0 }), latency: null },
    'it answers',
    /single requests were answered/,
  ],
  [
    'it hung for a second',
    {
      ...sound,
      series: sound.series.map((one, i) => (i === 4 ? { ...one, goodPerSecond: 0 } : one)),
      samples: { ...sound.samples, wrong: 3 },
    },
    'it answers',
    /hung/,
  ],
  [
    'fast errors',
    withCounts({ statuses: { '200': 1_000, '503': 99_000 } }),
    'answers without errors',
    /Fast errors/,
  ],
  ['closed early', withCounts({ closed: 12 }), 'connections stay open', /closes connections early/],
  ['resets', withCounts({ resets: 1 }), 'connections stay open', /closes connections early/],
  ['timeouts', withCounts({ timeouts: 80 }), 'connections stay open', /closes connections early/],
  ['never answered', withCounts({ sent: 100_100 }), 'sent against completed', /without an answer/],
  [
    'answered by somebody else',
    withCounts({ handledInAll: 1_000 }),
    'as many as the server counted',
    /something in between/,
  ],
  [
    'answered, and not heard',
    withCounts({ handledInAll: 120_000 }),
    'as many as the server counted',
    /never came/,
  ],
  [
    'another answer',
    withCounts({ bytes: 40_000_000 }),
    'bytes per answer',
    /not the expected answer/,
  ],
  [
    'matched with older requests',
    { ...sound, latency: { ...sound.latency!, mean: 70_000 } },
    "Little's law",
    /older requests/,
  ],
  [
    'idle connections',
    { ...sound, latency: { ...sound.latency!, mean: 3_000 } },
    "Little's law",
    /idle, lost or slow/,
  ],
  [
    'starved: the average',
    { ...sound, autocannon: { ...sound.autocannon!, requestsAverage: 3_900_000 } },
    'average x duration = total',
    /starved/,
  ],
  [
    'starved: the duration',
    { ...sound, autocannon: { ...sound.autocannon!, durationSeconds: 61 } },
    "autocannon's duration",
    /starved/,
  ],
  [
    'starved: the samples',
    { ...sound, autocannon: { ...sound.autocannon!, samples: 5 } },
    "autocannon's samples",
    /starved/,
  ],
  ['starved: no end', { ...sound, autocannon: null }, "autocannon's own books", /could not stop/],
  ['too long', { ...sound, seconds: 12 }, 'duration as planned', /could not stop in time/],
  [
    'a full generator',
    { ...sound, generator: { ...sound.generator, loopUtilization: 0.99 } },
    'the generator had room',
    /bottleneck/,
  ],
  [
    'a late generator',
    { ...sound, generator: { ...sound.generator, loopLagP99Ms: 700 } },
    'the generator had room',
    /bottleneck/,
  ],
  [
    'a wrong body',
    { ...sound, samples: { ...sound.samples, wrong: 1, complaint: 'a list of 9 todos' } },
    'sampled bodies match the database',
    /a list of 9 todos/,
  ],
  [
    'a list that changes',
    { ...sound, samples: { ...sound.samples, bodies: 2 } },
    'sampled bodies match the database',
    /nobody wrote/,
  ],
  [
    'stale for ever',
    { ...sound, samples: { ...sound.samples, matchesAtEnd: false } },
    'sampled bodies match the database',
    /not what the database holds/,
  ],
  [
    'still warming up',
    {
      ...sound,
      series: sound.series.map((one, i) => ({ ...one, goodPerSecond: 5_000 + i * 1_000 })),
    },
    'steady: first third against last third',
    /not warm/,
  ],
  ['stolen', { ...sound, noise: { ...sound.noise, steal: 0.1 } }, 'CPU stolen', /hypervisor/],
  [
    'others',
    { ...sound, noise: { ...sound.noise, otherCores: 0.8 } },
    'CPU of others',
    /else runs/,
  ],
  [
    'the clock moved',
    { ...sound, noise: { ...sound.noise, calibrationMs: [2.5, 3.1] } },
    'the floor stayed',
    /frequency/,
  ],
  [
    'few samples',
    { ...sound, latency: { ...sound.latency!, count: 300 } },
    'samples behind the percentiles',
    /Too few/,
  ],
]

for (const [title, cell, name, meaning] of faults) {
  void t.test(title, (t) => {
    const found = named(name, cell)
    t.equal(found.verdict, 'fail', found.value)
    t.match(found.meaning, meaning)
    t.end()
  })
}

void t.test('one fault is not told as another', (t) => {
  t.same(failed(withCounts({ statuses: { '200': 50_000, '503': 50_000 } })), [
    'answers without errors',
  ])
  t.same(failed({ ...sound, noise: { ...sound.noise, steal: 0.1 } }), ['CPU stolen'])
  t.end()
})

void t.test('a pipelined POST on uWebSockets.js is named as what it is', (t) => {
  const post = {
    ...sound,
    load: { ...sound.load, method: 'POST' as const, pipelining: 10 },
    counts: { ...counts, statuses: { '202': 100_000 }, closed: 5_000, lost: 50_000 },
  }
  const found = named('connections stay open', post, { engine: 'uws' })
  t.equal(found.verdict, 'fail')
  t.match(found.meaning, /uWebSockets\.js closes.*pipelining 1/)
  const onNode = { ...post, counts: { ...post.counts, closed: 0, lost: 0 } }
  t.equal(named('connections stay open', onNode).verdict, 'warn')
  t.end()
})

void t.test('an open loop must keep its rate', (t) => {
  const open = {
    ...sound,
    load: { ...sound.load, generator: 'open-loop' as const, ratePerSecond: 10_000 },
    autocannon: null,
  }
  t.same(failed(open), [])
  t.equal(named("Little's law", open).verdict, 'unknown')
  const slow = { ...open, counts: { ...counts, completed: 90_000, dropped: 9_000 } }
  t.equal(named('the offered rate was kept', slow).verdict, 'fail')
  t.end()
})

void t.test('what was not recorded is unknown, not well', (t) => {
  const wrk = { ...sound, load: { ...sound.load, generator: 'wrk' as const }, series: [] }
  const verdicts = new Map(checksOf(wrk, context).map(({ name, verdict }) => [name, verdict]))
  t.equal(verdicts.get("Little's law"), 'unknown')
  t.equal(verdicts.get('sent against completed'), 'unknown')
  const blind: Check[] = checksOf(
    { ...sound, noise: { ...sound.noise, steal: null, otherCores: null } },
    context,
  )
  t.equal(blind.filter(({ verdict }) => verdict === 'unknown').length, 2)
  const uncounted = "the port's process can't be seen"
  const hidden = { ...sound, noise: { ...sound.noise, otherCores: null, uncounted } }
  t.match(named('CPU of others', hidden), {
    verdict: 'unknown',
    meaning: /the port's process can't be seen.*--pid/,
  })
  t.strictSame(failed(hidden), [])
  t.end()
})
