// The whole system on real services, each part of which can be killed, frozen and started again in
// its place, in an order that a seed decides.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { migrate } from '../../lib/migrate.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { startServer, startWorker, type Running } from '../../scripts/running.ts'
import { startKafka } from '../../scripts/services/kafka.ts'
import { freePort } from '../../scripts/services/ports.ts'
import { startPostgres } from '../../scripts/services/postgres.ts'
import { startRedis } from '../../scripts/services/redis.ts'
import type { Service } from '../../scripts/services/service.ts'
import { testSecret, type seeded } from '../../scripts/testing.ts'

export type System = {
  readonly port: number
  readonly databaseUrl: string
  readonly brokers: string
  /** One random fault, from its beginning to its end; says what it was. */
  fault(random: ReturnType<typeof seeded>): Promise<string>
  stop(): Promise<void>
}

const workerCount = 2

export const startSystem = async (directory: string, topic: string): Promise<System> => {
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
  type Name = keyof typeof starts
  const services: Record<Name, Service> = {
    postgres: await starts.postgres(),
    redis: await starts.redis(),
    kafka: await starts.kafka(),
  }
  await migrate(services.postgres.url, migrationsDirectory)
  const environment = {
    ...{ DATABASE_URL: services.postgres.url, REDIS_URL: services.redis.url },
    ...{ KAFKA_BROKERS: services.kafka.url, KAFKA_TODO_TOPIC: topic, KAFKA_PARTITIONS: '3' },
    ...{ HTTP_HOST: '127.0.0.1', HTTP_PORT: String(await freePort()), HTTP_PROCESSES: '2' },
    ...{ JWT_SECRET: testSecret, LOG_LEVEL: 'error' },
  }
  const server = await startServer(environment)
  const workers: Running[] = []
  for (let n = 0; n < workerCount; n++) workers.push(await startWorker(environment))

  const faults: readonly ((random: ReturnType<typeof seeded>) => Promise<string>)[] = [
    async (random) => {
      const n = random.below(workerCount)
      workers[n]?.process.kill('SIGKILL')
      await workers[n]?.exited
      workers[n] = await startWorker(environment)
      return `worker ${n} killed`
    },
    async (random) => {
      const n = random.below(workerCount)
      const ms = random.below(3) === 0 ? 12_000 : 500 + random.below(2_000)
      workers[n]?.process.kill('SIGSTOP') // past its session it comes back as a zombie
      await delay(ms)
      workers[n]?.process.kill('SIGCONT')
      return `worker ${n} frozen for ${ms} ms`
    },
    async (random) => {
      const forks = childrenOf(server.process.pid ?? 0)
      const one = forks[random.below(forks.length)]
      if (one !== undefined) process.kill(one, 'SIGKILL')
      await delay(500)
      return 'a server process killed'
    },
    ...(['postgres', 'redis', 'kafka'] as const).flatMap((name: Name) => [
      async () => {
        services[name].kill('SIGKILL')
        await services[name].exited
        services[name] = await starts[name]()
        return `${name} killed`
      },
      async (random: ReturnType<typeof seeded>) => {
        const ms = 200 + random.below(3_000)
        services[name].kill('SIGSTOP')
        await delay(ms)
        services[name].kill('SIGCONT')
        return `${name} frozen for ${ms} ms`
      },
    ]),
  ]

  return {
    port: server.port,
    databaseUrl: services.postgres.url,
    brokers: services.kafka.url,
    fault: (random) => (faults[random.below(faults.length)] as (typeof faults)[number])(random),
    async stop() {
      await Promise.all([server, ...workers].map((one) => one.stop()))
      for (const service of Object.values(services)) await service.stop()
    },
  }
}

const childrenOf = (pid: number): number[] =>
  execFileSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child = 0]) => child)
