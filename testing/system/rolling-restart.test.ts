// All of a server's processes and the workers are replaced under constant load, again and again (S1).
// No request is lost, no write is lost or applied twice, in both engines. What a client may count on is
// in testing/steady-clients.ts.

import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import t from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { forksOf, startServer, startWorker, type Running } from '../../scripts/stack/processes.ts'
import { get, post, startSteadyClients, type Client } from '../steady-clients.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { seeded } from '../seeded.ts'
import { generousTimeouts, testSecret } from '../settings.ts'
import { testDatabase, testTopic, testStacks } from '../services.ts'

/** Each replaces every process; `ROUNDS=20` is the catalogue's. */
const rounds = Number(process.env['ROUNDS'] ?? 3)
/** A process's loop is held up for up to this long now and then: connections pile up in the kernel. */
const stallMsMax = 200

const token = signToken(testSecret, 'ann', 3_600)

/**
 * Readers of every kind, and writers; the titles that were acknowledged, by id. They pause, so that they
 * leave most of two cores to the processes that start.
 */
const clientsFor = (engine: string) => {
  const acknowledged = new Map<string, string>()
  let titles = 0
  const many = (count: number, client: Client) => Array.from({ length: count }, () => client)
  const list = () => get('/todos?limit=10')
  let turn = 0
  const writer = (name: string, depth: number): Client => ({
    name,
    depth,
    pauseMs: 25,
    next: () => post(token, `title ${++titles}`),
    onAnswer: ({ name: title }, body) => {
      acknowledged.set((JSON.parse(body) as { id: string }).id, title)
    },
  })
  const clients = [
    ...many(8, { name: 'keep-alive', depth: 1, pauseMs: 40, next: list }),
    ...many(2, { name: 'pipelined', depth: 80, pauseMs: 100, next: list }),
    ...many(2, {
      name: 'pipelined, of several lists',
      depth: 8,
      pauseMs: 40,
      next: () => get(`/todos?limit=${1 + (turn++ % 3)}`),
    }),
    // On each process's sockets there is always one that is about to be accepted.
    ...many(16, {
      name: 'new connection',
      depth: 1,
      requestsPerConnection: 1,
      pauseMs: 30,
      next: list,
    }),
    // Idle longer than a busy one, shorter than HTTP_DRAIN_DELAY_MS: each must hear of the close.
    ...many(4, { name: 'seldom', depth: 1, pauseMs: 700, next: list }),
    ...many(4, writer('writer', 1)),
    // uWebSockets.js closes a connection on which a request waits behind a pending answer.
    ...many(engine === 'node' ? 3 : 0, writer('pipelined writer', 4)),
  ]
  return { acknowledged, clients }
}

for (const [engine, stack] of [
  ['node', 'embedded'],
  ['uws', 'embedded'],
  ['node', 'real'],
] as const) {
  void t.test(`${engine} engine, ${stack} stack`, async (t) => {
    const services = await testStacks[stack]?.(t)
    if (!services) return
    const database = await testDatabase(t)
    const environment = {
      ...services,
      DATABASE_URL: database,
      KAFKA_TODO_TOPIC: testTopic(),
      JWT_SECRET: testSecret,
      HTTP_ENGINE: engine,
      HTTP_PORT: '0',
      HTTP_HOST: '127.0.0.1',
      HTTP_PROCESSES: '2',
      HTTP_DRAIN_DELAY_MS: '2000',
      LOG_LEVEL: 'info',
      // Two cores start processes and serve: late is not lost.
      ...generousTimeouts,
    }
    const random = seeded(t)
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    let worker: Running = await startWorker(environment)
    t.teardown(() => worker.stop())
    const { acknowledged, clients } = clientsFor(engine)
    const load = startSteadyClients(server.port, clients)
    await eventually(load.answered, (count) => count > 1_000, startTimeoutMs)

    const said = (text: string) => server.output().split(text).length - 1
    const pids = () => forksOf(server)
    let rolling = true
    const stalls = (async () => {
      while (rolling) {
        for (const pid of pids()) {
          const stallMs = random.below(stallMsMax)
          signal(pid, 'SIGSTOP')
          await delay(stallMs)
          signal(pid, 'SIGCONT')
          await delay(random.below(stallMsMax * 3))
        }
      }
    })()
    for (let round = 1; round <= rounds; round++) {
      const before = pids()
      server.process.kill('SIGHUP')
      const fresh = await startWorker(environment)
      worker.process.kill('SIGTERM')
      t.equal(await worker.exited, 0)
      worker = fresh
      await eventually(
        () => said('rolling restart done') + said('rolling restart aborted'),
        (count) => count === round,
        120_000,
      )
      t.same(
        pids().filter((pid) => before.includes(pid)),
        [],
        'every process is a new one',
      )
    }
    rolling = false
    await stalls
    await load.stop()

    t.equal(said('rolling restart done'), rounds)
    if (!t.passing()) t.comment(server.output())
    t.same(load.failures.slice(0, 5), [], `${load.answered()} answers, none missing`)
    const lasting = clients.filter(({ requestsPerConnection }) => !requestsPerConnection)
    t.ok(load.closed() >= rounds * lasting.length, 'connections were told to close')
    t.comment(`${load.connections()} connections, ${load.unprocessed.length} requests sent again`)

    const sql = postgres(database, { max: 1 })
    t.teardown(() => sql.end())
    const rows = await eventually(
      () => sql<{ id: string; title: string }[]>`SELECT id, title FROM todos`,
      (found) => found.length >= acknowledged.size,
      60_000,
    )
    const found = new Map(rows.map(({ id, title }) => [id, title]))
    t.same(
      [...acknowledged].filter(([id, title]) => found.get(id) !== title),
      [],
      `${acknowledged.size} writes, none lost`,
    )
    t.equal(rows.length, acknowledged.size, 'none twice, and none that was said to be unprocessed')
  })
}

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // gone already
  }
}
