// Settings: where Postgres is, and how much of it we use.

import { checkPostgresUrl } from './postgres-url.ts'
import { wholeNumber, type Setting } from './table.ts'

export const postgresSettings = {
  DATABASE_URL: {
    default: 'postgres://postgres:postgres@localhost:5432/todos',
    unit: 'URL',
    meaning: 'Postgres, or a pooler in front of it: see DATABASE_DIRECT_URL.',
    isSecret: true,
    parse: (text: string): string => checkPostgresUrl(text.trim()),
  },
  DATABASE_DIRECT_URL: {
    default: '',
    unit: 'URL',
    meaning:
      'Postgres itself, where DATABASE_URL leads to a pooler that gives each transaction another session (PgBouncer with `pool_mode = transaction`): for LISTEN and migrations. Empty: DATABASE_URL.',
    isSecret: true,
    parse: (text: string): string => (text === '' ? text : checkPostgresUrl(text.trim())),
  },
  DB_POOL_SIZE: wholeNumber({
    default: 10,
    min: 1,
    max: 10_000,
    unit: 'connections',
    meaning:
      'Postgres connections of the whole server for todos, shared out over its processes (each keeps at least one). Only list misses use them. Accounts have as many besides, but two in each process at most, and one more to listen on.',
  }),
  READ_QUEUE_MAX: wholeNumber({
    default: 256,
    min: 1,
    max: 100_000,
    unit: 'requests',
    meaning:
      "Reads of single todos, of lists with `after` and of users' pages that may wait for Postgres in one process; more, and more than a quarter of these from one client address or user, get a 503 at once. One client has a quarter of the connections, and others come between its reads.",
  }),
} as const satisfies Record<string, Setting<string | number>>
