// What the drill of shards destroys and brings back: three databases, each with an archive, and the processes
// that go on while one of them is lost.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { migrate } from '../../../lib/drivers/postgres/migrate.ts'
import { placesIn } from '../../../scripts/backup/places.ts'
import { migrationsDirectory } from '../../../scripts/paths.ts'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { ask, freePort } from '../../../scripts/stack/ports.ts'
import { startPostgres } from '../../../scripts/stack/postgres.ts'
import { startServer, startWorker, type Running } from '../../../scripts/stack/processes.ts'
import { startRedis } from '../../../scripts/stack/redis.ts'
import type { Service } from '../../../scripts/stack/service.ts'
import { testSecret } from '../../settings.ts'
import type { LogPlace } from '../consistency/read-back.ts'
import { shardNames, type ShardName } from '../consistency/services.ts'
import { archiveNow, commandsOf, type RunCommand } from './operator.ts'

const topic = 'todos'
/** In turns: each shard is the home of two. */
export const partitions = 4
const workerCount = 2

export type ShardSite = {
  readonly port: number
  readonly run: RunCommand
  place(): LogPlace
  urlOf(shard: ShardName): string
  /** kill -9, and its files are gone. Resolves with how old the archive is then. */
  loseDisk(shard: ShardName): Promise<number>
  /** As an operator who has seen an accident: in order, and its files are moved away. */
  stopShard(shard: ShardName): Promise<void>
  /** Into the place of the lost one, and starts it. Resolves before it has joined. */
  restore(shard: ShardName, to: string): Promise<void>
  /** Empties Redis too. */
  join(): Promise<void>
  /** What processes printed that nobody stopped. */
  endedByThemselves(): string[]
  stop(): Promise<void>
}

export const startShardSite = async (
  directory: string,
  say: (line: string) => void,
): Promise<ShardSite> => {
  const backups = join(directory, 'backups')
  const [redis, kafka] = await Promise.all([
    startRedis({ directory: join(directory, 'redis') }),
    startKafka({ directory: join(directory, 'kafka') }),
  ])
  const filesOf = (name: string) => join(directory, name)
  const launch = (name: string, port: number, shard?: string) =>
    startPostgres({
      directory: filesOf(name),
      port,
      archiveDirectory: placesIn(backups, shard).wal,
    })
  const main = await launch('main', await freePort())
  const shards = new Map<ShardName, Service>()
  for (const name of shardNames) shards.set(name, await launch(name, await freePort(), name))
  const service = (name: ShardName) => shards.get(name) as Service
  const todoUrls = shardNames.map((name) => service(name).url)
  for (const url of [main.url, ...todoUrls]) await migrate(url, migrationsDirectory)
  const port = await freePort()
  const environment = {
    DATABASE_URL: main.url,
    DATABASE_DIRECT_URL: '',
    DATABASE_REPLICA_URLS: '',
    DATABASE_SHARDS: shardNames.map((name) => `${name}=${service(name).url}`).join(),
    COMMAND_LOG: 'kafka',
    LIST_CACHE: 'redis',
    REDIS_URL: redis.url,
    KAFKA_BROKERS: kafka.url,
    KAFKA_TODO_TOPIC: topic,
    KAFKA_PARTITIONS: String(partitions),
    BACKUP_DIR: backups,
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: String(port),
    HTTP_PROCESSES: '2',
    JWT_SECRET: testSecret,
    LIMIT_USER_REQUESTS: '0',
    LOG_LEVEL: 'warn',
  }
  const run = commandsOf(environment, say)
  await run('shards', 'init')
  const processes: Running[] = await Promise.all([
    ...Array.from({ length: workerCount }, () => startWorker(environment)),
    startServer(environment),
  ])

  return {
    port,
    run,
    place: () => {
      return { databaseUrl: main.url, todoUrls, topic, brokers: kafka.url }
    },
    urlOf: (shard) => service(shard).url,
    async loseDisk(shard) {
      const lost = service(shard)
      const archivedMs = await archiveNow(lost.url)
      await delay(1_000) // what is written now is in no archive
      const unarchivedMs = performance.now() - archivedMs
      lost.kill('SIGKILL')
      await lost.exited
      await rm(filesOf(shard), { recursive: true })
      return unarchivedMs
    },
    async stopShard(shard) {
      await service(shard).stop()
      await rm(filesOf(shard), { recursive: true })
    },
    async restore(shard, to) {
      const lost = service(shard)
      await run('restore', '--only', shard, '--to', to, '--into', join(filesOf(shard), 'data'))
      shards.set(shard, await launch(shard, lost.port, shard))
    },
    async join() {
      await run('restore', '--join')
      await ask(redis.port, 'FLUSHDB\r\n')
    },
    endedByThemselves: () =>
      processes
        .filter(({ process: { exitCode, signalCode } }) => (exitCode ?? signalCode) !== null)
        .map((one) => one.output().slice(-2_000)),
    async stop() {
      await Promise.all(processes.map((one) => one.stop()))
      for (const one of [...shards.values(), main, kafka, redis]) await one.stop()
    },
  }
}
