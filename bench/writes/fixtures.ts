// A round in which all went well, and the result of one: what tests change a figure of.

import type { Result } from './result.ts'
import type { Counted } from './validity.ts'

export const sound: Counted & { readonly open: NonNullable<Counted['open']> } = {
  connections: 200,
  closed: {
    acknowledged: 90_000,
    warmUpAcknowledged: 10_000,
    failed: 0,
    generatorSeconds: 15,
    windowSeconds: 15.1,
    handledInAll: 100_150,
    p99Ms: 20,
    appliedMeanwhile: 89_000,
    appliedInAll: 100_150,
    catchUpMs: 12,
    generatorShare: 0.3,
    cpuUsPerCommand: { server: 20, generator: 4 },
    coresUsed: { server: 0.5 },
  },
  open: {
    perSecond: 1_000,
    seconds: 10,
    connections: 200,
    sentInAll: 11_000,
    acknowledgedInAll: 11_000,
    refusedInAll: 0,
    unansweredInAll: 0,
    acknowledged: 10_000,
    p50Ms: 5,
    p99Ms: 20,
    maxMs: 30,
    unsentAtEnd: 1,
    generatorLoop: 0.2,
    cpuUsPerCommand: { server: 30, generator: 20 },
    sampleEvery: 3,
    listReadsPerSecond: 180,
    visibility: { latenciesMs: [20, 30], samples: 3_000, displaced: 0, unseen: 0 },
    memoryMib: {
      begin: { server: 90 },
      afterWarmUp: { server: 120 },
      end: { server: 121 },
      series: [{ atSeconds: 0, mib: { server: 120 } }],
    },
  },
  rowsAtEnd: 111_150,
  deadLetters: 0,
  restarted: [],
}

const { visibility: _, ...openLoop } = sound.open

export const good: Result = {
  system: 'ours',
  acknowledgedPerSecond: 31_000,
  p99Ms: 20,
  appliedPerSecond: 30_900,
  catchUpMs: 12,
  acknowledged: 500_000,
  applied: 500_000,
  lost: 0,
  whenKilled: { acknowledged: 19_000, lost: 0 },
  visibleP50Ms: 30,
  visibleP99Ms: 90,
  openLoop: { ...openLoop, perSecond: 20_000, seconds: 600, samples: 3_000, displaced: 0 },
  connections: 200,
  cores: 8,
  generator: 'wrk',
  settings: { HTTP_ENGINE: 'uws', HTTP_PROCESSES: '4' },
  cpuUsPerCommand: {
    server: 24,
    broker: 5,
    worker: 8,
    database: 13,
    redis: 1,
    generator: 4,
  },
  coresUsed: { server: 1, broker: 0.5, worker: 0.5, database: 0.4, redis: 0 },
  faults: [],
}
