// Redis, Postgres and Kafka are made unavailable to a running server and worker, one by one, silenced
// or made useless, and given back. It checks what still works and what is reported, and that all
// recovers without a restart.

import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { migrate } from '../../lib/drivers/postgres/migrate.ts'
import { restartable } from '../restartable.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import {
  endOpenSessionsReadOnly,
  flapPostgres,
  makeOpenSessionsReadOnly,
  makePostgresReadOnly,
  makePostgresWritable,
} from '../hurt-postgres.ts'
import { failOverRedis, redisRefusals } from '../hurt-redis.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { startKafka } from '../../scripts/stack/kafka.ts'
import { startPostgres } from '../../scripts/stack/postgres.ts'
import { startRedis } from '../../scripts/stack/redis.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { orSkip } from '../services.ts'
import { seeded } from '../seeded.ts'
import { testSecret } from '../settings.ts'
import { askingOf } from './outage-clients.ts'

/** Of each client. Without a pause they would take both cores from what they watch. */
const readEveryMs = 50

t.test('a server whose dependencies come and go', async (t) => {
  const services = await orSkip(t, async () => ({
    redis: await restartable(t, startRedis),
    kafka: await restartable(t, startKafka),
    postgres: await restartable(t, (options) => startPostgres({ ...options, durable: false })),
  }))
  if (!services) return
  const { redis, kafka, postgres } = services
  await migrate(postgres.directUrl(), migrationsDirectory)
  const environment = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    KAFKA_BROKERS: kafka.url,
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PROCESSES: '2',
    JWT_SECRET: testSecret,
    // A loaded machine is not an unavailable Kafka.
    LOG_LEVEL: 'error',
    PUBLISH_TIMEOUT_MS: '5000',
    PUBLISH_WAIT_MAX_MS: '5000',
  }
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  const { post, read, ready, timesInARow, isReady, isDegraded, writeIsSeen } = askingOf(server.port)

  await isReady()
  await writeIsSeen()

  for (const [what, breakIt, mend] of [
    ['killed', redis.takeAway, redis.giveBack],
    ['frozen', redis.freeze, redis.thaw],
  ] as const) {
    await t.test(`Redis ${what}: degraded, and everything works`, async (t) => {
      await breakIt()
      await isDegraded(t)
      await writeIsSeen()
      await mend()
      await isReady()
      await writeIsSeen()
    })
  }

  for (const { name, begin, end } of redisRefusals) {
    await t.test(`${name}: degraded, and everything works`, async (t) => {
      await begin(redis)
      await writeIsSeen()
      await isDegraded(t)
      await writeIsSeen()
      await end(redis)
      await isReady()
      await writeIsSeen()
    })
  }

  await t.test('Redis failed over while connections stay: everything works', async () => {
    await failOverRedis(redis)
    await writeIsSeen()
    await isReady()
  })

  await t.test('Postgres killed: reads and writes go on, nothing is lost', async (t) => {
    await postgres.takeAway()
    const seen = await eventually(
      ready,
      timesInARow(({ status }) => status === 'unready'),
    )
    t.match(seen, {
      code: 503,
      dependencies: { postgres: /^fails: /, kafka: 'ok', redis: 'ok' },
    })
    t.equal((await read()).status, 200)
    const { title, status } = await post()
    t.equal(status, 202)
    await postgres.giveBack()
    await eventually(read, ({ titles }) => titles[0] === title, startTimeoutMs)
    await isReady()
  })

  await t.test('Kafka killed: reads go on, writes are refused and say so', async (t) => {
    await kafka.takeAway()
    const refused = await eventually(post, ({ status }) => status === 503)
    t.match(refused, { retryAfter: /^\d+$/, body: { publish: /^(not-attempted|unknown)$/ } })
    t.match(await eventually(post, ({ body }) => body.publish === 'not-attempted'), { status: 503 })
    const seen = await eventually(
      ready,
      timesInARow(({ status }) => status === 'unready'),
    )
    t.match(seen, {
      dependencies: { kafka: /^fails: /, postgres: 'ok' },
    })
    t.equal((await read()).status, 200)
    await kafka.giveBack()
    await eventually(post, ({ status }) => status === 202, startTimeoutMs)
    await isReady()
    await writeIsSeen()
  })

  for (const [name, service] of Object.entries(services)) {
    await t.test(`${name} silent on open connections: everything works again`, async (t) => {
      service.gate.silence()
      // A process whose producer fell silent learns of it by a send, which gets a 503: each must have sent.
      const { title } = await eventually(
        post,
        timesInARow(({ status }) => status === 202),
        startTimeoutMs,
      )
      await eventually(
        read,
        timesInARow(({ titles }) => titles[0] === title),
        startTimeoutMs,
      )
      await isReady()
      await writeIsSeen()
      t.pass()
      service.gate.endSilent()
    })
  }

  await t.test(
    'Postgres read-only: unready, reads and writes go on, nothing is lost',
    async (t) => {
      await makePostgresReadOnly(postgres)
      const { title, status } = await post()
      t.equal(status, 202)
      const seen = await eventually(
        ready,
        timesInARow((one) => one.status === 'unready'),
      )
      t.match(seen, { code: 503, dependencies: { postgres: /^fails: / } })
      t.equal((await read()).status, 200)
      await makePostgresWritable(postgres)
      await eventually(read, ({ titles }) => titles[0] === title, startTimeoutMs)
      await isReady()
      await writeIsSeen()
    },
  )

  await t.test('Postgres read-only for the sessions it has: they are replaced', async () => {
    await makeOpenSessionsReadOnly(postgres)
    await writeIsSeen()
    await isReady()
    await endOpenSessionsReadOnly(postgres)
    await writeIsSeen()
  })

  await t.test('Postgres that answers for moments only: reads go on, nobody dies', async (t) => {
    const { below } = seeded(t)
    let flapping = true
    const clients = Array.from({ length: 12 }, async () => {
      const statuses = new Set<number>()
      while (flapping) {
        statuses.add((await read()).status)
        await delay(readEveryMs)
      }
      return [...statuses]
    })
    await flapPostgres(postgres, 4, below)
    flapping = false
    for (const statuses of await Promise.all(clients)) t.same(statuses, [200])
    await isReady()
    await writeIsSeen()
  })

  t.equal(server.output(), '', 'no process died')
  t.equal(worker.output(), '')
})
