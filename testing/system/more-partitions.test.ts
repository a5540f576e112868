// The log gets more partitions while commands wait, while workers run and servers are replaced, and
// the operator takes them into use under load. Each todo must end as its last acknowledged write says.

import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { databasesOf } from '../databases.ts'
import { openGate } from '../../lib/command-log/command-log.ts'
import { growCommandLog, openPublisher, readEnds } from '../../lib/command-log/open.ts'
import { signToken } from '../../lib/accounts/access-token.ts'
import { commandLog } from '../../scripts/command-log.ts'
import { forksOf, startServer, startWorker, type Running } from '../../scripts/stack/processes.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { generousTimeouts, silentLog, testConfig, testSecret } from '../settings.ts'
import { seeded } from '../seeded.ts'
import { testDatabase, testStacks, testTopic } from '../services.ts'

type Settings = Record<string, string>

/** Before a writer changes a todo. Without, those of two stacks take both cores from what they wait for. */
const writerPauseMs = 40

const setUp = async (t: Test, services: Settings, partitions: number) => {
  const url = await testDatabase(t)
  const environment: Settings = {
    ...services,
    DATABASE_URL: url,
    KAFKA_TODO_TOPIC: testTopic(),
    KAFKA_PARTITIONS: String(partitions),
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PROCESSES: '1',
    JWT_SECRET: testSecret,
    ...generousTimeouts,
    // Four of these run at once, against one Postgres.
    DB_POOL_SIZE: '4',
    WORKER_POOL_SIZE: '3',
    // The command waits for what a server may have in flight.
    PUBLISH_TIMEOUT_MS: '5000',
    LOG_LEVEL: 'warn',
  }
  const config = testConfig(environment)
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  const run = async (...args: string[]) => {
    const lines: string[] = []
    const write = (line: string) => void lines.push(line)
    const code = await commandLog(args, () => config, { out: write, err: write })
    return { code, text: lines.join('\n') }
  }
  const startServerHere = async () => {
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    return server
  }
  const startWorkerHere = async () => {
    const worker = await startWorker(environment)
    t.teardown(() => worker.stop())
    return worker
  }
  /**
   * Acknowledged in the end. Whatever is in doubt is asked again under its key: a 503, or a connection
   * that a server closed which is being replaced. So each is one command, however often it was asked.
   */
  const write = async (server: Running, method: 'POST' | 'PUT', path: string, title: string) => {
    const request = {
      method,
      headers: {
        Authorization: `Bearer ${signToken(testSecret, 'ann', 3_600)}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': randomUUID(),
        Connection: 'close',
      },
      body: JSON.stringify({ title }),
    }
    const { status, body } = await eventually(
      async () => {
        try {
          const response = await fetch(`http://127.0.0.1:${server.port}${path}`, request)
          return { status: response.status, body: (await response.json()) as { id?: string } }
        } catch (error) {
          return { status: 503, body: { fault: String((error as Error).cause) } }
        }
      },
      ({ status }) => status !== 503,
      startTimeoutMs,
    )
    if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`)
    return 'id' in body ? (body.id ?? '') : ''
  }
  const ends = () => readEnds(config, databasesOf(config), silentLog)
  const isAllApplied = () =>
    eventually(
      async () => {
        const all = await ends()
        const rows = await sql`
          SELECT partition, next_offset FROM command_offsets WHERE log = ${config.KAFKA_TODO_TOPIC}`
        const next = new Map(rows.map((row) => [row['partition'], Number(row['next_offset'])]))
        return [...all].filter(([partition, end]) => end !== (next.get(partition) ?? 0))
      },
      (behind) => behind.length === 0,
      startTimeoutMs,
    )
  const todos = async () =>
    new Map(
      (
        await sql<{ id: string; title: string; revision: number }[]>`
          SELECT id, title, revision FROM todos`
      ).map((row) => [row.id, row]),
    )
  return {
    config,
    run,
    write,
    ends,
    isAllApplied,
    todos,
    startServer: startServerHere,
    startWorker: startWorkerHere,
  }
}

/** As an operator would, who knows nothing of the command. */
const growBehindItsBack = async (
  config: ReturnType<typeof testConfig>,
  count: number,
): Promise<void> => {
  if (config.COMMAND_LOG === 'postgres')
    return growCommandLog(config, databasesOf(config), count, silentLog)
  const kafka = new Kafka({ brokers: [config.KAFKA_BROKERS], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const topic = config.KAFKA_TODO_TOPIC
  await admin.createPartitions({ topicPartitions: [{ topic, count }] })
  await admin.disconnect()
}

// They wait most of the time, for the command that changes the number.
t.jobs = 4
const beside = { buffered: true }

for (const [name, stack] of Object.entries(testStacks)) {
  t.test(
    `from 2 to 24 between creates and updates, the worker behind: ${name}`,
    beside,
    async (t) => {
      const services = await stack(t)
      if (!services) return
      const system = await setUp(t, services, 2)
      const before = await system.startServer()
      const ids: string[] = []
      for (let i = 0; i < 60; i++)
        ids.push(await system.write(before, 'POST', '/todos', `old ${i}`))
      await growBehindItsBack(system.config, 24)
      await before.stop()
      const server = await system.startServer()
      t.match(server.output(), /24 partitions and commands are spread over 2 .*-- partitions 24/)
      for (const id of ids) await system.write(server, 'PUT', `/todos/${id}`, 'new')
      const refused = await system.run('partitions', '24', '--timeout', '1')
      t.equal(refused.code, 1, refused.text)
      t.match(refused.text, /120 commands are not applied yet: start a worker/)

      await system.startWorker()
      await system.isAllApplied()
      const seen = [...(await system.todos()).values()]
      t.same(
        seen.filter(({ title, revision }) => title !== 'new' || revision !== 2),
        [],
      )
      t.equal(seen.length, 60)
      const widened = await system.run('partitions', '24')
      t.equal(widened.code, 0, widened.text)
      for (const id of ids) await system.write(server, 'PUT', `/todos/${id}`, 'newest')
      await system.isAllApplied()
      for (const { title, revision } of (await system.todos()).values()) {
        t.same([title, revision], ['newest', 3])
      }
      t.ok([...(await system.ends())].some(([partition, end]) => partition > 1 && end > 0))
    },
  )

  t.test(`from 6 to 12 under load, servers replaced: ${name}`, beside, async (t) => {
    const services = await stack(t)
    if (!services) return
    const random = seeded(t)
    const system = await setUp(t, services, 6)
    const server = await system.startServer()
    await system.startWorker()
    await system.startWorker()
    const expected = new Map<string, { title: string; revision: number }>()
    let isStopped = false
    const writer = async () => {
      while (!isStopped) {
        const id = await system.write(server, 'POST', '/todos', 'made')
        expected.set(id, { title: 'made', revision: 1 })
        for (let left = random.below(8); left > 0; left--) {
          const title = `changed ${random.below(1_000_000)}`
          await delay(writerPauseMs)
          await system.write(server, 'PUT', `/todos/${id}`, title)
          expected.set(id, { title, revision: (expected.get(id)?.revision ?? 0) + 1 })
        }
      }
    }
    const writers = Promise.all(Array.from({ length: 8 }, writer))
    const writtenMore = async (count: number) => {
      const from = expected.size
      await eventually(
        () => expected.size,
        (size) => size >= from + count,
        startTimeoutMs,
      )
    }
    await writtenMore(100)
    await growBehindItsBack(system.config, 12)
    const forks = forksOf(server)
    server.process.kill('SIGHUP')
    await eventually(
      () => forksOf(server),
      (now) => now.length > 0 && !now.some((pid) => forks.includes(pid)),
      startTimeoutMs,
    )
    await writtenMore(100)
    const inNew = async () =>
      [...(await system.ends())].reduce((sum, [part, end]) => sum + (part < 6 ? 0 : end), 0)
    t.equal(await inNew(), 0, 'a log that grew changes nothing by itself')

    // A server of an older release hashes over what the topic has.
    const older = openPublisher(system.config, databasesOf(system.config), openGate(12), silentLog)
    const isUp = () => older.ping().then(...([() => true, () => false] as const))
    await eventually(isUp, (answers) => answers, startTimeoutMs)
    for (let i = 0; i < 50; i++) {
      const outcome = await older.publish({
        kind: 'create',
        commandId: `older-${i}`,
        todoId: `older-${i}`,
        userId: 'ann',
        atMs: 1_000,
        title: 'older',
        description: '',
      })
      t.match(outcome, { kind: 'acknowledged' })
      expected.set(`older-${i}`, { title: 'older', revision: 1 })
    }
    await older.close()
    t.ok((await inNew()) > 0)

    const widened = await system.run('partitions', '12')
    t.equal(widened.code, 0, widened.text)
    const beforeUse = await inNew()
    await writtenMore(100)
    isStopped = true
    await writers
    await system.isAllApplied()
    t.ok((await inNew()) > beforeUse, 'the new partitions are used')
    const found = await system.todos()
    const wrong = [...expected].filter(([id, { title, revision }]) => {
      const row = found.get(id)
      return row?.title !== title || row.revision !== revision
    })
    t.same(wrong, [], `${expected.size} todos are as acknowledged`)
  })
}
