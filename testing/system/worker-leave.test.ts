// SIGTERM to the worker (S4). The batch in progress is finished and the group is left. Nothing is lost
// and nothing applied twice, whether one exits or all are replaced one by one.

import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { databasesOf } from '../databases.ts'
import type { Command } from '../../lib/domain/command.ts'
import { openGate } from '../../lib/command-log/command-log.ts'
import { ensureCommandLog, openPublisher } from '../../lib/command-log/open.ts'
import { startWorker } from '../../scripts/stack/processes.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { ownKafka, ownRedis, testDatabase, testTopic, testStacks } from '../services.ts'
import { silentLog, testConfig } from '../settings.ts'

type Environment = Record<string, string>

/** A database, a log and somebody who publishes; workers are the test's to start. */
const setUp = async (t: Test, services: Environment) => {
  const url = await testDatabase(t)
  const log = testTopic()
  const environment = { ...services, DATABASE_URL: url, KAFKA_TODO_TOPIC: log, LOG_LEVEL: 'warn' }
  const config = testConfig(environment)
  const publisher = openPublisher(
    config,
    databasesOf(config),
    openGate(await ensureCommandLog(config, databasesOf(config), silentLog)),
    silentLog,
  )
  let isClosed: Promise<void> | undefined
  const close = () => (isClosed ??= publisher.close())
  t.teardown(close)
  await eventually(
    () =>
      publisher.ping().then(
        () => true,
        () => false,
      ),
    (answers) => answers,
    startTimeoutMs,
  )
  const sql = postgres(url, { max: 3 })
  t.teardown(() => sql.end({ timeout: 1 }))
  let published = 0
  const publish = async (todoId: string, kind: 'create' | 'update') => {
    const title = `title ${++published}`
    const command: Command = {
      commandId: `c${published}`,
      todoId,
      userId: 'ann',
      atMs: Date.now(),
      keepsOutcome: true, // each is counted below
      ...(kind === 'create' ? { kind, title, description: '' } : { kind, change: { title } }),
    }
    const { kind: outcome } = await publisher.publish(command)
    if (outcome !== 'acknowledged') throw new Error(`${title}: ${outcome}`)
    return title
  }
  const start = async () => {
    const worker = await startWorker(environment)
    t.teardown(() => worker.process.kill('SIGKILL'))
    return worker
  }
  const todo = async (id: string) => {
    const [row] = await sql`SELECT title, revision FROM todos WHERE id = ${id}`
    return row && { title: row['title'] as string, revision: row['revision'] as number }
  }
  const applied = async () =>
    (await sql`SELECT FROM command_outcomes WHERE outcome = 'applied'`).count
  /** Holds up every batch with this todo, until it is let go. */
  const hold = async (id: string) => {
    const held = await sql.reserve()
    await held`BEGIN`
    await held`SELECT FROM todos WHERE id = ${id} FOR UPDATE`
    return {
      isFelt: () =>
        eventually(
          async () =>
            (
              await sql`SELECT FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'`
            ).count,
          (count) => count > 0,
          20_000,
        ),
      async letGo() {
        await held`ROLLBACK`
        held.release()
      },
    }
  }
  return { log, close, published: () => published, publish, start, todo, applied, hold }
}

/** Who Kafka takes for a member of the workers' group. */
const membersOf = async (brokers: string, log: string): Promise<number> => {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const { groups } = await admin.describeGroups([`${log}-worker`])
  await admin.disconnect()
  return groups[0]?.members.length ?? 0
}

// Each has a log of its own, and waits for workers to start and to leave.
t.jobs = 2

for (const [name, stack] of Object.entries(testStacks)) {
  void t.test(`${name} stack: SIGTERM in the middle of a batch`, async (t) => {
    const services = await stack(t)
    if (!services) return
    const { log, publish, start, todo, hold } = await setUp(t, services)
    const first = await start()
    await publish('todo', 'create')
    await eventually(
      () => todo('todo'),
      (seen) => seen !== undefined,
      20_000,
    )

    const held = await hold('todo')
    const changed = await publish('todo', 'update')
    await held.isFelt()
    first.process.kill('SIGTERM')
    await delay(300)
    t.equal(first.process.exitCode, null, 'it does not leave while the batch is under way')
    await held.letGo()
    t.equal(await first.exited, 0)
    t.same(await todo('todo'), { title: changed, revision: 2 }, 'the batch was finished')
    const brokers = services['KAFKA_BROKERS']
    if (brokers) t.equal(await membersOf(brokers, log), 0, 'Kafka knows that it is gone')

    const second = await start()
    const again = await hold('todo')
    const title = await publish('todo', 'update')
    await again.isFelt()
    second.process.kill('SIGTERM')
    await delay(300)
    second.process.kill('SIGTERM')
    t.equal(await second.exited, 1, 'a second signal: at once, with the batch undone')
    await again.letGo()
    t.same(await todo('todo'), { title: changed, revision: 2 })
    const third = await start()
    await eventually(
      () => todo('todo'),
      (seen) => seen?.title === title,
      startTimeoutMs,
    )
    t.same(await todo('todo'), { title, revision: 3 }, 'and applied once by the next')
    await third.stop()
  })

  void t.test(`${name} stack: a rolling restart of the workers amid writes`, async (t) => {
    const services = await stack(t)
    if (!services) return
    const { published, publish, start, todo, applied } = await setUp(t, services)
    let workers = [await start(), await start()]
    let stopped = false
    const expected = new Map<string, { title: string; revision: number }>()
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; !stopped; n++) {
        const id = `t${writer}-${Math.floor(n / 5)}`
        const title = await publish(id, n % 5 === 0 ? 'create' : 'update')
        expected.set(id, { title, revision: (expected.get(id)?.revision ?? 0) + 1 })
        await delay(5)
      }
    })
    for (let round = 0; round < 2; round++) {
      for (const old of workers) {
        const fresh = await start()
        old.process.kill('SIGTERM')
        t.equal(await old.exited, 0)
        workers = [...workers.filter((one) => one !== old), fresh]
      }
    }
    stopped = true
    await Promise.all(writers)
    await eventually(applied, (count) => count >= published(), startTimeoutMs)
    t.equal(await applied(), published(), `${published()} commands, each applied once`)
    for (const [id, must] of expected) t.same(await todo(id), must, id)
    await Promise.all(workers.map((one) => one.stop()))
  })
}

void t.test('a broker that is gone does not keep a worker from leaving', async (t) => {
  const [redis, kafka] = [await ownRedis(t), await ownKafka(t)]
  if (!redis || !kafka) return
  const { close, publish, start, todo } = await setUp(t, {
    REDIS_URL: redis.url,
    KAFKA_BROKERS: kafka.url,
  })
  const worker = await start()
  await publish('todo', 'create')
  await eventually(
    () => todo('todo'),
    (seen) => seen !== undefined,
    20_000,
  )
  await close()
  kafka.kill('SIGKILL')
  await kafka.exited
  worker.process.kill('SIGTERM')
  t.equal(await worker.exited, 0)
})
