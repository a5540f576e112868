// What the drill destroys and brings back: services on free ports, a server, two workers, and the commands
// of an operator, run as an operator runs them.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { migrate } from '../../../lib/drivers/postgres/migrate.ts'
import { placesIn } from '../../../scripts/backup/places.ts'
import { migrationsDirectory } from '../../../scripts/paths.ts'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { ask, freePort } from '../../../scripts/stack/ports.ts'
import { startPostgres } from '../../../scripts/stack/postgres.ts'
import {
  forksOf,
  startServer,
  startWorker,
  type Running,
} from '../../../scripts/stack/processes.ts'
import { startRedis } from '../../../scripts/stack/redis.ts'
import { testSecret } from '../../settings.ts'
import type { LogPlace } from '../consistency/read-back.ts'
import { send } from '../consistency/system.ts'
import { archiveNow, commandsOf, deleteTodos, momentOf } from './operator.ts'

const topic = 'todos'
const workerCount = 2

export type Site = {
  readonly port: number
  place(): LogPlace
  backup(): Promise<void>
  /** By mistake. Resolves with the moment just before, by the database's clock. */
  deleteAllTodos(): Promise<string>
  /** kill -9 of all processes and of Postgres, and its files are gone. Resolves with how old the archive is. */
  loseEverything(): Promise<number>
  /** Empties Redis too, and starts Postgres. */
  restore(to: string): Promise<void>
  startProcesses(): Promise<void>
  stop(): Promise<void>
}

export const startSite = async (directory: string, say: (line: string) => void): Promise<Site> => {
  const backups = join(directory, 'backups')
  const postgresDirectory = join(directory, 'postgres')
  const [redis, kafka, postgresPort] = await Promise.all([
    startRedis({ directory: join(directory, 'redis') }),
    startKafka({ directory: join(directory, 'kafka') }),
    freePort(),
  ])
  const launchPostgres = () =>
    startPostgres({
      directory: postgresDirectory,
      port: postgresPort,
      archiveDirectory: placesIn(backups).wal,
    })
  let postgres = await launchPostgres()
  const { url } = postgres
  await migrate(url, migrationsDirectory)
  const port = await freePort()
  const environment = {
    DATABASE_URL: url,
    DATABASE_DIRECT_URL: '',
    DATABASE_REPLICA_URLS: '',
    COMMAND_LOG: 'kafka',
    LIST_CACHE: 'redis',
    REDIS_URL: redis.url,
    KAFKA_BROKERS: kafka.url,
    KAFKA_TODO_TOPIC: topic,
    KAFKA_PARTITIONS: '3',
    BACKUP_DIR: backups,
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: String(port),
    HTTP_PROCESSES: '2',
    JWT_SECRET: testSecret,
    LIMIT_USER_REQUESTS: '0',
    LOG_LEVEL: 'warn',
  }
  let processes: Running[] = []
  const startProcesses = async () => {
    const workers = Array.from({ length: workerCount }, () => startWorker(environment))
    processes = await Promise.all([...workers, startServer(environment)])
  }
  const run = commandsOf(environment, say)
  await startProcesses()

  return {
    port,
    place: () => {
      return { databaseUrl: url, todoUrls: [url], topic, brokers: kafka.url }
    },
    backup: () => run('backup'),
    async deleteAllTodos() {
      const moment = await momentOf(url)
      await delay(100) // workers commit something in between
      await deleteTodos(url)
      return moment
    },
    async loseEverything() {
      const archivedMs = await archiveNow(url)
      await delay(1_000) // what is written now is in no archive
      for (const one of processes) {
        for (const pid of forksOf(one)) send(pid, 'SIGKILL')
        one.process.kill('SIGKILL')
      }
      await Promise.all(processes.map((one) => one.exited))
      processes = []
      const unarchivedMs = performance.now() - archivedMs
      postgres.kill('SIGKILL')
      await postgres.exited
      await rm(postgresDirectory, { recursive: true })
      return unarchivedMs
    },
    async restore(to) {
      await run('restore', '--to', to, '--into', join(postgresDirectory, 'data'))
      await ask(redis.port, 'FLUSHDB\r\n')
      postgres = await launchPostgres()
    },
    startProcesses,
    async stop() {
      await Promise.all(processes.map((one) => one.stop()))
      for (const service of [postgres, kafka, redis]) await service.stop()
    },
  }
}
