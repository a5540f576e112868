// What tests run against: real services, a database or a topic of their own in each, gone afterwards.
// `npm test` starts the shared ones once and says where they are; a single test file started alone
// starts what it needs itself.

import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import type { Test } from 'tap'
import { readConfig, type Config } from '../lib/config.ts'
import { createLog, type Log } from '../lib/log.ts'
import { migrate } from '../lib/migrate.ts'
import { migrationsDirectory } from './paths.ts'
import { randomFrom } from './random.ts'
import { startKafka } from './services/kafka.ts'
import { startPostgres } from './services/postgres.ts'
import { startRedis } from './services/redis.ts'
import { ServiceMissing, type Service } from './services/service.ts'

/** Where `npm test` says what it has started. */
export const sharedVariables = {
  postgres: 'TEST_DATABASE_URL',
  kafka: 'TEST_KAFKA_BROKERS',
} as const

export const quiet: Log = createLog('test', 'silent')
export const testSecret = 'a secret that only tests know, 32+ bytes'

/** A directory of the test's own. */
export const testDirectory = async (t: Test): Promise<string> => {
  const directory = await makeTemporaryDirectory()
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Open to the user that Postgres runs as when we are root; mkdtemp's own mode is not. */
export const makeTemporaryDirectory = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'todos-test-'))
  await chmod(directory, 0o755)
  return directory
}

/** The URL of a new, migrated database. */
export const testDatabase = async (t: Test): Promise<string> => {
  const server = process.env[sharedVariables.postgres] ?? (await ownPostgres(t)).url
  const name = `test_${randomBytes(6).toString('hex')}`
  const sql = postgres(server, { max: 1, onnotice: () => {} })
  await sql.unsafe(`CREATE DATABASE ${name}`)
  t.teardown(async () => {
    await sql.unsafe(`DROP DATABASE ${name} WITH (FORCE)`)
    await sql.end()
  })
  const url = new URL(server)
  url.pathname = `/${name}`
  await migrate(url.href, migrationsDirectory)
  return url.href
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
      return redis && brokers ? { REDIS_URL: redis.url, KAFKA_BROKERS: brokers } : undefined
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

/**
 * Settings for what is not tested on being late: a loaded machine takes seconds for what is usually
 * done in milliseconds, and a write that is refused for that is not a finding.
 */
export const patience = {
  PUBLISH_WAIT_MAX_MS: '30000',
  PUBLISH_TIMEOUT_MS: '30000',
  LIST_REFRESH_TIMEOUT_MS: '30000',
} as const

/** Settings as a server would have them, for parts that take the whole table. */
export const testConfig = (settings: Readonly<Record<string, string>>): Config =>
  readConfig(
    {
      ...{ JWT_SECRET: testSecret, LOG_LEVEL: 'silent', LIMIT_WRITE_BURST: '0' },
      LIMIT_READ_BURST: '0',
      ...{ ...patience, ...settings },
    },
    'server',
  )

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

/** For what takes starts, joins and restarts: on two busy cores, 40 s were too few for a worker. */
export const startTimeoutMs = 120_000

/**
 * Asks until `isSo` holds; for what can't be awaited. Fails with what was seen last, after a time that
 * no loaded machine needs for one step, and in which no cached list runs out (300 s).
 */
export const eventually = async <T>(
  look: () => Promise<T> | T,
  isSo: (seen: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (isSo(seen)) return seen
    if (performance.now() > deadline) {
      throw new Error(`not so within ${timeoutMs} ms; last seen: ${JSON.stringify(seen)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Random numbers from a seed: tests print it, and take it from SEED. */
export const seeded = (
  t: Test,
): { readonly seed: number; next(): number; below(max: number): number } => {
  const seed = Number(process.env['SEED'] ?? randomBytes(4).readUInt32LE())
  t.comment(`SEED=${seed}`)
  const next = randomFrom(seed)
  return { seed, next, below: (max) => Math.floor(next() * max) }
}
