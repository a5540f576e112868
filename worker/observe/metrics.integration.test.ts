// A worker's metrics and its log, against the commands that it was given: one of each kind, on the
// embedded stack; and a request's id, on its way from the client to the worker's log.

import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { databasesOf } from '../../testing/databases.ts'
import { openGate } from '../../lib/command-log/command-log.ts'
import { ensureCommandLog, openPublisher } from '../../lib/command-log/open.ts'
import type { Command } from '../../lib/domain/command.ts'
import { signToken } from '../../lib/accounts/access-token.ts'
import { startServer, startWorker, type Running } from '../../scripts/stack/processes.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import { eventually } from '../../testing/eventually.ts'
import { generousTimeouts, silentLog, testConfig, testSecret } from '../../testing/settings.ts'
import { testDatabase, testTopic } from '../../testing/services.ts'

const environmentFor = async (t: Test) => ({
  COMMAND_LOG: 'postgres',
  LIST_CACHE: 'postgres',
  DATABASE_URL: await testDatabase(t),
  KAFKA_TODO_TOPIC: testTopic(),
  KAFKA_PARTITIONS: '2',
  JWT_SECRET: testSecret,
  HTTP_HOST: '127.0.0.1',
  HTTP_PORT: '0',
  HTTP_PROCESSES: '1',
  LOG_LEVEL: 'debug',
  ...generousTimeouts,
})

type Line = { readonly msg: string; readonly level: string } & Readonly<Record<string, unknown>>
const linesOf = (one: Running): Line[] =>
  one
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)

t.test('commands are counted by what became of them', async (t) => {
  const environment = await environmentFor(t)
  const config = testConfig(environment)
  const publisher = openPublisher(
    config,
    databasesOf(config),
    openGate(await ensureCommandLog(config, databasesOf(config), silentLog)),
    silentLog,
  )
  t.teardown(() => publisher.close())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())

  const create = (n: number): Command => ({
    kind: 'create',
    commandId: `c${n}`,
    todoId: `t${n}`,
    userId: 'ann',
    atMs: 1_000,
    title: 'a todo',
    description: '',
  })
  const publish = async (command: Command) => {
    t.match(await publisher.publish(command), { kind: 'acknowledged' })
  }
  const keyed = { ...create(1), keepsOutcome: true } as const
  for (const one of [keyed, create(2), create(3)]) await publish(one)
  await publish(keyed)
  const change = (n: number, completed: boolean): Command => ({
    kind: 'update',
    commandId: `u${n}-${completed}`,
    todoId: `t${n}`,
    userId: 'ann',
    atMs: 1_000,
    change: { completed },
  })
  await publish(change(1, true))
  await publish({ ...change(1, true), commandId: 'again' })
  await publish(change(3, false))
  const own = { ...create(5), isPersonal: true } as const
  await publish(own)
  await publish({ ...change(5, true), isPersonal: true })
  await publish({
    kind: 'delete',
    commandId: 'own',
    todoId: 't5',
    userId: 'ann',
    atMs: 1_000,
    isPersonal: true,
  })
  await publish({ ...create(4), title: '', requestId: 'of-a-bad-one' } as Command)
  await publish({
    kind: 'delete',
    commandId: 'd',
    todoId: 't2',
    userId: 'eve',
    atMs: 1_000,
    requestId: 'of-eve',
  })
  const settled = await eventually(
    () => scrape(worker.metricsPort),
    (seen) => seen.total('todos_worker_commands_total') === 12,
  )
  for (const [result, count] of Object.entries({
    applied: 9,
    duplicate: 1,
    refused: 1,
    'dead-lettered': 1,
  })) {
    t.equal(settled.total('todos_worker_commands_total', { result }), count, result)
  }
  t.equal(settled.total('todos_worker_batch_commands_sum'), 12)
  for (const [change, list, count] of [
    ['created', 'public', 3],
    ['completed', 'public', 1],
    ['deleted', 'public', 0],
    ['created', 'personal', 1],
    ['completed', 'personal', 1],
    ['deleted', 'personal', 1],
  ] as const) {
    const seen = settled.total('todos_worker_todos_total', { change, list })
    t.equal(seen, count, `${change} ${list}`)
  }
  t.equal(
    settled.total('todos_worker_apply_duration_seconds_count'),
    settled.total('todos_worker_batch_commands_count'),
  )
  const lags = settled.samples.filter(({ name }) => name === 'todos_log_lag_commands')
  t.ok(lags.length > 0)
  t.ok(lags.every(({ value }) => value === 0))
  t.equal(settled.total('todos_pool_connections_max', { pool: 'store' }), 5)
  t.ok(settled.total('process_cpu_seconds_total', { process: 'worker' }) > 0)

  const health = await fetch(`http://127.0.0.1:${worker.metricsPort}/health`)
  t.match(await health.json(), { status: 'ok' })
  // What it writes comes on another way than what it answers.
  const warnings = await eventually(
    () => linesOf(worker).filter(({ level }) => level === 'warn'),
    ({ length }) => length >= 2,
  )
  t.equal(warnings.length, 2)
  const [letters, refused] = ['dead_letters', 'refused'].map((field) =>
    warnings.find((line) => field in line),
  )
  t.match(letters, {
    dead_letters: 1,
    records: [{ reason: /title/, request_id: 'of-a-bad-one' }],
  })
  t.match(refused, { refused: 1, commands: [{ request_id: 'of-eve', outcome: 'forbidden' }] })
})

t.test("a request's id goes from the client to the worker's log", async (t) => {
  const environment = await environmentFor(t)
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const write = async (method: string, path: string, user: string, headers: object) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${signToken(testSecret, user, 3_600)}`,
        ...(method === 'POST' && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(method === 'POST' && { body: '{"title":"x"}' }),
    })
    t.equal(response.status, 202)
    const { id } = (await response.json()) as { id: string }
    return { id, requestId: response.headers.get('x-request-id') as string }
  }
  const traced = await write('POST', '/todos', 'ann', {
    traceparent: `00-${trace}-00f067aa0ba902b7-01`,
  })
  t.equal(traced.requestId, trace)
  const ignored = await write('POST', '/todos', 'ann', { traceparent: `00-${trace}-0-01` })
  t.match(ignored.requestId, /^[\w-]{33}$/, 'a new one')
  const refused = await write('DELETE', `/todos/${traced.id}`, 'eve', { 'x-request-id': 'eve-1' })
  t.equal(refused.requestId, 'eve-1')

  const lines = await eventually(
    () => linesOf(worker).filter(({ msg }) => msg.startsWith('command')),
    (seen) => seen.length >= 4,
  )
  const of = (requestId: string) => lines.filter((line) => line['request_id'] === requestId)
  t.match(of(trace), [{ level: 'debug', todoId: traced.id, outcome: 'applied' }])
  t.match(of(ignored.requestId), [{ level: 'debug', todoId: ignored.id, outcome: 'applied' }])
  t.match(of('eve-1'), [{ level: 'debug', todoId: traced.id, outcome: 'forbidden' }])
  t.match(
    lines.filter(({ level }) => level === 'warn'),
    [{ refused: 1, commands: [{ request_id: 'eve-1' }] }],
  )
  t.notMatch(server.output(), trace, 'nothing is logged of what went well')
})

t.test('two workers on one machine: a port that is taken is one line, 0 is free', async (t) => {
  const environment = await environmentFor(t)
  const taken = createServer()
  const port = await new Promise<number>((resolve) => {
    taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port))
  })
  t.teardown(() => taken.close())
  const started = startWorker({
    ...environment,
    WORKER_METRICS_PORT: String(port),
    LOG_LEVEL: 'warn',
  })
  await t.rejects(started, {
    message: new RegExp(`\\(1\\): port ${port} is in use: .* WORKER_METRICS_PORT .*\\n$`),
  })
  const both = await Promise.all([startWorker(environment), startWorker(environment)])
  for (const worker of both) t.teardown(() => worker.stop())
  const ports = both.map(({ metricsPort }) => metricsPort)
  t.equal(new Set(ports).size, 2)
  for (const worker of both) {
    t.ok((await scrape(worker.metricsPort)).types.size > 5)
    const line = linesOf(worker).find(({ msg }) => msg.startsWith('metrics at'))
    t.equal(line?.['port'], worker.metricsPort, 'logged')
  }
  const missing = await fetch(`http://127.0.0.1:${ports[0]}/`)
  t.equal(missing.status, 404)
  t.equal(await missing.text(), 'here are: /metrics /health\n')
})
