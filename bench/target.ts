// What a scenario is run against: servers and what they need, started on this machine as they are
// deployed, or something that runs already. Knows which processes are which tier, and what a true
// list is.

import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createSigner } from 'fast-jwt'
import { repository } from '../scripts/paths.ts'
import { startServer, startWorker } from '../scripts/stack/processes.ts'
import { scrape } from '../scripts/stack/scrape.ts'
import { startKafka } from '../scripts/stack/kafka.ts'
import { startNginx } from '../scripts/stack/nginx.ts'
import { loopback } from '../scripts/stack/ports.ts'
import { startRedis } from '../scripts/stack/redis.ts'
import { ServiceMissing, type Service } from '../scripts/stack/service.ts'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'
import { connectOracle, startTodosDatabase, type Oracle } from '../scripts/stack/todos-database.ts'
import { portOwnersOf } from './port-owners.ts'
import type { Topology } from './result.ts'
import type { Scenario } from './scenario.ts'

export type Tier = 'nginx' | 'server' | 'redis' | 'broker' | 'worker' | 'database'

export type Target = {
  /** `http://127.0.0.1:8080`, without a slash at its end. */
  readonly origin: string
  readonly topology: Topology | null
  /** In the order in which a request meets them; empty for what runs elsewhere. */
  readonly tiers: ReadonlyMap<Tier, { readonly pids: readonly number[]; readonly coresMax: number }>
  /** Why its CPU may be this machine's and in no tier; null where every tier is known. */
  readonly uncounted: string | null
  readonly token: string | null
  /** Null where the database can't be asked. */
  readonly database: Oracle | null
  /** Requests with this method that the server has answered so far; null where it can't be asked. */
  handled(method: string): Promise<number | null>
  /** What the servers complained about so far. */
  complaints(): string
  stop(): Promise<void>
}

/** Its database and its secret are ours. */
export type StartedTarget = Target & {
  readonly database: Oracle
  readonly token: string
}

export type TargetContext = {
  readonly signal: AbortSignal
  readonly say: (line: string) => void
  /** Another checkout, whose server and worker are run. */
  readonly source?: string
}

const benchSecret = 'for benchmarks on loopback alone, 32+ bytes'
const tokenTtlMs = 86_400_000

export const coresHere = availableParallelism()
export const processesOf = ({
  processes,
  settings,
}: Pick<Scenario, 'processes' | 'settings'>): number =>
  Number(settings['HTTP_PROCESSES'] ?? processes ?? Math.max(1, Math.floor(coresHere / 2)))

/** Throws when something can't be started, and then leaves nothing behind. */
export const startTarget = async (
  scenario: Scenario,
  context: TargetContext,
): Promise<StartedTarget> => {
  const directory = await makeTemporaryDirectory()
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })]
  let stopping: Promise<void> | undefined
  const stop = () =>
    (stopping ??= (async () => {
      for (const one of stops.toReversed()) await one()
    })())
  try {
    return { ...(await start(scenario, context, directory, stops)), stop }
  } catch (error) {
    await stop()
    context.signal.throwIfAborted()
    throw error
  }
}

const start = async (
  scenario: Scenario,
  { signal, say, source }: TargetContext,
  directory: string,
  stops: (() => Promise<unknown>)[],
): Promise<Omit<StartedTarget, 'stop'>> => {
  const tiers: [Tier, { pids: readonly number[]; coresMax: number }][] = []
  const keep = <T extends { stop(): Promise<void> }>(one: T): T => {
    stops.push(() => one.stop())
    signal.throwIfAborted()
    return one
  }
  const processes = processesOf(scenario)
  const database = keep(
    await startTodosDatabase({ directory: join(directory, 'postgres'), todos: scenario.todos }),
  )
  const real = await startReal(scenario.services, directory, keep, say)
  const isReal = real !== undefined

  const settings = {
    // Each partition is a record batch of its own in every produce request and transaction.
    ...(isReal && { KAFKA_PARTITIONS: String(Math.min(6, coresHere)) }),
    ...scenario.settings,
  }
  const environment = {
    DATABASE_URL: database.url,
    JWT_SECRET: benchSecret,
    LOG_LEVEL: 'warn',
    ...(real
      ? { REDIS_URL: real.redis.url, KAFKA_BROKERS: real.broker.url }
      : { COMMAND_LOG: 'postgres', LIST_CACHE: 'postgres' }),
    HTTP_HOST: loopback,
    HTTP_PORT: '0',
    HTTP_ENGINE: scenario.engine,
    HTTP_PROCESSES: String(processes),
    HTTP_DRAIN_TIMEOUT_MS: '1000',
    ...settings,
  }
  const root = source === undefined ? repository : new URL(`file://${source}/`)
  const server = keep(await startServer(environment, root))
  const needsWorker = isReal || scenario.method === 'POST' || scenario.writesPerSecond > 0
  const worker = needsWorker ? keep(await startWorker(environment, root)) : undefined
  const nginx =
    scenario.nginx === 'none'
      ? undefined
      : keep(
          await startNginx({
            directory: join(directory, 'nginx'),
            upstreams: [`${loopback}:${server.port}`],
            mode: scenario.nginx === 'l7' ? 'http' : 'stream',
          }),
        )
  const add = (name: Tier, pid: number | undefined, coresMax: number) => {
    if (pid !== undefined) tiers.push([name, { pids: [pid], coresMax }])
  }
  add('nginx', nginx?.pid, coresHere)
  add('server', server.process.pid, processes)
  add('redis', real?.redis.pid, 1)
  add('broker', real?.broker.pid, coresHere)
  add('worker', worker?.process.pid, 1)
  add('database', database.pid, coresHere)
  const oracle = connectOracle(database.url)
  stops.push(() => oracle.close())
  return {
    origin: `http://${loopback}:${nginx?.port ?? server.port}`,
    topology: {
      engine: environment.HTTP_ENGINE === 'uws' ? 'uws' : 'node',
      processes,
      nginx: scenario.nginx,
      services: isReal ? 'real' : 'embedded',
      settings,
    },
    tiers: new Map(tiers),
    uncounted: null,
    token: createSigner({ key: benchSecret, expiresIn: tokenTtlMs })({ sub: 'bench' }),
    database: oracle,
    handled: (method) => handledBy(server.metricsPort, method),
    complaints: () => [server, worker].map((one) => one?.output() ?? '').join(''),
  }
}

/** Redis and Kafka, where the scenario wants them; with `auto`, where they are. */
const startReal = async (
  services: Scenario['services'],
  directory: string,
  keep: <T extends Service>(one: T) => T,
  say: (line: string) => void,
): Promise<{ readonly redis: Service; readonly broker: Service } | undefined> => {
  if (services === 'embedded') return undefined
  try {
    const redis = keep(await startRedis({ directory: join(directory, 'redis') }))
    const broker = keep(await startKafka({ directory: join(directory, 'kafka') }))
    if (services === 'auto') say('services: Redis, Kafka and Postgres of this machine')
    return { redis, broker }
  } catch (error) {
    if (services === 'real' || !(error instanceof ServiceMissing)) throw error
    say(`services: Postgres alone, for ${error.message}`)
    return undefined
  }
}

const handledBy = async (metricsPort: number, method: string): Promise<number | null> => {
  // A commit from before there were metrics.
  if (metricsPort === 0) return null
  const page = await scrape(metricsPort)
  const of = { http_request_method: method }
  return (
    page.total('http_server_ready_requests_total', of) +
    page.total('http_server_request_duration_seconds_count', of)
  )
}

/**
 * What runs at `origin` already. Its processes are those that own the port, if they are of this machine
 * and can be seen, and `named`, each with its children.
 */
export const attachTarget = async (
  origin: string,
  named: readonly number[] = [],
): Promise<Target> => {
  const owners = await portOwnersOf(origin)
  const pids = [...named, ...(owners.kind === 'here' ? owners.pids : [])]
  return {
    origin,
    topology: null,
    tiers: new Map(pids.length === 0 ? [] : [['server', { pids, coresMax: coresHere }]]),
    uncounted: owners.kind === 'unknown' && named.length === 0 ? owners.why : null,
    token: process.env['TOKEN'] ?? null,
    database: null,
    handled: () => Promise.resolve(null),
    complaints: () => '',
    stop: () => Promise.resolve(),
  }
}
