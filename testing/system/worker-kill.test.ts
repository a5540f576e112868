// The worker killed with -9 in the middle of 5,000 writes, and started again: every acknowledged
// write is there once. On the embedded stack and on Kafka, Redis and Postgres.

import { Agent, request } from 'node:http'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { publicChannel } from '../../lib/domain/event.ts'
import { openRedis } from '../../lib/drivers/redis/connections.ts'
import { openEventReader } from '../../lib/events/open.ts'
import { startServer, startWorker, type Running } from '../../scripts/stack/processes.ts'
import { eventually } from '../eventually.ts'
import { databasesOf } from '../databases.ts'
import { hear } from '../heard-events.ts'
import { generousTimeouts, silentLog, testConfig, testSecret } from '../settings.ts'
import { seeded } from '../seeded.ts'
import { testDatabase, testTopic, testStacks } from '../services.ts'

const writes = 5_000
const connections = 32
const kills = 3

type Answer = { readonly status: number; readonly body: { id?: string; publish?: string } }

const client = (port: number) => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const token = signToken(testSecret, 'ann', 3_600)
  const send = (method: string, path: string, body?: object): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const text = body ? JSON.stringify(body) : ''
      const headers = {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      }
      const sent = request(
        { agent, port, host: '127.0.0.1', method, path, headers },
        (response) => {
          let received = ''
          response.on('data', (chunk: Buffer) => (received += chunk.toString()))
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              body: JSON.parse(received) as Answer['body'],
            }),
          )
        },
      )
      sent.on('error', reject)
      sent.end(text)
    })
  return { send, close: () => agent.destroy() }
}

/** What a todo must be, from what was acknowledged. */
type Expected = { title: string; completed: boolean; revision: number; deleted: boolean }

/**
 * A client that listens to the public list all the time. What a worker catches up on may be more than is
 * kept: then there is a gap. Numbers are dense, so they count what was told, heard or not.
 */
const listen = async (t: Test, environment: Readonly<Record<string, string>>) => {
  const config = testConfig(environment)
  const connections = openRedis(config.REDIS_URL, silentLog)
  const reader = openEventReader(config, databasesOf(config), connections, silentLog)
  t.teardown(async () => {
    await reader.close()
    connections.close()
  })
  await eventually(reader.fault, (fault) => fault === undefined)
  const { bodies, position, at } = await hear(reader, publicChannel)
  return {
    told: (count: number) =>
      eventually(
        () => at().number - position.number,
        (told) => told >= count,
      ),
    isSameEpoch: () => at().epoch === position.epoch,
    /** Todos of which something was heard twice, or in another order than it happened in. */
    faults(): string[] {
      const revisions = new Map<string, number>()
      return bodies.flatMap((body) => {
        if (body === 'gap') return []
        const { revision, id, todo } = JSON.parse(body) as Told
        const of = todo?.id ?? id ?? ''
        const before = revisions.get(of) ?? 0
        revisions.set(of, revision)
        return revision > before ? [] : [`${of}: ${revision} after ${before}`]
      })
    },
    heard: () => bodies.filter((body) => body !== 'gap').length,
  }
}
type Told = { revision: number; id?: string; todo?: { id: string } }

for (const [name, stack] of Object.entries(testStacks)) {
  void t.test(`kill -9 of the worker, ${name} stack`, async (t) => {
    const services = await stack(t)
    if (!services) return
    const random = seeded(t)
    const database = await testDatabase(t)
    const log = testTopic()
    const environment = {
      ...services,
      DATABASE_URL: database,
      KAFKA_TODO_TOPIC: log,
      HTTP_PORT: '0',
      HTTP_HOST: '127.0.0.1',
      HTTP_PROCESSES: '2',
      JWT_SECRET: testSecret,
      LOG_LEVEL: 'warn',
      ...generousTimeouts,
    }
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    const told = await listen(t, { ...environment, LOG_LEVEL: 'silent' })
    let worker: Running = await startWorker(environment)
    t.teardown(() => worker.stop())
    const { send, close } = client(server.port)
    t.teardown(close)
    const sql = postgres(database, { max: 1 })
    t.teardown(() => sql.end())

    const expected = new Map<string, Expected>()
    let sent = 0
    let restarts = Promise.resolve()
    const killAt = new Set(
      Array.from({ length: kills }, (_, i) => Math.floor(((i + random.next()) * writes) / kills)),
    )
    /** One client at a time owns a todo, so that what it must end as is known. */
    const writer = async () => {
      let own: string | undefined
      while (sent < writes) {
        sent++
        if (killAt.has(sent)) {
          restarts = restarts.then(async () => {
            worker.process.kill('SIGKILL')
            await worker.exited
            worker = await startWorker(environment)
          })
        }
        const todo = own === undefined ? undefined : expected.get(own)
        const choice = random.below(4)
        if (own === undefined || !todo || choice === 0) {
          const title = `todo ${sent}`
          const answer = await send('POST', '/todos', { title })
          if (answer.status !== 202) throw new Error(`POST: ${JSON.stringify(answer)}`)
          own = answer.body.id ?? ''
          expected.set(own, { title, completed: false, revision: 1, deleted: false })
        } else if (choice === 1) {
          const answer = await send('DELETE', `/todos/${own}`)
          if (answer.status !== 202) throw new Error(`DELETE: ${JSON.stringify(answer)}`)
          todo.deleted = true
          own = undefined
        } else {
          const title = `changed ${sent}`
          const answer = await send('PUT', `/todos/${own}`, { title, completed: true })
          if (answer.status !== 202) throw new Error(`PUT: ${JSON.stringify(answer)}`)
          Object.assign(todo, { title, completed: true, revision: todo.revision + 1 })
        }
      }
    }
    await Promise.all(Array.from({ length: connections }, writer))
    await restarts

    await eventually(
      async () => {
        const [row] =
          await sql`SELECT sum(next_offset) AS n FROM command_offsets WHERE log = ${log}`
        return Number(row?.['n'])
      },
      (applied) => applied >= sent,
      60_000,
    )
    const rows = await sql`SELECT id, title, completed, revision FROM todos`
    const found = new Map(rows.map((row) => [row['id'] as string, row]))
    let wrong = 0
    for (const [id, { deleted, ...must }] of expected) {
      const row = found.get(id)
      const isRight = deleted
        ? row === undefined
        : row?.['title'] === must.title &&
          row['completed'] === must.completed &&
          row['revision'] === must.revision
      if (!isRight && ++wrong <= 3)
        t.fail(`${id}: must be ${JSON.stringify(must)}, is ${JSON.stringify(row)}`)
    }
    const alive = [...expected.values()].filter((one) => !one.deleted).length
    t.equal(wrong, 0, `${expected.size} todos are as acknowledged`)
    t.equal(rows.length, alive, 'and there is none besides')
    t.equal((await sql`SELECT FROM dead_letters`).count, 0)

    const changes = [...expected.values()].reduce(
      (sum, { revision, deleted }) => sum + revision + Number(deleted),
      0,
    )
    t.equal(await told.told(changes), changes, 'each change is told once')
    t.ok(told.isSameEpoch())
    t.same(told.faults(), [], `${told.heard()} were heard, in order`)

    const newest = await sql`SELECT id FROM todos ORDER BY created_at DESC, id DESC LIMIT 10`
    const ids = newest.map((row) => row['id'] as string)
    await eventually(
      async () => {
        const response = await fetch(`http://127.0.0.1:${server.port}/todos?limit=10`)
        return ((await response.json()) as { id: string }[]).map((todo) => todo.id)
      },
      (listed) => listed.join() === ids.join(),
    )
    // A worker that is killed after COMMIT has announced nothing: the server notices, and says so.
    const complaints = server
      .output()
      .split('\n')
      .filter((line) => line !== '' && !line.includes('was not announced'))
    t.same(complaints, [], 'and the server had nothing else to complain of')
  })
}
