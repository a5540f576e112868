// Redis, Postgres and Kafka taken away from a running server and worker, one by one, and given back:
// what still works, what is said, and that all recovers without a restart of ours.

import t from 'tap'
import { signToken } from '../lib/jwt.ts'
import { migrate } from '../lib/migrate.ts'
import { breakable } from '../scripts/breakable.ts'
import { migrationsDirectory } from '../scripts/paths.ts'
import { startServer, startWorker } from '../scripts/running.ts'
import { startKafka } from '../scripts/services/kafka.ts'
import { startPostgres } from '../scripts/services/postgres.ts'
import { startRedis } from '../scripts/services/redis.ts'
import { eventually, startTimeoutMs, orSkip, testSecret } from '../scripts/testing.ts'

t.test('a server whose dependencies come and go', async (t) => {
  const services = await orSkip(t, async () => ({
    redis: await breakable(t, startRedis),
    kafka: await breakable(t, startKafka),
    postgres: await breakable(t, (options) => startPostgres({ ...options, durable: false })),
  }))
  if (!services) return
  const { redis, kafka, postgres } = services
  await migrate(postgres.url, migrationsDirectory)
  const environment = {
    ...{ DATABASE_URL: postgres.url, REDIS_URL: redis.url, KAFKA_BROKERS: kafka.url },
    ...{ HTTP_PORT: '0', HTTP_HOST: '127.0.0.1', HTTP_PROCESSES: '2', JWT_SECRET: testSecret },
    // A loaded machine is not a Kafka that is away.
    ...{ LOG_LEVEL: 'error', PUBLISH_TIMEOUT_MS: '5000', PUBLISH_WAIT_MAX_MS: '5000' },
  }
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  const url = `http://127.0.0.1:${server.port}`

  const token = signToken(testSecret, 'ann', 3_600)
  let made = 0
  /** A connection for each request: a kept one would ask the same process again. */
  const onAnother = { Connection: 'close' }
  const post = async () => {
    const title = `todo ${++made}`
    const response = await fetch(`${url}/todos`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        ...onAnother,
      },
      body: JSON.stringify({ title }),
    })
    const body = (await response.json()) as { publish?: string }
    return { title, status: response.status, retryAfter: response.headers.get('retry-after'), body }
  }
  const read = async () => {
    const response = await fetch(`${url}/todos?limit=10`, { headers: onAnother })
    return {
      status: response.status,
      titles: ((await response.json()) as { title: string }[]).map((todo) => todo.title),
    }
  }
  const ready = async () => {
    const response = await fetch(`${url}/ready`, { headers: onAnother })
    const body = (await response.json()) as { status: string; dependencies: Record<string, string> }
    return { code: response.status, ...body }
  }
  /** So often in a row that every process was asked. */
  const timesInARow = <T>(isSo: (seen: T) => boolean) => {
    let times = 0
    return (seen: T) => {
      times = isSo(seen) ? times + 1 : 0
      return times >= 10
    }
  }
  const isReady = () =>
    eventually(
      ready,
      timesInARow(({ status }) => status === 'ready'),
      startTimeoutMs,
    )
  /** Written, and then seen first in the list, by every process. */
  const writeIsSeen = async () => {
    const { title, status, body } = await post()
    t.equal(status, 202, JSON.stringify(body))
    await eventually(
      read,
      timesInARow(({ titles }) => titles[0] === title),
      startTimeoutMs,
    )
  }
  await isReady()
  await writeIsSeen()

  for (const [what, breakIt, mend] of [
    ['killed', redis.takeAway, redis.giveBack],
    ['frozen', redis.freeze, redis.thaw],
  ] as const) {
    await t.test(`Redis ${what}: degraded, and everything works`, async (t) => {
      await breakIt()
      const seen = await eventually(
        ready,
        timesInARow(({ status }) => status === 'degraded'),
      )
      t.match(seen, { code: 200, dependencies: { redis: /^fails: /, postgres: 'ok' } })
      await writeIsSeen()
      await mend()
      await isReady()
      await writeIsSeen()
    })
  }

  await t.test('Postgres killed: reads and writes go on, nothing is lost', async (t) => {
    await postgres.takeAway()
    const seen = await eventually(
      ready,
      timesInARow(({ status }) => status === 'unready'),
    )
    t.match(seen, {
      ...{ code: 503, dependencies: { postgres: /^fails: /, kafka: 'ok', redis: 'ok' } },
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

  t.equal(server.output(), '', 'no process died')
  t.equal(worker.output(), '')
})
