// The log in Postgres when what holds a delivery is gone: its claim's connection, or the log itself.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { databasesOf } from '../../testing/databases.ts'
import { eventually } from '../../testing/eventually.ts'
import { silentLog, testConfig } from '../../testing/settings.ts'
import { testDatabase, testTopic } from '../../testing/services.ts'
import { openGate, type Delivery, type Sink } from './command-log.ts'
import { ensureCommandLog, openConsumer, openPublisher } from './open.ts'

const setUp = async (t: Test) => {
  const url = await testDatabase(t)
  const log = testTopic()
  const config = testConfig({
    COMMAND_LOG: 'postgres',
    DATABASE_URL: url,
    KAFKA_TODO_TOPIC: log,
    KAFKA_PARTITIONS: '1',
    WORKER_POOL_SIZE: '2',
  })
  const publisher = openPublisher(
    config,
    databasesOf(config),
    openGate(await ensureCommandLog(config, databasesOf(config), silentLog)),
    silentLog,
  )
  const consumer = openConsumer(config, databasesOf(config), silentLog)
  const sql = postgres(url, { max: 1 })
  t.teardown(async () => {
    await consumer.stop()
    await publisher.close()
    await sql.end()
  })
  const { kind } = await publisher.publish({
    kind: 'delete',
    commandId: 'c',
    todoId: 't',
    userId: 'ann',
    atMs: 1,
  })
  t.equal(kind, 'acknowledged')
  const consume = (sink: Sink) => consumer.start(sink, (reason) => t.fail(reason))
  return { log, sql, consume }
}

t.test('a claim whose connection is lost: its delivery is abandoned, another begins', async (t) => {
  const { sql, consume } = await setUp(t)
  const deliveries: Delivery[] = []
  await consume(async (delivery) => {
    deliveries.push(delivery)
    // As a sink does whose database is down: for ever, until it is told not to.
    await eventually(delivery.abandoned, (is) => is)
    return { kind: 'abandoned' }
  })
  await eventually(
    () => deliveries.length,
    (count) => count === 1,
  )
  t.notOk(deliveries[0]?.abandoned())
  const ended = await sql`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction'`
  t.equal(ended.count, 1)
  await eventually(
    () => deliveries[0]?.abandoned(),
    (is) => is === true,
    10_000,
  )
  await eventually(
    () => deliveries.length,
    (count) => count >= 2,
  )
})

t.test('a log that is deleted under its records is delivered to nobody', async (t) => {
  const { log, sql, consume } = await setUp(t)
  await sql`DELETE FROM command_log_partitions WHERE log = ${log}`
  let deliveries = 0
  await consume(() => {
    deliveries++
    return Promise.resolve({ kind: 'abandoned' })
  })
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  t.equal(deliveries, 0)
})
