// Results for the tests of the reports: plausible, deterministic, and each part to be replaced.

import type { Cell, Check, Latency, Result, Second, UslFit } from '../../bench/result.ts'

export const fixtureResult = (some: Partial<Result> = {}): Result => ({
  format: 1,
  verdict: 'VALID',
  scenario: {
    name: 'headline',
    description: 'The published run.',
    method: 'GET',
    path: '/todos?limit=10',
    warmUpSeconds: 5,
    generator: 'autocannon',
    engine: 'node',
    loads: [{ connections: 2000, pipelining: 80, seconds: 60, ratePerSecond: null }],
    generatorThreads: null,
    processes: null,
    services: 'embedded',
    nginx: 'l4',
    writesPerSecond: 0,
    todos: 10_000,
    settings: {},
  },
  command: 'npm run bench -- --scenario headline',
  startedAt: '2026-05-04T10:11:12.000Z',
  machine: {
    cpu: 'AMD EPYC 9554 64-Core Processor',
    cores: 16,
    memoryGiB: 62.8,
    kernel: '6.1.0-37-amd64',
    platform: 'linux x64',
    node: 'v24.4.0',
    versions: { postgres: '18.4', nginx: '1.22.1', autocannon: '9.0.0' },
  },
  topology: {
    engine: 'node',
    processes: 4,
    nginx: 'l4',
    services: 'embedded',
    settings: { DB_POOL_SIZE: '4', LOG_LEVEL: 'warn' },
  },
  cells: [headlineCell()],
  usl: null,
  ...some,
})

export const headlineCell = (some: Partial<Cell> = {}, goodPerSecond = 512_345.6): Cell => ({
  load: {
    generator: 'autocannon',
    method: 'GET',
    url: 'http://127.0.0.1:8080/todos?limit=10',
    connections: 2000,
    pipelining: 80,
    ratePerSecond: null,
    threads: 6,
  },
  seconds: 60.02,
  plannedSeconds: 60,
  counts: {
    sent: 30_911_000,
    completed: 30_750_983,
    statuses: { 200: 30_750_901, 503: 82 },
    bytes: 70_727_260_900,
    closed: 0,
    resets: 3,
    lost: 17,
    timeouts: 0,
    dropped: 0,
    completedInAll: 0,
    handledInAll: null,
  },
  goodPerSecond,
  latency: fixtureLatency(30_750_983, 290_000),
  series: fixtureSeries(60, goodPerSecond),
  tiers: [
    { name: 'nginx', cores: 2.71, coresMax: 4, demand: 5.29 },
    { name: 'server', cores: 3.94, coresMax: 4, demand: 7.69 },
    { name: 'postgres', cores: 0.02, coresMax: 16, demand: 0.04 },
    { name: 'generator', cores: 4.61, coresMax: 6, demand: 9 },
  ],
  limit: {
    by: 'server',
    explanation: 'The server used 3.94 of 4 cores: more processes would carry more.',
    ceilingPerSecond: 520_156,
    coresFor: [
      { perSecond: 500_000, cores: { nginx: 2.65, server: 3.85, postgres: 0.02, generator: 4.5 } },
      { perSecond: 1_000_000, cores: { nginx: 5.29, server: 7.69, postgres: 0.04, generator: 9 } },
    ],
  },
  generator: { loopUtilization: 0.81, loopLagP99Ms: 3.1, cpuShare: 0.77 },
  noise: { steal: 0.001, otherCores: 0.05, calibrationMs: [101.2, 101.9] },
  samples: { taken: 1200, wrong: 0, complaint: null, bodies: 1, matchesAtEnd: true },
  answerBytes: { head: 214, body: 2086 },
  autocannon: {
    requestsAverage: 512_101.2,
    requestsTotal: 30_750_983,
    durationSeconds: 60.04,
    samples: 60,
    latencyAverageMs: 311.9,
    errors: 0,
    non2xx: 82,
  },
  checks: [
    check('ledger balances', 'ok', '30,911,000 = 30,750,983 + 160,017', 'within 160,000 in flight'),
    check('Little’s law', 'ok', '0.997', '0.95 to 1.05'),
    check('bytes per answer', 'ok', '2,300', '2,300 as captured'),
    check('noisy machine', 'warn', '0.7%', 'under 0.5%', 'The floor moved: repeat it when quiet.'),
  ],
  ...some,
})

export const check = (
  name: string,
  verdict: Check['verdict'],
  value: string,
  bound: string,
  meaning = '',
): Check => ({ name, verdict, value, bound, meaning })

/** A log-normal body with a tail, as a histogram of 240 values around the median. */
export const fixtureLatency = (count: number, p50: number): Latency => {
  const weights = Array.from({ length: 240 }, (_, i) => {
    const z = (i - 60) / 20
    return [p50 * 1.25 ** z, Math.exp((-z * z) / 2) + 1e-5 * Math.exp(-z)] as const
  })
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0)
  const histogram = weights.flatMap(([us, weight]): [number, number][] => {
    const many = Math.round((weight / total) * count)
    return many === 0 ? [] : [[Math.round(us), many]]
  })
  const counted = histogram.reduce((sum, [, many]) => sum + many, 0)
  const at = (share: number) => {
    let below = 0
    return histogram.find(([, many]) => (below += many) >= counted * share)?.[0] ?? 0
  }
  return {
    from: 'the sending of each request',
    count: counted,
    mean: p50 * 1.03,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: at(1),
    histogram,
  }
}

export const fixtureSeries = (seconds: number, good: number): Second[] =>
  Array.from({ length: seconds }, (_, i) => {
    const wave = 1 + 0.02 * Math.sin(i * 1.7) + 0.012 * Math.sin(i * 5.3) - (i === 37 ? 0.3 : 0)
    const cores = { nginx: 2.71, server: 3.9, postgres: 0.02, generator: 4.61 }
    return {
      atSeconds: i + 1,
      goodPerSecond: good * wave,
      p50: 290_000 / wave,
      p99: (560_000 / wave) * (1 + 0.2 * Math.sin(i * 2.9)),
      cores: Object.fromEntries(
        Object.entries(cores).map(([name, used]) => [name, used * (0.2 + 0.8 * wave)]),
      ),
    }
  })

const ladder = [
  { connections: 200, pipelining: 10, good: 402_000.4 },
  { connections: 1000, pipelining: 40, good: 498_765.2 },
  { connections: 2000, pipelining: 80, good: 466_001.7 },
]

/** As a starved generator leaves it: three loads, one of which fails two checks. */
export const fixtureLadder = (): Result => {
  const cells = ladder.map(({ connections, pipelining, good }, i) => {
    const cell = headlineCell({}, good)
    return {
      ...cell,
      load: { ...cell.load, connections, pipelining },
      latency: fixtureLatency(1_000_000 + i, 2_500 * 8 ** i),
      checks:
        i < 2
          ? cell.checks
          : [
              ...cell.checks,
              check('generator', 'fail', '99% of its core', 'under 90%', 'Give it more threads.'),
              check(
                'average × duration',
                'fail',
                '30.5',
                '0.98 to 1.02',
                'Count what was completed.',
              ),
              check(
                'server’s own count',
                'unknown',
                '–',
                'within 160,000',
                'No /metrics was found.',
              ),
            ],
    }
  })
  return fixtureResult({
    verdict: 'INVALID',
    cells,
    usl: fixtureUsl(
      cells.map((cell) => [cell.load.connections * cell.load.pipelining, cell.goodPerSecond]),
    ),
    command: 'npm run bench -- --scenario ladder',
  })
}

const fixtureUsl = (points: readonly (readonly [number, number])[]): UslFit => {
  const [gamma, alpha, beta] = [402, 0.00045, 3.1e-9]
  const at = (n: number) => (gamma * n) / (1 + alpha * (n - 1) + beta * n * (n - 1))
  return {
    gamma,
    alpha,
    beta,
    intervals: { gamma: [350, 470], alpha: [0.0003, 0.0006], beta: [1e-9, 6e-9] },
    points: points.map(([inFlight, measured]) => ({ inFlight, measured, fitted: at(inFlight) })),
    peakInFlight: 17_956,
    explanation: 'Beyond about 18,000 in flight more load makes it slower.',
  }
}

/** A run against `--url`: only the generator's CPU is known. */
export const fixtureOfUrl = (): Result =>
  fixtureResult({
    topology: null,
    cells: [
      {
        ...headlineCell(),
        limit: null,
        answerBytes: null,
        autocannon: null,
        load: {
          ...headlineCell().load,
          generator: 'wrk',
          url: 'http://10.0.0.7/todos?limit=10&x=<1>',
        },
        latency: null,
        tiers: [],
        series: fixtureSeries(10, 90_000).map((it) => ({ ...it, p50: null, p99: null, cores: {} })),
        generator: { loopUtilization: null, loopLagP99Ms: null, cpuShare: 0.4 },
        noise: { steal: null, otherCores: null, calibrationMs: [100, 100] },
        samples: { taken: 0, wrong: 0, complaint: null, bodies: 0, matchesAtEnd: null },
      },
    ],
  })

/** A server that answered nothing: every share and every mean would divide by zero. */
export const fixtureOfNothing = (): Result =>
  fixtureResult({
    verdict: 'INVALID',
    cells: [
      headlineCell(
        {
          counts: {
            sent: 160_000,
            completed: 0,
            statuses: {},
            bytes: 0,
            closed: 0,
            resets: 2000,
            lost: 160_000,
            timeouts: 0,
            dropped: 0,
            completedInAll: 0,
            handledInAll: null,
          },
          latency: { ...fixtureLatency(0, 1), histogram: [], mean: NaN },
          series: [{ atSeconds: 1, goodPerSecond: 0, p50: null, p99: null, cores: { server: 0 } }],
          tiers: [{ name: 'server', cores: 0, coresMax: 0, demand: Infinity }],
          limit: {
            by: 'neither',
            explanation: 'Nothing was answered.',
            ceilingPerSecond: NaN,
            coresFor: [{ perSecond: 500_000, cores: { server: Infinity } }],
          },
          checks: [
            check('answers', 'fail', '0', 'at least 1', 'Nothing was answered: see the log.'),
          ],
        },
        0,
      ),
    ],
  })
