// Settings: where Postgres is, and how much of it we use.

import { checkPostgresUrl, parsePostgresUrl, urlsIn } from './postgres-url.ts'
import { checkShards } from './shard-urls.ts'
import { wholeNumber, type Setting } from './table.ts'

/** Each process keeps connections to each of them. */
const replicasMax = 16

const replicaUrlsOf = (text: string): string => {
  const urls = urlsIn(text)
  if (urls.length > replicasMax) throw new Error(`at most ${replicasMax} URLs`)
  if (urls.some((url) => /\s/.test(url))) throw new Error('URLs with commas in between')
  try {
    const checked = urls.map(checkPostgresUrl)
    if (checked.some((url) => parsePostgresUrl(url).hosts.length > 1)) {
      throw new Error('a URL with one host: name each replica by a URL of its own')
    }
    return checked.join(',')
  } catch (error) {
    throw new Error(`URLs with commas in between, each ${(error as Error).message}`, {
      cause: error,
    })
  }
}

export const postgresSettings = {
  DATABASE_URL: {
    default: 'postgres://postgres:postgres@localhost:5432/todos',
    unit: 'URL',
    meaning:
      'Postgres, or a pooler in front of it: see DATABASE_DIRECT_URL. It may name several hosts, `postgres://user:password@a:5432,b:5432/todos`: connections lead to the one that takes writes, and follow it through a failover.',
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
  DATABASE_REPLICA_URLS: {
    default: '',
    unit: 'URLs',
    meaning:
      'Streaming replicas of it, separated by commas: each is Postgres itself and no pooler, and its role is a member of `pg_monitor`. Reads of what is in a replica by then go there, in turns, and all others to DATABASE_URL. Empty: there are none.',
    isSecret: true,
    parse: replicaUrlsOf,
  },
  DATABASE_SHARDS: {
    default: '',
    unit: 'name=URL, …',
    meaning:
      'Databases that share out the todos, each as `name=URL`, separated by commas; DATABASE_URL keeps accounts, teams and the map: see [how to begin](../how-to/shard-the-database.md). Set for servers, workers and commands alike. Empty: all is in DATABASE_URL.',
    isSecret: true,
    parse: checkShards,
  },
  DATABASE_REPLICA_LAG_MAX_MS: wholeNumber({
    default: 5_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'ms',
    meaning:
      'A replica that is further behind is left out until it has caught up. What a reader sees does not depend on it: each read finds out whether the replica has what it must have.',
  }),
  DB_POOL_SIZE: wholeNumber({
    default: 10,
    min: 1,
    max: 10_000,
    unit: 'connections',
    meaning:
      'Postgres connections of the whole server for todos, shared out over its processes (each keeps at least one). Only list misses use them. There are as many to each replica. Accounts have as many besides, but two in each process at most, and one more to listen on.',
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
