// The log is another one than the database knows: a topic that was deleted and made again, stopped or
// running, and another kind of log. Nothing that was acknowledged may be skipped, and somebody must
// say so.

import { Kafka, logLevel } from 'kafkajs'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { databasesOf } from '../databases.ts'
import type { Command } from '../../lib/domain/command.ts'
import { openGate } from '../../lib/command-log/command-log.ts'
import { ensureCommandLog, openPublisher } from '../../lib/command-log/open.ts'
import { signToken } from '../../lib/accounts/access-token.ts'
import { commandLog } from '../../scripts/command-log.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { generousTimeouts, silentLog, testConfig, testSecret } from '../settings.ts'
import { testDatabase, testKafka, testTopic } from '../services.ts'

type Settings = Record<string, string>
const embedded: Settings = { COMMAND_LOG: 'postgres' }

const setUp = async (t: Test, kind: 'kafka' | 'postgres') => {
  const brokers = await testKafka(t)
  if (brokers === undefined) return undefined
  const url = await testDatabase(t)
  const topic = testTopic()
  const kafka: Settings = { COMMAND_LOG: 'kafka', KAFKA_BROKERS: brokers }
  const base = {
    DATABASE_URL: url,
    LIST_CACHE: 'postgres',
    KAFKA_TODO_TOPIC: topic,
    KAFKA_PARTITIONS: '3',
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PROCESSES: '1',
    JWT_SECRET: testSecret,
    ...generousTimeouts,
    LOG_LEVEL: 'warn',
  }
  const environment: Settings = { ...base, ...(kind === 'kafka' ? kafka : embedded) }
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  const titles = async () =>
    new Set((await sql<{ title: string }[]>`SELECT title FROM todos`).map((row) => row.title))

  /** As it is deleted and made again by whoever: with nothing in it. */
  const makeAgain = async () => {
    if (kind === 'postgres') {
      for (const table of ['command_log', 'command_log_partitions', 'command_log_claims']) {
        await sql`DELETE FROM ${sql(table)} WHERE log = ${topic}`
      }
    } else {
      const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
      await admin.connect()
      await admin.deleteTopics({ topics: [topic] })
      await eventually(
        () => admin.listTopics(),
        (topics) => !topics.includes(topic),
      )
      await admin.disconnect()
    }
    await ensureCommandLog(testConfig(environment), databasesOf(testConfig(environment)), silentLog)
  }
  /** Acknowledged by the log that is there, whoever knows it. */
  const publish = async (name: string, count: number, over: Settings = {}) => {
    const config = testConfig({ ...environment, ...over })
    const publisher = openPublisher(
      config,
      databasesOf(config),
      openGate(await ensureCommandLog(config, databasesOf(config), silentLog)),
      silentLog,
    )
    const isUp = () => publisher.ping().then(...([() => true, () => false] as const))
    await eventually(isUp, (answers) => answers, startTimeoutMs)
    for (let i = 0; i < count; i++) {
      const command: Command = {
        kind: 'create',
        commandId: `${name}-${i}`,
        todoId: `${name}-${i}`,
        userId: 'ann',
        atMs: 1_000,
        title: `${name} ${i}`,
        description: '',
      }
      t.match(await publisher.publish(command), { kind: 'acknowledged' })
    }
    await publisher.close()
  }
  const run = async (...args: string[]) => {
    const lines: string[] = []
    const write = (line: string) => void lines.push(line)
    const code = await commandLog(args, () => testConfig(environment), { out: write, err: write })
    return { code, text: lines.join('\n') }
  }
  const isApplied = (name: string, count: number) =>
    eventually(
      async () => [...(await titles())].filter((title) => title.startsWith(`${name} `)).length,
      (found) => found === count,
      startTimeoutMs,
    )
  return { environment, kafka, sql, titles, makeAgain, publish, run, isApplied }
}

const refusal =
  /belong to another log of the name .*: stored .*, found .*npm run command-log -- adopt --from beginning\|end/

/** Server and worker, at once: each asks the log for some seconds before it refuses. */
const refuseToStart = async (t: Test, environment: Settings) => {
  await Promise.all([startServer, startWorker].map((start) => refuses(t, start, environment)))
}

const refuses = async (t: Test, start: typeof startServer, environment: Settings) => {
  const ended = start(environment).then(
    async (running) => {
      await running.stop()
      return 'it started'
    },
    (error: Error) => error.message,
  )
  const output = await ended
  t.match(output, /ended \(1\)/)
  t.match(output, refusal)
}

// Each has a log and a database of its own.
t.jobs = 2

for (const kind of ['kafka', 'postgres'] as const) {
  t.test(`the ${kind} log made again while nobody ran`, async (t) => {
    const log = await setUp(t, kind)
    if (!log) return
    const { environment, makeAgain, publish, run, isApplied, titles, sql } = log
    const server = await startServer(environment)
    const worker = await startWorker(environment)
    await publish('old', 40)
    await isApplied('old', 40)
    await Promise.all([server.stop(), worker.stop()])
    const version = async () =>
      Number((await sql`SELECT sum(changes) FROM list_versions`)[0]?.['sum'])
    const before = await version()
    await makeAgain()
    await publish('new', 100) // longer than what was applied: no offset is out of range

    await refuseToStart(t, environment)
    t.equal((await titles()).size, 40, 'nothing of it was applied')
    const shown = await run('show')
    t.equal(shown.code, 0)
    t.match(shown.text, /do not belong to the log that was found/)
    t.match(shown.text, /beginning: 100 commands of the log are applied .*, 0 are skipped/)
    t.match(shown.text, /end: 0 commands .*, 100 are skipped/)
    const adopted = await run('adopt', '--from', 'beginning')
    t.equal(adopted.code, 0, adopted.text)
    t.equal(await version(), before, "the lists' version does not fall")

    const again = await startWorker(environment)
    t.teardown(() => again.stop())
    await isApplied('new', 100)
    const serverAgain = await startServer(environment)
    t.teardown(() => serverAgain.stop())
    t.match((await run('show')).text, /: lag 0$/m)
  })

  t.test(`the ${kind} log made again while server and worker run`, async (t) => {
    const log = await setUp(t, kind)
    if (!log) return
    const { environment, makeAgain, publish, run, isApplied, titles } = log
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    const worker = await startWorker(environment)
    await publish('old', 40)
    await isApplied('old', 40)
    const post = async (title: string) => {
      const response = await fetch(`http://127.0.0.1:${server.port}/todos`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${signToken(testSecret, 'ann', 3_600)}`,
          'Content-Type': 'application/json',
        },
        body: JSON.stringify({ title }),
      })
      return { status: response.status, text: await response.text() }
    }
    await makeAgain()
    await publish('new', 100)
    const refused = await eventually(
      () => post('early 0'),
      ({ status, text }) => status === 503 && text.includes('accepts no writes now'),
    )
    t.match(refused.text, /not-attempted/)
    t.equal(await worker.exited, 1)
    t.match(worker.output(), refusal)
    t.equal((await titles()).size, 40, 'nothing was applied')
    const ready = await fetch(`http://127.0.0.1:${server.port}/ready`)
    t.equal(ready.status, 503)
    t.match(await ready.text(), /belong to another log/)
    const errors = server
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":"error"'))
    t.equal(errors.length, 1, 'said once')

    t.equal((await run('adopt', '--from', 'beginning')).code, 0)
    const again = await startWorker(environment)
    t.teardown(() => again.stop())
    await isApplied('new', 100)
    await eventually(
      () => post('late 0'),
      ({ status }) => status === 202,
      startTimeoutMs,
    )
    await isApplied('late', 1)
  })
}

t.test("the embedded log followed by Kafka's, and back", async (t) => {
  const log = await setUp(t, 'postgres')
  if (!log) return
  const { environment, kafka, publish, isApplied, titles } = log
  const worker = await startWorker(environment)
  await publish('embedded', 10)
  await isApplied('embedded', 10)
  await worker.stop()
  await publish('kafka', 30, kafka)
  await refuseToStart(t, { ...environment, ...kafka })
  t.equal((await titles()).size, 10)
  const back = await startWorker(environment)
  t.teardown(() => back.stop())
  await publish('more', 10)
  await isApplied('more', 10)
})

t.test('a topic that the database knows is not made again by who starts', async (t) => {
  const log = await setUp(t, 'kafka')
  if (!log) return
  const { environment, publish, isApplied, run } = log
  const worker = await startWorker(environment)
  await publish('old', 5)
  await isApplied('old', 5)
  await worker.stop()
  const admin = new Kafka({
    brokers: [environment['KAFKA_BROKERS'] ?? ''],
    logLevel: logLevel.NOTHING,
  }).admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [environment['KAFKA_TODO_TOPIC'] ?? ''] })
  await refuseToStart(t, environment)
  t.notOk((await admin.listTopics()).includes(environment['KAFKA_TODO_TOPIC'] ?? ''))
  await admin.disconnect()
  const made = await run('adopt', '--from', 'beginning')
  t.equal(made.code, 0, made.text)
  t.match(made.text, /did not exist: created/)
  const server = await startServer(environment)
  await server.stop()
})

t.test('commands that wait in a log of another name are named', async (t) => {
  const log = await setUp(t, 'kafka')
  if (!log) return
  const { environment, publish, isApplied } = log
  const worker = await startWorker(environment)
  await publish('old', 5)
  await isApplied('old', 5)
  await worker.stop()
  await publish('late', 7)
  const server = await startServer({ ...environment, KAFKA_TODO_TOPIC: testTopic() })
  const name = environment['KAFKA_TODO_TOPIC'] ?? ''
  t.match(server.output(), `7 commands of the log ${name} are not applied`)
  await server.stop()
})

t.test('positions from before identities were stored', async (t) => {
  const log = await setUp(t, 'kafka')
  if (!log) return
  const { environment, sql, publish, isApplied } = log
  const worker = await startWorker(environment)
  await publish('old', 20)
  await isApplied('old', 20)
  await worker.stop()
  await sql`DELETE FROM command_logs`
  const upgraded = await startServer(environment)
  t.match(upgraded.output(), /are assumed to be those of kafka:/)
  await upgraded.stop()

  await sql`DELETE FROM command_logs`
  await sql`UPDATE command_offsets SET next_offset = 1000 WHERE log = ${environment['KAFKA_TODO_TOPIC'] ?? ''}`
  await refuseToStart(t, environment)
})
