// A real Nginx in front of real server processes, at L7 and at L4, on a port that they share and on a
// port each. Clients of REST and of gRPC get what the API says, whatever happens to the processes behind it.

import { readFileSync } from 'node:fs'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { signToken } from '../lib/accounts/access-token.ts'
import { readConfig } from '../lib/runtime/config/config.ts'
import { buildContract } from '../scripts/contract.ts'
import { forksOf, startServer, startWorker, type Running } from '../scripts/stack/processes.ts'
import { seed } from '../scripts/seed.ts'
import { startNginx, type NginxMode } from '../scripts/stack/nginx.ts'
import { freePort, loopback } from '../scripts/stack/ports.ts'
import {
  get,
  post,
  startSteadyClients,
  type Client,
  type Failure,
} from '../testing/steady-clients.ts'
import { startSteadyCalls, type FailedCall } from '../testing/steady-calls.ts'
import { eventually, startTimeoutMs } from '../testing/eventually.ts'
import { orSkip, testDatabase, testDirectory, testTopic } from '../testing/services.ts'
import { generousTimeouts, testSecret } from '../testing/settings.ts'
import { connectLive } from '../testing/live/live-client.ts'
import { conformanceCases } from '../testing/engines/conformance-cases.ts'
import { comparable, exchange, headerOf, type Answer } from '../testing/engines/harness.ts'

type Layout = 'one shared port' | 'a port each'

const token = signToken(testSecret, 'ann', 3_600)
const processes = 2

/** Nginx is to be the one that closes an idle connection, so a draining process keeps it longer. */
type Idle = { readonly nginxKeepsSec: number; readonly drainDelayMs: number }
const nginxKeeps = /(?<=keepalive 512;[^}]*)keepalive_timeout (\d+)s/
const shipped: Idle = {
  nginxKeepsSec: Number(
    nginxKeeps.exec(readFileSync(new URL('http.conf', import.meta.url), 'utf8'))?.[1],
  ),
  drainDelayMs: readConfig({}, 'worker').HTTP_DRAIN_DELAY_MS,
}
/** A rolling restart takes four times its drain delay. */
const brief: Idle = { nginxKeepsSec: 1, drainDelayMs: 1_500 }

/** A server with seeded todos, and Nginx in front of it. Undefined, and skipped, without Nginx. */
const setUp = async (
  t: Test,
  options: { mode: NginxMode; layout: Layout; engine: 'node' | 'uws'; idle?: Idle },
) => {
  const { mode, layout, engine, idle = shipped } = options
  buildContract()
  const database = await testDatabase(t)
  await seed({ databaseUrl: database, count: 2_000 }, () => {})
  const isShared = layout === 'one shared port'
  const environment = {
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    JWT_SECRET: testSecret,
    DATABASE_URL: database,
    KAFKA_TODO_TOPIC: testTopic(),
    LOG_LEVEL: 'info',
    HTTP_HOST: loopback,
    HTTP_PORT: String(await freePort()),
    GRPC_PORT: '0',
    HTTP_ENGINE: engine,
    HTTP_PROCESSES: String(processes),
    HTTP_PORT_PER_PROCESS: String(!isShared),
    HTTP_DRAIN_DELAY_MS: String(idle.drainDelayMs),
    HTTP_DRAIN_TIMEOUT_MS: '10000',
    ...generousTimeouts,
  }
  const server = await startServer(environment)
  t.teardown(async () => {
    server.process.kill('SIGKILL')
    await server.exited
  })
  const ports = Array.from({ length: isShared ? 1 : processes }, (_, i) => server.port + i)
  const directory = await testDirectory(t)
  const upstreams = ports.map((port) => `${loopback}:${port}`)
  const edit = (template: string) =>
    template.replace(nginxKeeps, `keepalive_timeout ${idle.nginxKeepsSec}s`)
  const grpcUpstreams = [`${loopback}:${server.grpcPort}`]
  const nginx = await orSkip(t, () =>
    startNginx({ directory, mode, upstreams, grpcUpstreams, edit }),
  )
  if (!nginx) return undefined
  t.teardown(() => nginx.stop())
  return { server, environment, database, nginx, port: nginx.port }
}

/** What Nginx refuses by itself. */
const refusedByNginx: readonly RegExp[] = [
  /^GET \S*%00 /, // a NUL
  /^\S+ \S*%(?![0-9a-f]{2})/i, // a percent sign that begins no byte
  /^\S+ \* /, // no path
  /^TRACE /,
  /\nContent-Length: \d{8}/i, // a body over 1 MB
  /\n(Authorization|If-None-Match): [^]*\n\1: /i, // twice
  /(X:\r\n){1000}/,
]
const isRefusedByNginx = ({ request }: { request: string | Buffer }) =>
  refusedByNginx.some((pattern) => pattern.test(request.toString('latin1')))

/** Headers that Nginx makes, or makes anew for its own connection. */
const isProxys = (line: string) => /^(server|x-request-id|transfer-encoding): /i.test(line)

const seen = (answer: Answer | undefined) => {
  if (!answer) return undefined
  const { head, body } = comparable(answer)
  return { head: head.filter((line) => !isProxys(line)).sort(), body }
}

// A replacement of processes waits most of the time, for drain delays to pass.
t.jobs = 2

for (const mode of ['http', 'stream'] as const) {
  void t.test(`${mode}: every answer passes unchanged`, async (t) => {
    const system = await setUp(t, { mode, layout: 'one shared port', engine: 'node' })
    if (!system) return
    const { server, port } = system
    const [all] = await exchange(server.port, get('/todos').bytes)
    const todos = JSON.parse(all?.body ?? '') as object[]
    t.equal(todos.length, 2_000)
    const [passed] = await exchange(port, get('/todos').bytes)
    t.equal(passed?.body, all?.body, 'a large list')

    const etag = headerOf(all, 'ETag') ?? ''
    const [held] = await exchange(port, get('/todos', `If-None-Match: ${etag}`).bytes)
    t.match(held?.head[0], /^HTTP\/1\.1 304 /)
    t.equal(headerOf(held, 'ETag'), etag)
    t.equal(held?.body, '')

    const client = await connectLive(t, port)
    client.send({ type: 'subscribe', channel: 'todos' })
    t.match(await client.next(), { type: 'subscribed' }, 'a WebSocket')
    client.socket.close()
    const stream = await fetch(`http://${loopback}:${port}/v1/events?channel=todos`)
    const reader = stream.body?.getReader()
    const part = Buffer.from((await reader?.read())?.value ?? '').toString()
    t.match(part, /^event: subscribed$/m, 'an event stream, as it comes')
    await reader?.cancel()

    // Compressed by each process in the background: not at once.
    const [small] = await eventually(
      () => exchange(port, get('/todos?limit=1000', 'Accept-Encoding: gzip').bytes),
      ([answer]) => headerOf(answer, 'Content-Encoding') === 'gzip',
    )
    t.match(headerOf(small, 'ETag'), /-gzip"$/, 'gzip')
    for (const one of conformanceCases(todos, token)) {
      if (mode === 'http' && isRefusedByNginx(one)) {
        const [answer] = await exchange(port, one.request)
        t.match(answer?.head[0], /^HTTP\/1\.1 4\d\d /, one.name)
        continue
      }
      const isHead = one.isHead ?? false
      const [direct] = await exchange(server.port, one.request, { isHead })
      const [through] = await exchange(port, one.request, { isHead })
      t.same(seen(through), seen(direct), one.name)
    }
    if (mode === 'stream') return
    const [own] = await exchange(port, get('/todos?limit=1', 'X-Request-Id: mine-1').bytes)
    t.equal(headerOf(own, 'X-Request-Id'), 'mine-1')
    for (const odd of ['', 'X-Request-Id: {"not":"an id"}']) {
      const [made] = await exchange(port, get('/todos?limit=1', ...(odd ? [odd] : [])).bytes)
      t.match(headerOf(made, 'X-Request-Id'), /^[0-9a-f]{32}$/)
    }
  })
}

/** They pause, so that they leave most of two cores to the processes that start. */
const clientsFor = (mode: NginxMode) => {
  const acknowledged = new Map<string, string>()
  let titles = 0
  const many = (count: number, client: Client) => Array.from({ length: count }, () => client)
  const next = () => get('/todos?limit=10')
  const clients = [
    ...many(8, { name: 'reader', depth: 1, pauseMs: 30, next }),
    ...many(mode === 'stream' ? 2 : 0, { name: 'pipelined', depth: 20, pauseMs: 60, next }),
    ...many(4, { name: 'new connection', depth: 1, requestsPerConnection: 1, pauseMs: 30, next }),
    ...many(6, {
      name: 'writer',
      depth: 1,
      pauseMs: 60,
      next: () => post(token, `title ${++titles}`),
      onAnswer({ name: title }, body) {
        acknowledged.set((JSON.parse(body) as { id: string }).id, title)
      },
    }),
  ]
  return { acknowledged, clients }
}

/** A client hears of a killed process at once, but for a machine that is busy with its replacement. */
const heardWithinMs = 10_000

const times = (server: Running, text: string) => server.output().split(text).length - 1

void t.test('as shipped, Nginx closes idle connections first', async (t) => {
  t.ok(shipped.nginxKeepsSec * 1_000 < shipped.drainDelayMs, JSON.stringify(shipped))
})

for (const [mode, layout, engine, idle] of [
  ['http', 'one shared port', 'node', shipped],
  ['http', 'a port each', 'uws', brief],
  ['stream', 'one shared port', 'node', brief],
  ['stream', 'a port each', 'uws', brief],
] as const) {
  void t.test(`${mode}, ${layout}, ${engine}: processes killed and replaced`, async (t) => {
    const system = await setUp(t, { mode, layout, engine, idle })
    if (!system) return
    const { server, environment, database, nginx, port } = system
    const worker = await startWorker(environment)
    t.teardown(() => worker.stop())
    const { clients, acknowledged } = clientsFor(mode)
    const load = startSteadyClients(port, clients)
    const calls = await startSteadyCalls(t, nginx.grpcPort, {
      as: { metadata: { authorization: `Bearer ${token}` } },
    })
    const more = (count: number) => {
      const before = load.answered()
      const callsBefore = calls.answered()
      return eventually(
        () => [load.answered() - before, calls.answered() - callsBefore] as const,
        ([answered, answeredCalls]) => answered > count && answeredCalls > count / 50,
        startTimeoutMs,
      )
    }
    await more(500)
    const kills: { readonly killedMs: number; readonly goneMs: number }[] = []
    for (let kill = 1; kill <= 2; kill++) {
      const [victim] = forksOf(server)
      const killedMs = performance.now()
      process.kill(victim as number, 'SIGKILL')
      await eventually(
        () => times(server, 'a server process died'),
        (count) => count === kill,
      )
      kills.push({ killedMs, goneMs: performance.now() })
      await eventually(
        () => times(server, 'replacement server process ready'),
        (count) => count === kill,
        60_000,
      )
      await more(1_000)
    }
    const { failures } = load
    t.comment(`${load.answered()} answers, ${failures.length} in flight on a killed process`)
    const isByKill = ({ sentMs, failedMs }: Failure | FailedCall) => {
      const last = kills.findLast(({ killedMs }) => killedMs < failedMs)
      return last !== undefined && sentMs < last.goneMs && failedMs < last.goneMs + heardWithinMs
    }
    t.same(
      failures.filter((failure) => !isByKill(failure)),
      [],
      'none was sent after the process was gone, and none was left hanging',
    )
    t.ok(failures.length <= 2 * (clients.length + 2 * 20), `${failures.length} at most`)
    if (mode === 'http' && layout === 'a port each') {
      t.same(
        failures.filter(({ client }) => client !== 'writer'),
        [],
        'what may be asked again was asked again, of the other process',
      )
    }
    t.comment(`${calls.answered()} calls, ${calls.failures.length} failed`)
    // Of an answer that has begun, Nginx resets the stream.
    const isCutShort = ({ code, details }: { readonly code: string; readonly details: string }) =>
      mode === 'http' && code === 'INTERNAL' && details.includes('RST_STREAM')
    t.same(
      calls.failures.filter(
        (failure) => !isByKill(failure) || !(failure.code === 'UNAVAILABLE' || isCutShort(failure)),
      ),
      [],
      'nor was a call, and each that failed is UNAVAILABLE, or cut short',
    )

    const [failed, failedCalls] = [failures.length, calls.failures.length]
    server.process.kill('SIGHUP')
    await eventually(
      () => times(server, 'rolling restart done') + times(server, 'rolling restart aborted'),
      (count) => count === 1,
      120_000,
    )
    await more(500)
    t.equal(times(server, 'rolling restart done'), 1)
    t.same(failures.slice(failed, failed + 5), [], 'a rolling restart is not noticed at all')
    // A call that meets the very end of a process is UNAVAILABLE: Nginx does not send it again.
    const late = calls.failures.slice(failedCalls)
    t.ok(late.length <= (mode === 'http' ? processes : 0), JSON.stringify(late))
    t.ok(late.every(({ code }) => code === 'UNAVAILABLE'))
    await Promise.all([load.stop(), calls.stopCalling()])
    await eventually(
      () => [...calls.acknowledged.keys()].filter((id) => !calls.heard.includes(id)).length,
      (missing) => missing === 0 || calls.faults.length > 0,
    )
    await calls.stopWatching()
    t.same(calls.faults, [], `${calls.heard.length} events, over ${calls.ends.join()}`)
    if (!t.passing()) t.comment(server.output(), readFileSync(nginx.logFile, 'utf8').slice(-10_000))

    const sql = postgres(database, { max: 1 })
    t.teardown(() => sql.end())
    const rows = await eventually(
      () => sql<{ id: string; title: string }[]>`SELECT id, title FROM todos WHERE user_id = 'ann'`,
      (found) => found.length >= acknowledged.size + calls.acknowledged.size,
      60_000,
    )
    const found = new Map(rows.map(({ id, title }) => [id, title]))
    t.same(
      [...acknowledged, ...calls.acknowledged].filter(([id, title]) => found.get(id) !== title),
      [],
      `${acknowledged.size} writes and ${calls.acknowledged.size} by gRPC, none lost`,
    )
    t.equal(new Set(rows.map(({ title }) => title)).size, rows.length, 'none twice')
  })
}
