// The whole system on real services or on the embedded stack, as processes that stay findable when
// they are killed and started again in their place.

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { migrate } from '../../lib/migrate.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { forksOf, startServer, startWorker, type Running } from '../../scripts/running.ts'
import { startKafka } from '../../scripts/services/kafka.ts'
import { becomesFree, freePort } from '../../scripts/services/ports.ts'
import { startPostgres } from '../../scripts/services/postgres.ts'
import { startRedis } from '../../scripts/services/redis.ts'
import type { Service } from '../../scripts/services/service.ts'
import { testSecret } from '../../scripts/testing.ts'
import {
  keepEmbeddedLog,
  readEmbeddedLog,
  readKafkaLog,
  readNextOffsets,
  readTables,
} from './read-back.ts'

export type Stack = 'real' | 'embedded'
export type ServiceName = 'postgres' | 'redis' | 'kafka'

export type System = {
  readonly port: number
  readonly workerCount: number
  /** The services that the system must survive the loss of. */
  readonly breakable: readonly ServiceName[]
  readonly worker: (n: number) => Running
  readonly service: (name: ServiceName) => Service
  /** Everything that was ever logged, and each partition's end. */
  readonly readLog: () => ReturnType<typeof readKafkaLog>
  readonly readTables: () => ReturnType<typeof readTables>
  readonly readNextOffsets: () => ReturnType<typeof readNextOffsets>
  killWorker(n: number): Promise<void>
  /** The server's processes but its first. */
  forks(): number[]
  killFork(pid: number): Promise<void>
  killServer(): Promise<void>
  killService(name: ServiceName): Promise<void>
  /** What nobody killed and ended all the same, with its last words. */
  endedByThemselves(): string[]
  /** How often a text is in what the server or the workers printed, the killed ones included. */
  countPrinted(text: string): number
  stop(): Promise<void>
}

const processCount = 2
const restartTimeoutMs = 60_000
const settleTimeoutMs = 15_000

export const startSystem = async (
  directory: string,
  topic: string,
  stack: Stack,
): Promise<System> => {
  const place = async (name: string) => ({
    directory: join(directory, name),
    port: await freePort(),
  })
  const places = {
    postgres: await place('pg'),
    redis: await place('redis'),
    kafka: await place('k'),
  }
  const starts = {
    postgres: () => startPostgres({ ...places.postgres, durable: false }),
    redis: () => startRedis(places.redis),
    kafka: () => startKafka(places.kafka),
  }
  const names: ServiceName[] = stack === 'real' ? ['postgres', 'redis', 'kafka'] : ['postgres']
  const services = new Map<ServiceName, Service>()
  for (const name of names) services.set(name, await starts[name]())
  const service = (name: ServiceName) => services.get(name) as Service
  const databaseUrl = service('postgres').url
  await migrate(databaseUrl, migrationsDirectory)
  if (stack === 'embedded') await keepEmbeddedLog(databaseUrl)
  const port = await freePort()
  const environment = {
    ...(stack === 'real'
      ? { REDIS_URL: service('redis').url, KAFKA_BROKERS: service('kafka').url }
      : { COMMAND_LOG: 'postgres', LIST_CACHE: 'postgres' }),
    ...{ DATABASE_URL: databaseUrl, KAFKA_TODO_TOPIC: topic, KAFKA_PARTITIONS: '3' },
    ...{ HTTP_HOST: '127.0.0.1', HTTP_PORT: String(port), HTTP_PROCESSES: String(processCount) },
    ...{ JWT_SECRET: testSecret, LOG_LEVEL: 'warn' },
  }

  const everyone: Running[] = []
  const killed = new Set<Running>()
  /** A server that finds its database away says so and ends: an operator would start it again. */
  const launch = async (start: (env: NodeJS.ProcessEnv) => Promise<Running>): Promise<Running> => {
    for (const deadline = performance.now() + restartTimeoutMs; ;) {
      try {
        const running = await start(environment)
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
  const left = { databaseUrl, topic, brokers: services.get('kafka')?.url ?? '' }
  let server = await launch(startServer)
  const workers = [await launch(startWorker), await launch(startWorker)]
  const forks = () => forksOf(server)

  return {
    ...{ port, workerCount: workers.length, service, forks },
    // The embedded stack is one Postgres: without it there is nothing to survive in.
    breakable: stack === 'real' ? names : [],
    readLog: () => (stack === 'real' ? readKafkaLog(left) : readEmbeddedLog(left)),
    readTables: () => readTables(left),
    readNextOffsets: () => readNextOffsets(left),
    worker: (n) => workers[n] as Running,
    async killWorker(n) {
      await kill(workers[n] as Running)
      workers[n] = await launch(startWorker)
    },
    async killFork(pid) {
      send(pid, 'SIGKILL')
      const deadline = performance.now() + settleTimeoutMs
      while (forks().includes(pid) || forks().length < processCount) {
        if (performance.now() > deadline) throw new Error(`fork ${pid} was not replaced`)
        await delay(20)
      }
    },
    async killServer() {
      const orphans = forks()
      await kill(server)
      for (const pid of orphans) send(pid, 'SIGKILL')
      // A fork that was being started just now leaves by itself.
      await becomesFree(port, settleTimeoutMs)
      server = await launch(startServer)
    },
    async killService(name) {
      service(name).kill('SIGKILL')
      await service(name).exited
      services.set(name, await starts[name]())
    },
    endedByThemselves: () =>
      everyone
        .filter(
          (one) => !killed.has(one) && (one.process.exitCode ?? one.process.signalCode) !== null,
        )
        .map((one) => one.output().slice(-2_000)),
    countPrinted: (text) =>
      everyone.reduce((sum, one) => sum + one.output().split(text).length - 1, 0),
    async stop() {
      for (const one of [server, ...workers]) killed.add(one)
      await Promise.all([server, ...workers].map((one) => one.stop()))
      for (const one of services.values()) await one.stop()
    },
  }
}

export const send = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // gone already
  }
}
