// What tests run against: real services, a database or a topic of their own in each, gone afterwards.
// `npm test` starts the shared ones once and says where they are; a single test file started alone
// starts what it needs itself.

import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import postgres from 'postgres'
import type { Test } from 'tap'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { migrationsDirectory } from '../scripts/paths.ts'
import { startKafka } from '../scripts/stack/kafka.ts'
import { startPostgres } from '../scripts/stack/postgres.ts'
import { startRedis } from '../scripts/stack/redis.ts'
import { ServiceMissing, type Service } from '../scripts/stack/service.ts'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'

/** Where `npm test` says what it has started. */
export const sharedVariables = {
  postgres: 'TEST_DATABASE_URL',
  /** The name of a database that is migrated, and that nobody uses: a copy takes a third of the CPU. */
  template: 'TEST_DATABASE_TEMPLATE',
  kafka: 'TEST_KAFKA_BROKERS',
} as const

/** A directory of the test's own. */
export const testDirectory = async (t: Test): Promise<string> => {
  const directory = await makeTemporaryDirectory()
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** The URL of a new, migrated database. */
export const testDatabase = async (t: Test): Promise<string> => {
  const server = process.env[sharedVariables.postgres] ?? (await ownPostgres(t)).url
  const template = process.env[sharedVariables.template]
  const name = `test_${randomBytes(6).toString('hex')}`
  const sql = postgres(server, { max: 1, onnotice: () => {} })
  // Without fsync, copied files take half of the CPU of a copy that goes through the WAL, there and when dropped.
  await sql.unsafe(`CREATE DATABASE ${name} TEMPLATE ${template ?? 'template1'} STRATEGY file_copy`)
  t.teardown(async () => {
    await sql.unsafe(`DROP DATABASE ${name} WITH (FORCE)`)
    await sql.end()
  })
  const url = databaseUrl(server, name)
  if (template === undefined) await migrate(url, migrationsDirectory)
  else await giveBirth(url)
  return url
}

/** As it is now: nobody may be connected to it. */
export const copiedDatabase = async (t: Test, url: string): Promise<string> => {
  const copy = databaseUrl(url, `test_${randomBytes(6).toString('hex')}`)
  const nameIn = (of: string) => new URL(of).pathname.slice(1)
  const sql = postgres(databaseUrl(url, 'postgres'), { max: 1, onnotice: () => {} })
  await sql.unsafe(`CREATE DATABASE ${nameIn(copy)} TEMPLATE ${nameIn(url)} STRATEGY file_copy`)
  t.teardown(async () => {
    await sql.unsafe(`DROP DATABASE ${nameIn(copy)} WITH (FORCE)`)
    await sql.end()
  })
  return copy
}

export const databaseUrl = (server: string, name: string): string => {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

/** As its first migration does: a copy would be as old as the others, and share their lists' version. */
const giveBirth = async (url: string): Promise<void> => {
  const sql = postgres(url, { max: 1, fetch_types: false })
  await sql`
    UPDATE command_offsets SET batches = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    WHERE log = '(born)'`
  await sql.end()
}

/** A Postgres of the test's own, to be killed, frozen and restarted. */
export const ownPostgres = async (t: Test): Promise<Service> => {
  const service = await startPostgres({ directory: await testDirectory(t), durable: false })
  t.teardown(() => service.stop())
  return service
}

/** A Redis of the test's own: it starts in 50 ms. Undefined, and the test skipped, without one. */
export const ownRedis = (t: Test): Promise<Service | undefined> =>
  orSkip(t, async () => {
    const service = await startRedis({ directory: await testDirectory(t) })
    t.teardown(() => service.stop())
    return service
  })

/** Brokers to use with a topic of the test's own. Undefined, and the test skipped, without Kafka. */
export const testKafka = (t: Test): Promise<string | undefined> =>
  orSkip(t, async () => process.env[sharedVariables.kafka] ?? (await startOwnKafka(t)).url)

/**
 * What a server and a worker keep their commands and lists in, as settings. Undefined, and the test
 * skipped, without the real services.
 */
export const testStacks: Record<string, (t: Test) => Promise<Record<string, string> | undefined>> =
  {
    embedded: () => Promise.resolve({ COMMAND_LOG: 'postgres', LIST_CACHE: 'postgres' }),
    async real(t) {
      const [redis, brokers] = [await ownRedis(t), await testKafka(t)]
      if (!redis || !brokers) return undefined
      // Nobody is there, and no test that takes this stack asks for a mail: without it the server warns.
      const mail = { SMTP_URL: 'smtp://127.0.0.1:9', MAIL_FROM: 'todos@example.com' }
      return { REDIS_URL: redis.url, KAFKA_BROKERS: brokers, ...mail }
    },
  }

/** A broker of the test's own, to be killed and restarted. */
export const ownKafka = (t: Test): Promise<Service | undefined> => orSkip(t, () => startOwnKafka(t))

const startOwnKafka = async (t: Test): Promise<Service> => {
  const service = await startKafka({ directory: await testDirectory(t) })
  t.teardown(() => service.stop())
  return service
}

export const testTopic = (): string => `test-${randomBytes(6).toString('hex')}`

/** What `start` makes; undefined, and the test skipped, when its program is not on this machine. */
export const orSkip = async <T>(t: Test, start: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await start()
  } catch (error) {
    // In CI nothing may be skipped for want of a service.
    if (!(error instanceof ServiceMissing) || process.env.CI) throw error
    t.plan(0, error.message)
    return undefined
  }
}
