// Settings: how much one client or user may ask for.

import { wholeNumber, type Setting } from './table.ts'

export const limitSettings = {
  LIMIT_ADDRESS_BURST: wholeNumber({
    default: 100,
    min: 0,
    max: 1_000_000,
    unit: 'requests',
    meaning:
      '`/auth/*` and `/ping`, by client address: what a full bucket allows at once; 0 is off.',
  }),
  LIMIT_ADDRESS_REFILL_SEC: wholeNumber({
    default: 10,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning:
      'In how long an empty bucket of LIMIT_ADDRESS_BURST is full again: 100 in 10 s are 10/s.',
  }),
  LIMIT_USER_REQUESTS: wholeNumber({
    default: 1_000,
    min: 0,
    max: 1_000_000,
    unit: 'requests',
    meaning: '`/api/*`, by user: requests in each LIMIT_USER_WINDOW_SEC; 0 is off.',
  }),
  LIMIT_USER_WINDOW_SEC: wholeNumber({
    default: 3_600,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning: 'The sliding window of LIMIT_USER_REQUESTS.',
  }),
  LIMIT_WRITE_BURST: wholeNumber({
    default: 1_000,
    min: 0,
    max: 1_000_000,
    unit: 'requests',
    meaning: 'Writes to `/todos`, by user: what a full bucket allows at once; 0 is off.',
  }),
  LIMIT_WRITE_REFILL_SEC: wholeNumber({
    default: 10,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning: 'In how long an empty bucket of LIMIT_WRITE_BURST is full again.',
  }),
  LIMIT_READ_BURST: wholeNumber({
    default: 1_000,
    min: 0,
    max: 1_000_000,
    unit: 'requests',
    meaning:
      '`GET /todos/:id`, `GET /todos` with `after`, `/openapi.json` and `/docs`, by client address: what a full bucket allows at once; 0 is off.',
  }),
  LIMIT_READ_REFILL_SEC: wholeNumber({
    default: 10,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning: 'In how long an empty bucket of LIMIT_READ_BURST is full again.',
  }),
  LIMIT_LIST_BURST: wholeNumber({
    default: 0,
    min: 0,
    max: 1_000_000,
    unit: 'requests',
    meaning:
      'Lists, and apart from them `/health` and `/ready`, by client address, in each process: what a full bucket allows at once; 0 is off.',
  }),
  LIMIT_LIST_REFILL_SEC: wholeNumber({
    default: 10,
    min: 1,
    max: 86_400,
    unit: 's',
    meaning: 'In how long an empty bucket of LIMIT_LIST_BURST is full again.',
  }),
  LIMIT_TIMEOUT_MS: wholeNumber({
    default: 50,
    min: 5,
    max: 10_000,
    unit: 'ms',
    meaning:
      'How long a request may wait for Redis to count it, then for Postgres; after that it passes uncounted.',
  }),
} as const satisfies Record<string, Setting<string | number>>
