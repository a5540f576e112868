// What a write passes through, started as it is deployed: Postgres with fsync, Redis, a Kafka broker,
// the server and one worker, all on this machine.

import { join } from 'node:path'
import { migrate } from '../../lib/migrate.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { startServer, startWorker } from '../../scripts/running.ts'
import { startKafka } from '../../scripts/services/kafka.ts'
import { startPostgres } from '../../scripts/services/postgres.ts'
import { startRedis } from '../../scripts/services/redis.ts'

/** What CPU time is told apart by. */
export type Tier = 'server' | 'broker' | 'worker' | 'database' | 'redis'

export type Topology = {
  readonly port: number
  readonly databaseUrl: string
  /** The root of each tier's processes. */
  readonly pids: ReadonlyMap<Tier, number>
  stop(): Promise<void>
}

export const startTopology = async (
  directory: string,
  settings: Readonly<Record<string, string>>,
): Promise<Topology> => {
  const stops: (() => Promise<void>)[] = []
  const pids = new Map<Tier, number>()
  let stopping = false
  const stop = async () => {
    stopping = true
    for (const one of stops.toReversed()) await one()
  }
  try {
    const database = await startPostgres({ directory: join(directory, 'postgres') })
    stops.push(() => database.stop())
    const redis = await startRedis({ directory: join(directory, 'redis') })
    stops.push(() => redis.stop())
    const broker = await startKafka({ directory: join(directory, 'kafka') })
    stops.push(() => broker.stop())
    await migrate(database.url, migrationsDirectory)
    const environment = {
      ...{ DATABASE_URL: database.url, REDIS_URL: redis.url, KAFKA_BROKERS: broker.url },
      ...{ HTTP_HOST: '127.0.0.1', HTTP_PORT: '0', LOG_LEVEL: 'warn', ...settings },
    }
    const server = await startServer(environment)
    stops.push(() => server.stop())
    const worker = await startWorker(environment)
    stops.push(() => worker.stop())
    for (const [name, one] of Object.entries({ server, worker })) {
      void one.exited.then((how) => {
        if (!stopping) console.error(`the ${name} has ended (${how}): ${one.output()}`)
      })
    }
    for (const [tier, pid] of [
      ['server', server.process.pid],
      ['broker', broker.pid],
      ['worker', worker.process.pid],
      ['database', database.pid],
      ['redis', redis.pid],
    ] as const) {
      pids.set(tier, pid ?? 0)
    }
    return { port: server.port, databaseUrl: database.url, pids, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
