// Settings: how much one worker does at once.

import { wholeNumber, type Setting } from './table.ts'

export const workerSettings = {
  WORKER_POOL_SIZE: wholeNumber({
    default: 4,
    min: 1,
    max: 1000,
    unit: 'partitions',
    meaning: 'Partitions that one worker applies at once, each on its own Postgres connection.',
  }),
} as const satisfies Record<string, Setting<string | number>>
