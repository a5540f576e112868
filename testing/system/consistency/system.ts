// The whole system on real services or on the embedded stack. Its processes stay findable when they are
// killed and others are started in their place.

import { setTimeout as delay } from 'node:timers/promises'
import { migrate } from '../../../lib/drivers/postgres/migrate.ts'
import type { RestartableService } from '../../restartable.ts'
import { migrationsDirectory } from '../../../scripts/paths.ts'
import {
  forksOf,
  startServer,
  startWorker,
  type Running,
} from '../../../scripts/stack/processes.ts'
import { kafkaClusterSettings } from '../../../scripts/stack/kafka-cluster.ts'
import { shards as shardsCommand } from '../../../scripts/shards.ts'
import { readConfig } from '../../../lib/runtime/config/config.ts'
import { becomesFree, freePort } from '../../../scripts/stack/ports.ts'
import { testSecret } from '../../settings.ts'
import { keepEmbeddedLog, type LogPlace } from './read-back.ts'
import { startHaStores, type HaStores } from './ha-stores.ts'
import {
  brokersOf,
  joiningShard,
  shardNames,
  startServices,
  stopServices,
  type ServiceName,
  type Services,
  type Stack,
} from './services.ts'

export type Engine = 'node' | 'uws'

/** Its URL for the system, and the one to look into it: of the primary, whichever that is now. */
export type Database = Pick<RestartableService, 'url' | 'directUrl'>

export type System = {
  readonly stack: Stack
  readonly port: number
  readonly workerCount: number
  /** The services that the system must survive the loss of. */
  readonly services: Services
  /** Of the stack `ha`. */
  readonly haStores: HaStores | undefined
  readonly worker: (n: number) => Running
  /** Whether `joiningShard` is in the map: set by who has it join or leave. */
  hasJoined: boolean
  /** Where the log and the tables are, past the gates. */
  readonly place: () => LogPlace
  /** The settings of the server and the workers. */
  readonly environment: Readonly<Record<string, string>>
  killWorker(n: number): Promise<void>
  /** Killed, and missing until it is given back. */
  takeWorker(n: number): Promise<void>
  giveWorker(n: number): Promise<void>
  /** The server's processes but its first. */
  forks(): number[]
  killFork(pid: number): Promise<void>
  killServer(): Promise<void>
  /** Stopped in order, and started with other settings. */
  restartServer(changes: Readonly<Record<string, string>>): Promise<void>
  /** What nobody killed and ended all the same, with its last words. */
  endedByThemselves(): string[]
  /** How often a text is in what the server or the workers printed, the killed ones included. */
  countPrinted(text: string): number
  /** The server and the workers only; `startAll` starts others in their place. */
  stopAll(): Promise<void>
  startAll(): Promise<void>
  stop(): Promise<void>
}

/** Of the log. */
export const partitions = 3

const makeMap = async (settings: Readonly<Record<string, string>>): Promise<void> => {
  const printed: string[] = []
  const add = (line: string) => void printed.push(line)
  const read = () => readConfig(settings, 'script')
  const args = ['init', '--partitions', String(partitions)]
  if ((await shardsCommand(args, read, { out: add, err: add })) !== 0)
    throw new Error(printed.join('\n'))
}

const processCount = 2
const workerCount = 2
const restartTimeoutMs = 60_000
const settleTimeoutMs = 15_000

export const startSystem = async (options: {
  readonly directory: string
  readonly topic: string
  readonly stack: Stack
  readonly engine: Engine
  /** In place of a Postgres that is hurt as the other services are. */
  readonly database?: Database
}): Promise<System> => {
  const { topic, stack } = options
  const except = options.database ? (['postgres'] as const) : []
  const services = await startServices(stack, options.directory, except)
  const haStores =
    stack === 'ha'
      ? await startHaStores(options.directory).catch(async (error: unknown) => {
          await stopServices(services)
          throw error
        })
      : undefined
  const service = (name: ServiceName) => services.get(name) as RestartableService
  const database =
    options.database ??
    (haStores && {
      url: haStores.postgres.patroni.url,
      directUrl: () => haStores.primary().url,
    }) ??
    service('postgres')
  const shards = stack === 'shards' ? shardNames.map((name) => service(name)) : []
  const joining = stack === 'shards' ? [service(joiningShard)] : []
  const membership = { hasJoined: false }
  const withTodos = () => [...shards, ...(membership.hasJoined ? joining : [])]
  const place = (): LogPlace => ({
    databaseUrl: database.directUrl(),
    todoUrls: (shards.length > 0 ? withTodos() : [database]).map((one) => one.directUrl()),
    topic,
    brokers: brokersOf(services, (one) => one.directUrl()),
  })
  const { databaseUrl, todoUrls } = place()
  const joiningUrls = joining.map((one) => one.directUrl())
  for (const url of new Set([databaseUrl, ...todoUrls, ...joiningUrls]))
    await migrate(url, migrationsDirectory)
  if (stack === 'embedded') await keepEmbeddedLog(place().databaseUrl)
  const port = await freePort()
  const brokers = brokersOf(services, (one) => one.url)
  const stores: Record<string, string> =
    stack === 'embedded'
      ? { COMMAND_LOG: 'postgres', LIST_CACHE: 'postgres' }
      : {
          REDIS_URL: haStores?.redis.url ?? service('redis').url,
          ...(stack === 'kafka-cluster' || stack === 'ha'
            ? kafkaClusterSettings(brokers)
            : { KAFKA_BROKERS: brokers }),
        }
  const replica = services.get('postgres-replica')
  const databases: Record<string, string> = {
    DATABASE_URL: database.url,
    // Less than it falls behind at times: it is to be left out then.
    ...(replica && { DATABASE_REPLICA_URLS: replica.url, DATABASE_REPLICA_LAG_MAX_MS: '1000' }),
    ...(shards.length > 0 && {
      DATABASE_SHARDS: shardNames.map((name, i) => `${name}=${shards[i]?.url}`).join(),
    }),
  }
  if (shards.length > 0) await makeMap(databases)
  for (const one of joining)
    databases['DATABASE_SHARDS'] = `${databases['DATABASE_SHARDS']},${joiningShard}=${one.url}`
  const environment = {
    ...stores,
    ...databases,
    KAFKA_TODO_TOPIC: topic,
    KAFKA_PARTITIONS: String(partitions),
    HTTP_ENGINE: options.engine,
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: String(port),
    HTTP_PROCESSES: String(processCount),
    JWT_SECRET: testSecret,
    LIMIT_USER_REQUESTS: '0',
    LOG_LEVEL: 'warn',
  }

  const everyone: Running[] = []
  const killed = new Set<Running>()
  const killedForks = new Set<number>()
  /** A server that finds its database unavailable logs it and exits: an operator would start it again. */
  const launch = async (
    start: (env: NodeJS.ProcessEnv) => Promise<Running>,
    changes: Readonly<Record<string, string>> = {},
  ): Promise<Running> => {
    for (const deadline = performance.now() + restartTimeoutMs; ;) {
      try {
        const running = await start({ ...environment, ...changes })
        everyone.push(running)
        return running
      } catch (error) {
        if (performance.now() > deadline) throw error
        await delay(200)
      }
    }
  }
  const kill = async (running: Running) => {
    killed.add(running)
    running.process.kill('SIGKILL')
    await running.exited
  }
  const killForks = (pids: readonly number[]) => {
    for (const pid of pids) {
      killedForks.add(pid)
      send(pid, 'SIGKILL')
    }
  }
  let server = await launch(startServer)
  const workers: Running[] = []
  const startWorkers = async () => {
    while (workers.length < workerCount) workers.push(await launch(startWorker))
  }
  await startWorkers()
  const forks = () => forksOf(server)
  const takeWorker = (n: number) => kill(workers[n] as Running)
  const giveWorker = async (n: number) => void (workers[n] = await launch(startWorker))
  const stopAll = async () => {
    for (const one of [server, ...workers]) killed.add(one)
    await Promise.all([server, ...workers.splice(0)].map((one) => one.stop()))
  }

  return {
    stack,
    port,
    workerCount,
    services,
    haStores,
    get hasJoined() {
      return membership.hasJoined
    },
    set hasJoined(now) {
      membership.hasJoined = now
    },
    place,
    environment,
    forks,
    worker: (n) => workers[n] as Running,
    async killWorker(n) {
      await takeWorker(n)
      await giveWorker(n)
    },
    takeWorker,
    giveWorker,
    async killFork(pid) {
      killForks([pid])
      const deadline = performance.now() + settleTimeoutMs
      while (forks().includes(pid) || forks().length < processCount) {
        if (performance.now() > deadline) throw new Error(`fork ${pid} was not replaced`)
        await delay(20)
      }
    },
    async killServer() {
      const orphans = forks()
      await kill(server)
      killForks(orphans)
      // A fork that was being started just now leaves by itself.
      await becomesFree(port, settleTimeoutMs)
      server = await launch(startServer)
    },
    async restartServer(changes) {
      killed.add(server)
      await server.stop()
      server = await launch(startServer, changes)
    },
    endedByThemselves: () => [
      ...everyone
        .filter(
          (one) => !killed.has(one) && (one.process.exitCode ?? one.process.signalCode) !== null,
        )
        .map((one) => one.output().slice(-2_000)),
      ...everyone.flatMap((one) => deathsIn(one.output(), killedForks)),
    ],
    countPrinted: (text) =>
      everyone.reduce((sum, one) => sum + one.output().split(text).length - 1, 0),
    stopAll,
    async startAll() {
      server = await launch(startServer)
      await startWorkers()
    },
    async stop() {
      await stopAll()
      await stopServices(services)
      await haStores?.stop()
    },
  }
}

/** The server's processes that its first one replaced, but those that we killed. */
const deathsIn = (output: string, killed: ReadonlySet<number>): string[] =>
  output
    .split('\n')
    .filter((line) => /"msg":"a server process died/.test(line))
    .filter((line) => !killed.has(Number(/"fork":(\d+)/.exec(line)?.[1])))

export const send = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // gone already
  }
}
