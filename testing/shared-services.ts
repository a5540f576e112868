// The services that all files of a test run share. Of the others it is only seen whether a test could
// start them, so that in CI a missing one ends the run at once.

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import postgres from 'postgres'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { migrationsDirectory } from '../scripts/paths.ts'
import { quickToStart } from '../scripts/stack/kafka-node.ts'
import { startKafka } from '../scripts/stack/kafka.ts'
import { startNginx } from '../scripts/stack/nginx.ts'
import { startPostgres } from '../scripts/stack/postgres.ts'
import { startRedis } from '../scripts/stack/redis.ts'
import { ServiceMissing, type Service } from '../scripts/stack/service.ts'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'
import { databaseUrl, sharedVariables } from './services.ts'

export type SharedServices = {
  /** Where they are, for a test's environment. */
  readonly env: NodeJS.ProcessEnv
  stop(): Promise<void>
}

/** Six files at once may each run four servers and two workers, of some eighty connections in all. */
const connectionsMax = 600

export const startSharedServices = async (): Promise<SharedServices> => {
  const directory = await makeTemporaryDirectory()
  const running: Service[] = []
  const missing: string[] = []
  const start = async (launch: () => Promise<Service>): Promise<Service | undefined> => {
    try {
      const service = await launch()
      running.push(service)
      return service
    } catch (error) {
      if (!(error instanceof ServiceMissing)) throw error
      missing.push(error.message)
      return undefined
    }
  }
  const at = (name: string) => ({ directory: join(directory, name) })
  const classes = join(directory, 'kafka.jsa')
  const stop = async () => {
    await Promise.all(running.map((service) => service.stop()))
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const [database, kafka] = await Promise.all([
      start(() =>
        startPostgres({ ...at('postgres'), durable: false, maxConnections: connectionsMax }),
      ),
      start(() => startKafkaOnItsClasses(at('kafka').directory, classes)),
      start(() => startRedis(at('redis'))),
      start(() => startNginx({ ...at('nginx'), mode: 'stream', upstreams: ['127.0.0.1:9'] })),
    ])
    if (missing.length > 0 && process.env['CI']) {
      throw new Error(`CI must skip nothing:\n${missing.join('\n')}`)
    }
    return {
      env: {
        JAVA_TOOL_OPTIONS: [...quickToStart, ...archived(classes)].join(' '),
        ...(database && {
          [sharedVariables.postgres]: database.url,
          [sharedVariables.template]: await makeTemplate(database.url),
        }),
        ...(kafka && { [sharedVariables.kafka]: kafka.url }),
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * Started, stopped and started again: when it ends, Java writes down the classes as it has them. With them, a
 * broker of a test's own takes 1.4 s of CPU to start in place of 2.3.
 */
const startKafkaOnItsClasses = async (directory: string, classes: string): Promise<Service> => {
  const first = await startKafka({
    directory,
    java: [...quickToStart, `-XX:ArchiveClassesAtExit=${classes}`],
  })
  await first.stop()
  return startKafka({ directory, java: archived(classes) })
}

/** Not every Java writes them; one that is told to read what is not there reads not even its own. */
const archived = (classes: string): readonly string[] =>
  existsSync(classes) ? [`-XX:SharedArchiveFile=${classes}`] : []

const makeTemplate = async (server: string): Promise<string> => {
  const name = 'migrated'
  const sql = postgres(server, { max: 1 })
  await sql.unsafe(`CREATE DATABASE ${name}`)
  await sql.end()
  await migrate(databaseUrl(server, name), migrationsDirectory)
  return name
}
