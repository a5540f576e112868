// A measured cell in which all is well, and what a test wants otherwise.

import type { Cell } from '../../bench/result.ts'

export const fixtureCell = (some: Partial<Cell> = {}): Cell => ({
  load: {
    ...{ generator: 'autocannon', method: 'GET', url: 'http://127.0.0.1:8080/todos?limit=10' },
    ...{ connections: 64, pipelining: 1, ratePerSecond: null, threads: 1 },
  },
  ...{ seconds: 5, plannedSeconds: 5, goodPerSecond: 50_000 },
  counts: {
    ...{ sent: 250_064, completed: 250_000, statuses: { 200: 250_000 }, bytes: 525_000_000 },
    ...{
      closed: 0,
      resets: 0,
      lost: 0,
      timeouts: 0,
      dropped: 0,
      completedInAll: 0,
      handledInAll: null,
    },
  },
  latency: {
    ...{ from: 'the sending of each request', count: 250_000, mean: 1_280, p50: 1_200, p90: 1_500 },
    ...{ p99: 2_000, p999: 3_000, max: 9_000, histogram: [[9_000, 250_000]] },
  },
  series: [1, 2, 3, 4, 5].map((atSeconds) => ({
    ...{ atSeconds, goodPerSecond: 50_000, p50: 1_200, p99: 2_000, cores: {} },
  })),
  tiers: [
    { name: 'generator', cores: 0.6, coresMax: 1, demand: 12 },
    { name: 'server', cores: 0.9, coresMax: 1, demand: 18 },
    { name: 'database', cores: 0.1, coresMax: 2, demand: 2 },
  ],
  limit: { by: 'server', explanation: '', ceilingPerSecond: 55_555, coresFor: [] },
  generator: { loopUtilization: 0.6, loopLagP99Ms: 1, cpuShare: 0.6 },
  noise: { steal: 0, otherCores: 0.05, calibrationMs: [2, 2] },
  samples: { taken: 100, wrong: 0, complaint: null, bodies: 1, isTrueAtEnd: true },
  answerBytes: { head: 100, body: 2_000 },
  autocannon: {
    ...{ requestsAverage: 50_000, requestsTotal: 300_000, durationSeconds: 6, samples: 6 },
    ...{ latencyAverageMs: 0.5, errors: 0, non2xx: 0 },
  },
  checks: [],
  ...some,
})
