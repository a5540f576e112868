// A worker whose commands wait. Connections to the broker fell silent, the broker answers and delivers
// nothing, or the database accepts nothing. It heals what it can, and says so.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { databasesOf } from '../databases.ts'
import type { Command } from '../../lib/domain/command.ts'
import { openGate } from '../../lib/command-log/command-log.ts'
import { ensureCommandLog, openPublisher } from '../../lib/command-log/open.ts'
import { startWorker, type Running } from '../../scripts/stack/processes.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import { startKafka } from '../../scripts/stack/kafka.ts'
import { freePort, loopback } from '../../scripts/stack/ports.ts'
import { testGate } from '../gate.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { orSkip, ownRedis, testDatabase, testDirectory, testTopic } from '../services.ts'
import { silentLog, testConfig } from '../settings.ts'

const fetchKey = 1
const isFetch = (chunk: Buffer) => chunk.length > 6 && chunk.readInt16BE(4) === fetchKey

/** A worker, somebody who publishes, and what became of it. `direct`: the broker without a gate. */
const setUp = async (t: Test, services: Record<string, string>) => {
  const environment = {
    ...services,
    DATABASE_URL: await testDatabase(t),
    KAFKA_TODO_TOPIC: testTopic(),
    KAFKA_PARTITIONS: '2',
    LOG_LEVEL: 'info',
  }
  const config = testConfig(environment)
  const publisher = openPublisher(
    config,
    databasesOf(config),
    openGate(await ensureCommandLog(config, databasesOf(config), silentLog)),
    silentLog,
  )
  t.teardown(() => publisher.close())
  const sql = postgres(environment.DATABASE_URL, { max: 2 })
  t.teardown(() => sql.end({ timeout: 1 }))
  let published = 0
  const publish = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const title = `todo ${published}`
      const command: Command = {
        kind: 'create',
        commandId: `c${published}`,
        todoId: `t${published}`,
        userId: 'ann',
        atMs: Date.now(),
        title,
        description: '',
      }
      await eventually(
        () => publisher.publish(command),
        ({ kind }) => kind === 'acknowledged',
        startTimeoutMs,
      )
      published++
    }
  }
  const worker = await startWorker(environment)
  t.teardown(() => worker.process.kill('SIGKILL'))
  const allApplied = () =>
    eventually(
      async () => {
        const [row] = await sql`SELECT count(*), max(revision) FROM todos`
        return [Number(row?.['count']), Number(row?.['max'])]
      },
      ([count, revision]) => count === published && revision === 1,
      startTimeoutMs,
    )
  const waiting = async () => published - (await sql`SELECT FROM todos`).count
  const probe = async (headers: Record<string, string>) =>
    (await fetch(`http://127.0.0.1:${worker.metricsPort}/health`, { headers })).status
  /** What readiness hears, and liveness. */
  const probes = async () => [await probe({}), await probe({ Probe: 'liveness' })]
  return { worker, publish, allApplied, waiting, probes, sql }
}

const linesWith = (worker: Running, text: string) =>
  worker
    .output()
    .split('\n')
    .filter((line) => line.includes(text)).length

// Both wait for half a minute until commands have waited for too long.
t.jobs = 2

void t.test('Kafka behind a gate', async (t) => {
  const port = await freePort()
  const gate = await testGate(t, port)
  const directory = await testDirectory(t)
  const redis = await ownRedis(t)
  const broker = await orSkip(t, () => startKafka({ directory, port, advertisedPort: gate.port }))
  if (!redis || !broker) return
  t.teardown(() => broker.stop())
  const { worker, publish, allApplied, waiting, probes } = await setUp(t, {
    REDIS_URL: redis.url,
    KAFKA_BROKERS: `${loopback}:${gate.port}`,
    PUBLISH_TIMEOUT_MS: '1000',
  })
  await publish(5)
  await allApplied()

  await t.test('all open connections fall silent: it goes on over new ones', async (t) => {
    for (let round = 0; round < 2; round++) {
      gate.silence()
      await publish(5)
      await allApplied()
    }
    t.same(await probes(), [200, 200])
    t.ok(linesWith(worker, 'Kafka does not answer on a connection: replaced') > 0)
  })

  await t.test(
    'the broker answers and delivers nothing: /health fails, with one line',
    async (t) => {
      gate.inspect('to-service', (chunk) => (isFetch(chunk) ? 'drop' : 'pass'))
      await publish(5)
      await eventually(probes, ([health]) => health === 503, startTimeoutMs)
      t.same(await probes(), [503, 503])
      const unapplied = await waiting()
      t.ok(unapplied > 0, 'a fetch that was in flight may have brought some')
      t.equal((await scrape(worker.metricsPort)).total('todos_log_lag_commands'), unapplied)
      t.ok(linesWith(worker, 'commands wait to be applied') > 0)
      t.ok(linesWith(worker, 'the Kafka consumer failed, starting another') > 0)
      t.equal(linesWith(worker, '/health fails until one is'), 1)
      gate.passAll()
      await allApplied()
      await eventually(probes, ([health]) => health === 200, startTimeoutMs)
      t.equal(linesWith(worker, 'commands are applied again'), 1)
    },
  )
})

void t.test('a database that takes nothing: /health fails, but not for liveness', async (t) => {
  const { worker, publish, allApplied, probes, sql } = await setUp(t, {
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
  })
  await publish(5)
  await allApplied()
  const held = await sql.reserve()
  await held`BEGIN`
  await held`LOCK TABLE todos IN EXCLUSIVE MODE`
  await publish(5)
  await eventually(probes, ([health]) => health === 503, startTimeoutMs)
  t.same(await probes(), [503, 200])
  t.equal(linesWith(worker, '/health fails until one is'), 1)
  await held`ROLLBACK`
  held.release()
  await allApplied()
  await eventually(probes, ([health]) => health === 200, startTimeoutMs)
})
