// The server: a primary that checks what it can before it forks, then keeps one process per core
// alive, and stops them in order.

import '../lib/runtime/node-version.ts' // first: it refuses a Node that is too old
import cluster from 'node:cluster'
import { setTimeout as delay } from 'node:timers/promises'
import type { RegisteredLog } from '../lib/domain/log-identity.ts'
import { openDatabases, type Databases } from '../lib/drivers/postgres/databases.ts'
import { postgresUrls } from '../lib/drivers/postgres/urls.ts'
import { openRedis } from '../lib/drivers/redis/connections.ts'
import { redisTls } from '../lib/drivers/redis/tls.ts'
import { openListCache } from '../lib/list-cache/open.ts'
import { untilJoined } from '../lib/list-cache/waiting-shard.ts'
import { connectShards, unshardedFault } from '../lib/shards/open.ts'
import { takeNoArguments } from '../lib/runtime/command-line.ts'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import { mailWarning } from '../lib/runtime/config/mail.ts'
import { createLog, redirectConsole, type Log } from '../lib/runtime/log.ts'
import { openCommandLogs } from '../lib/todo-store/command-logs.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { createShardedStore } from '../lib/todo-store/sharded.ts'
import { startFork } from './fork.ts'
import { newTicketKeys } from './http/engines/ticket-keys.ts'
import { exitWith, messageOf } from './process/exit.ts'
import { openMetricsPage } from './process/metrics-page.ts'
import { receiveSockets } from './process/hand-sockets.ts'
import { answerTraffic } from './process/traffic-primary.ts'
import type { Ping, Pong } from './process/hung-fork.ts'
import {
  grpcPortOf,
  httpPortOf,
  openListeningSockets,
  type ListeningPort,
} from './process/listening-sockets.ts'
import { prepareStores, type Stores } from './process/prepare-stores.ts'
import {
  readyWaitVariable,
  superviseForks,
  type Leave,
  type Listening,
} from './process/supervisor.ts'

/** What the primary hands to each fork, through its environment. */
const registeredLogVariable = 'TODOS_REGISTERED_LOG'

const runPrimary = async (config: Config) => {
  const log = createLog('server', config.LOG_LEVEL)
  redirectConsole(log)
  const warning = mailWarning(config)
  if (warning) log.warn(warning)
  const http = await openPort(httpPortOf(config))
  const grpcPort = grpcPortOf(config)
  const grpc = grpcPort && (await openPort(grpcPort))
  if (config.HTTP_ENGINE === 'uws') {
    const { selfTest } = await import('./http/engines/uws/self-test.ts')
    const verdict = await selfTest().catch((error: unknown) => exitWith(messageOf(error)))
    if (verdict) log.warn(verdict)
  }
  const metricsPort = await openMetricsPage(config, log).catch((error: unknown) =>
    exitWith(messageOf(error)),
  )
  answerTraffic()
  const registered = await withStores(config, log, (stores) => prepareStores(config, stores, log))
  const ticketKeys = newTicketKeys()
  const environmentOf = (index: number) => ({
    ...ticketKeys,
    HTTP_PORT: String(http.portOf(index)),
    ...(grpc && { GRPC_PORT: String(grpc.portOf(index)) }),
    TODOS_FORK_INDEX: String(index),
    ...(registered && { [registeredLogVariable]: JSON.stringify(registered) }),
  })
  await superviseForks(config, environmentOf, { http, grpc }, log)
  const { ports } = http
  const [port] = ports
  const [grpcOn] = grpc?.ports ?? []
  log.info(
    { engine: config.HTTP_ENGINE, ports, grpcPort: grpcOn, processes: config.HTTP_PROCESSES },
    'server ready',
  )
  process.send?.({ kind: 'ready', port, metricsPort, grpcPort: grpcOn })
}

const openPort = (port: ListeningPort) =>
  openListeningSockets(port).catch((error: unknown) => exitWith(messageOf(error)))

const storeTimeoutMs = 10_000

/** The primary opens them for its checks only: each fork has its own. */
const withStores = async <T>(
  config: Config,
  log: Log,
  work: (stores: Stores) => Promise<T>,
): Promise<T> => {
  const databases = openDatabases(postgresUrls(config))
  const redis = openRedis(config.REDIS_URL, log, redisTls(config))
  const pool = databases.pool('todos', { timeoutMs: storeTimeoutMs })
  const store = createPostgresStore(pool)
  const shards = connectShards(config, pool, { timeoutMs: storeTimeoutMs, log })
  const sharded = shards && createShardedStore({ ...shards, accounts: pool, shards: shards.pools })
  const cacheOf = (at: Databases, shard?: string) =>
    openListCache(config, at, redis, 1, log, undefined, shard)
  const lists =
    shards && sharded
      ? [...shards.databases].map(([name, at]) => {
          const store = sharded.ofShard(name)
          return { name, ...untilJoined(cacheOf(at, name), store, shards.membership(name)) }
        })
      : [{ cache: cacheOf(databases), store }]
  try {
    return await work({
      databases,
      store,
      logs: openCommandLogs(pool),
      lists,
      registry: sharded ?? store,
      shardFault: shards ? shards.start : () => unshardedFault(pool),
    })
  } finally {
    await Promise.all(lists.map(({ cache }) => cache.close()))
    await shards?.close()
    await databases.close()
    redis.close()
  }
}

const runFork = async (config: Config) => {
  const sockets = receiveSockets()
  let started: ReturnType<typeof startFork> | undefined
  let leaving = false
  const leave = async (kind: Leave['kind']) => {
    if (leaving) return
    leaving = true
    const fork = await started
    if (kind === 'drain') {
      fork?.announceDrain()
      await delay(config.HTTP_DRAIN_DELAY_MS)
    }
    await fork?.stop()
    process.exit(0)
  }
  process.on('message', (message: Leave | Ping) => {
    if (message.kind === 'ping') process.send?.({ kind: 'pong' } satisfies Pong)
    if (message.kind === 'drain' || message.kind === 'retire') void leave(message.kind)
  })
  // A terminal's Ctrl-C and a supervisor's SIGTERM to the whole group reach every process: what a
  // second one means, the primary decides.
  process.on('SIGTERM', () => void leave('drain'))
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  try {
    const { [registeredLogVariable]: registered, [readyWaitVariable]: readyWaitMs } = process.env
    started = startFork(
      config,
      registered === undefined ? undefined : (JSON.parse(registered) as RegisteredLog),
      Number(readyWaitMs),
      sockets,
    )
    const { unready } = await started
    process.send?.({ kind: 'listening', unready } satisfies Listening)
  } catch (error) {
    exitWith(`a server process can't start: ${messageOf(error)}`)
  }
}

const usage = `usage: npm run server
Starts a server process on each core. It takes no arguments: its settings are environment variables.
SIGTERM drains and stops it, SIGHUP replaces its processes one by one.
Exit codes: 0 stopped, 1 failed, 2 wrong usage.`

if (cluster.isPrimary) takeNoArguments(usage)
const config = readConfigOrExit('server')
await (cluster.isPrimary ? runPrimary(config) : runFork(config))
