// Settings: where Redis is, and how much of it we use.

import { availableParallelism } from 'node:os'
import { url, wholeNumber, type Setting } from './table.ts'

export const redisSettings = {
  REDIS_URL: url({
    default: 'redis://localhost:6379/0',
    protocols: ['redis:', 'rediss:'],
    meaning: 'Redis.',
  }),
  REDIS_POOL_SIZE: wholeNumber({
    default: availableParallelism(),
    min: 1,
    max: 10_000,
    unit: 'connections',
    meaning:
      'Redis data connections of the whole server, shared out over its processes (each keeps at least one, besides the one that listens for invalidations). Default: one per core; one connection multiplexes.',
  }),
} as const satisfies Record<string, Setting<string | number>>
