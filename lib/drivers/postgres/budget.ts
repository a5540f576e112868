// How many connections to Postgres each process may have open at once, by what they are for. Nothing
// opens one that is not in this table (databases.ts), so that its sum is what Postgres must allow.

import type { Config } from '../../runtime/config/config.ts'
import { parsePostgresUrl } from '../../runtime/config/postgres-url.ts'

const pools = [
  'todos',
  // Asks where the primary is, to compare replicas with it.
  'replica watch',
  // Asks whether a shard is there, and itself, while its pool may be full.
  'shard watch',
  'accounts',
  'limits',
  'list cache',
  'event reads',
  'event appends',
  'publisher',
  'log probe',
  'log ends',
  'consumer',
  // For those who come once, at a start or from a command.
  'one-off',
] as const
const listeners = [
  'revoked sessions',
  'ended access',
  'list versions',
  'channels',
  'commands',
] as const

export type PoolName = (typeof pools)[number]
export type ListenerName = (typeof listeners)[number]
/** Connections of one process. */
export type Budget = Readonly<Record<PoolName | ListenerName, number>>

type Settings = Pick<
  Config,
  | 'COMMAND_LOG'
  | 'DATABASE_DIRECT_URL'
  | 'DATABASE_REPLICA_URLS'
  | 'DATABASE_URL'
  | 'DB_POOL_SIZE'
  | 'HTTP_PROCESSES'
  | 'LIST_CACHE'
  | 'WORKER_POOL_SIZE'
>

/** A refresh takes one for a millisecond, and passwords are checked one at a time. */
const accountConnectionsMax = 2
/** Asks the server about connections that fell silent, for all pools of a process: silence.ts. */
const silenceWatch = 1
/** On each host of a URL that has several, while the primary among them is looked for: primary.ts. */
const searchesOf = (url: string) => (parsePostgresUrl(url).hosts.length > 1 ? 1 : 0)

const none: Budget = {
  todos: 0,
  'replica watch': 0,
  'shard watch': 0,
  accounts: 0,
  limits: 0,
  'list cache': 0,
  'event reads': 0,
  'event appends': 0,
  publisher: 0,
  'log probe': 0,
  'log ends': 0,
  consumer: 0,
  'one-off': 0,
  'revoked sessions': 0,
  'ended access': 0,
  'list versions': 0,
  channels: 0,
  commands: 0,
}

export const forkBudget = (config: Settings): Budget => {
  const share = Math.max(1, Math.floor(config.DB_POOL_SIZE / config.HTTP_PROCESSES))
  return {
    ...none,
    todos: share,
    'replica watch': config.DATABASE_REPLICA_URLS === '' ? 0 : 1,
    accounts: Math.min(accountConnectionsMax, share),
    'revoked sessions': 1,
    'ended access': 1,
    // A decision is a fraction of a millisecond on a connection, and many share one.
    limits: 1,
    // Those of memberships are appended.
    ...(config.LIST_CACHE === 'postgres'
      ? { 'list cache': 1, 'list versions': 1, 'event reads': 1, 'event appends': 1, channels: 1 }
      : {}),
    // One to publish, one to answer pings meanwhile; one-off: a log that is not registered yet.
    ...(config.COMMAND_LOG === 'postgres' ? { publisher: 2, 'log probe': 1, 'one-off': 1 } : {}),
  }
}

export const workerBudget = (config: Settings): Budget => ({
  ...none,
  todos: config.WORKER_POOL_SIZE + 1, // one for the announcements
  ...(config.LIST_CACHE === 'postgres' ? { 'list cache': 1, 'event appends': 1 } : {}),
  // Each partition that is applied holds one for as long as its claim; one is for deleting.
  ...(config.COMMAND_LOG === 'postgres'
    ? { consumer: config.WORKER_POOL_SIZE + 1, commands: 1, 'log ends': 1, 'one-off': 1 }
    : {}),
})

/** To each shard: for what it has, which is todos and their lists. */
const onShard = (budget: Budget): Budget => ({
  ...none,
  todos: budget.todos,
  'shard watch': 1,
  'list cache': budget['list cache'],
  'list versions': budget['list versions'],
})
export const shardForkBudget = (config: Settings): Budget => onShard(forkBudget(config))
export const shardWorkerBudget = (config: Settings): Budget => onShard(workerBudget(config))

/** For a command, and for the server's first process, which checks its stores before it starts others. */
export const scriptBudget: Budget = {
  ...none,
  todos: 1,
  'shard watch': 1,
  limits: 1,
  'list cache': 1,
  publisher: 2,
  'log probe': 1,
  'one-off': 1,
}

/** What Postgres itself must allow one process: through a pooler only what needs a session. */
export const connectionsOf = (budget: Budget, config: Settings): number => {
  const sumOf = (names: readonly (keyof Budget)[]) =>
    names.reduce((sum, name) => sum + budget[name], 0)
  const { DATABASE_URL, DATABASE_DIRECT_URL } = config
  const isPooled = DATABASE_DIRECT_URL !== '' && DATABASE_DIRECT_URL !== DATABASE_URL
  const search = searchesOf(DATABASE_DIRECT_URL || DATABASE_URL)
  return sumOf(listeners) + search + (isPooled ? 0 : sumOf(pools) + silenceWatch)
}

/** Connections of a server and one worker. */
export const connectionsNeeded = (config: Settings): number =>
  config.HTTP_PROCESSES * connectionsOf(forkBudget(config), config) +
  connectionsOf(workerBudget(config), config)

/** To each shard, of a server and one worker: besides those that DATABASE_URL gets. */
export const shardConnectionsNeeded = (config: Settings): number => {
  const sumOf = (budget: Budget) =>
    Object.values(budget).reduce((sum, one) => sum + one, 0) + silenceWatch
  return config.HTTP_PROCESSES * sumOf(shardForkBudget(config)) + sumOf(shardWorkerBudget(config))
}

/** Which setting to change, in one line; undefined when Postgres allows what may be opened. */
export const connectionsFault = (config: Settings, allowed: number): string | undefined => {
  const needed = connectionsNeeded(config)
  if (needed <= allowed) return undefined
  const least = { ...config }
  const isTooMuch = () => connectionsNeeded(least) > allowed
  // Less than one in each process there is not.
  while (isTooMuch() && least.DB_POOL_SIZE > least.HTTP_PROCESSES) least.DB_POOL_SIZE--
  while (isTooMuch() && least.WORKER_POOL_SIZE > 1) least.WORKER_POOL_SIZE--
  while (isTooMuch() && least.HTTP_PROCESSES > 1) least.DB_POOL_SIZE = --least.HTTP_PROCESSES
  const sum = `the server and a worker may open ${needed} connections but Postgres allows ${allowed} in all`
  if (isTooMuch()) return `${sum}: raise max_connections`
  const advice = (['DB_POOL_SIZE', 'WORKER_POOL_SIZE', 'HTTP_PROCESSES'] as const)
    .filter((name) => least[name] < config[name])
    .map((name) => `${name} (${config[name]}) to ${least[name]} or less`)
  return `${sum}: set ${advice.join(' and ')}, or raise max_connections`
}
