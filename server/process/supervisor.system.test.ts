// A server's processes as an operator meets them (S2, S3): told to leave, told twice, killed, unable
// to start.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { migrate } from '../../lib/drivers/postgres/migrate.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { forksOf, startServer, type Running } from '../../scripts/stack/processes.ts'
import { becomesFree, freePort, loopback } from '../../scripts/stack/ports.ts'
import { startPostgres } from '../../scripts/stack/postgres.ts'
import { get, post, startSteadyClients } from '../../testing/steady-clients.ts'
import { eventually, startTimeoutMs } from '../../testing/eventually.ts'
import { testDatabase, testDirectory, testTopic } from '../../testing/services.ts'
import { testSecret } from '../../testing/settings.ts'
import { engineNames, headerOf, read } from '../../testing/engines/harness.ts'

const start = async (t: Test, env: NodeJS.ProcessEnv): Promise<Running> => {
  const server = await startServer({
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    JWT_SECRET: testSecret,
    HTTP_HOST: loopback,
    HTTP_PORT: '0',
    HTTP_PROCESSES: '2',
    KAFKA_TODO_TOPIC: testTopic(),
    ...env,
  })
  t.teardown(async () => {
    server.process.kill('SIGKILL')
    await server.exited
  })
  return server
}

const lines = (server: Running) =>
  server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown> & { msg: string })

const open = async (t: Test, port: number): Promise<Socket> => {
  const socket = connect(port, loopback)
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const ask = async (t: Test, port: number, target: string) => {
  const socket = await open(t, port)
  socket.write(get(target).bytes)
  const [answer] = await read(socket)
  socket.destroy()
  return answer
}

const becomes = (t: Test, server: Running, readyStatus: number) =>
  eventually(
    () => ask(t, server.port, '/ready').catch(() => undefined),
    (answer) => answer?.status === readyStatus,
    startTimeoutMs,
  )

const rollingRestartEnds = (server: Running) =>
  eventually(
    () => lines(server).find(({ msg }) => /rolling restart (done|aborted)/.test(msg))?.msg,
    (said) => said !== undefined,
    60_000,
  )

// They wait most of the time, for delays and time-outs to pass.
t.jobs = 2

for (const engine of engineNames) {
  void t.test(`${engine}: SIGTERM, and what is served until it leaves`, async (t) => {
    const env = { DATABASE_URL: await testDatabase(t), HTTP_ENGINE: engine }
    const server = await start(t, { ...env, HTTP_DRAIN_DELAY_MS: '5000', LOG_LEVEL: 'error' })
    const { port } = server
    const kept = await open(t, port)
    kept.write(get('/todos?limit=10').bytes)
    t.match(await read(kept), [{ status: 200 }])
    t.match(await ask(t, port, '/ready'), { status: 200 })

    server.process.kill('SIGTERM')
    const seen = await becomes(t, server, 503)
    t.match(JSON.parse(seen?.body ?? ''), { status: 'draining' })
    t.match(
      await ask(t, port, '/health'),
      { status: 200 },
      'it lives, and must not be killed for it',
    )
    t.match(await ask(t, port, '/todos?limit=10'), { status: 200 }, 'those who come are served')
    kept.write(get('/todos?limit=10').bytes)
    const [again] = await read(kept)
    t.not(headerOf(again, 'Connection'), 'close', 'as before')

    // Until it has stopped accepting, and only then.
    const token = signToken(testSecret, 'ann', 3_600)
    const clients = startSteadyClients(port, [
      { name: 'reader', depth: 1, pauseMs: 5, next: () => get('/todos?limit=10') },
      { name: 'writer', depth: 1, pauseMs: 5, next: () => post(token, 'a todo') },
    ])
    await eventually(clients.closed, (count) => count >= 2)
    const stopped = clients.stop()
    t.equal(await server.exited, 0)
    await stopped
    // Some come back when nobody listens any more.
    t.same(
      clients.failures.filter(({ reason }) => !reason.includes('ECONNREFUSED')),
      [],
    )
    t.ok(await becomesFree(port, 10_000), 'the port is free')
    t.equal(server.output(), '')
  })

  void t.test(
    `${engine}: clients that never finish hold it no longer than its timeout`,
    async (t) => {
      const env = { DATABASE_URL: await testDatabase(t), HTTP_ENGINE: engine }
      const server = await start(t, { ...env, HTTP_DRAIN_TIMEOUT_MS: '500', LOG_LEVEL: 'silent' })
      const token = signToken(testSecret, 'ann', 3_600)
      const reader = (await open(t, server.port)).pause()
      reader.write(get('/todos').bytes.repeat(500))
      const half = await open(t, server.port)
      half.write(post(token, 'a title that is cut').bytes.slice(0, -5))
      await delay(200)
      server.process.kill('SIGTERM')
      t.equal(await server.exited, 0)
    },
  )
}

void t.test('a second signal: it leaves at once, and so do its processes', async (t) => {
  const server = await start(t, {
    DATABASE_URL: await testDatabase(t),
    HTTP_DRAIN_DELAY_MS: '600000',
  })
  const forks = forksOf(server)
  t.equal(forks.length, 2)
  server.process.kill('SIGTERM')
  await becomes(t, server, 503)
  server.process.kill('SIGTERM')
  t.equal(await server.exited, 1)
  await eventually(
    () => forks.filter(isAlive),
    (alive) => alive.length === 0,
  )
  t.ok(await becomesFree(server.port, 10_000))
})

void t.test('one signal to the whole group is one signal', async (t) => {
  const server = await start(t, {
    DATABASE_URL: await testDatabase(t),
    HTTP_DRAIN_DELAY_MS: '5000',
  })
  const socket = await open(t, server.port)
  socket.write(get('/todos?limit=10').bytes)
  await read(socket)
  for (const pid of [...forksOf(server), server.process.pid as number]) process.kill(pid, 'SIGTERM')
  await becomes(t, server, 503)
  socket.write(get('/todos?limit=10').bytes)
  t.match(await read(socket), [{ status: 200 }])
  t.equal(await server.exited, 0)
})

void t.test('the primary killed: its processes leave', async (t) => {
  const server = await start(t, { DATABASE_URL: await testDatabase(t) })
  const forks = forksOf(server)
  server.process.kill('SIGKILL')
  await server.exited
  await eventually(
    () => forks.filter(isAlive),
    (alive) => alive.length === 0,
  )
  t.ok(await becomesFree(server.port, 10_000))
})

void t.test('a process that dies is replaced, again and again, with a growing delay', async (t) => {
  const server = await start(t, { DATABASE_URL: await testDatabase(t), LOG_LEVEL: 'error' })
  for (let kill = 0; kill < 3; kill++) {
    const victim = forksOf(server).at(-1) // the newest: an old one would not count as a crash
    process.kill(victim as number, 'SIGKILL')
    await eventually(
      () => forksOf(server).filter((pid) => pid !== victim).length,
      (n) => n === 2,
      startTimeoutMs,
    )
  }
  t.match(
    lines(server),
    [100, 200, 400].map((delayMs) => ({
      msg: 'a server process died, restarting',
      how: 'SIGKILL',
      delayMs,
    })),
  )
  await becomes(t, server, 200)
  server.process.kill('SIGTERM')
  t.equal(await server.exited, 0)
})

void t.test('a process that is still starting does not hold up the others', async (t) => {
  const server = await start(t, { DATABASE_URL: await testDatabase(t), LOG_LEVEL: 'error' })
  const [victim] = forksOf(server)
  process.kill(victim as number, 'SIGKILL')
  await eventually(
    () => forksOf(server).filter((pid) => pid !== victim).length,
    (n) => n === 2,
  )
  server.process.kill('SIGTERM')
  t.equal(await server.exited, 0)
  t.notMatch(server.output(), /did not exit in time/)
})

void t.test(
  'a connection on its way to a process that is killed is not left hanging',
  async (t) => {
    const server = await start(t, { DATABASE_URL: await testDatabase(t), HTTP_PROCESSES: '1' })
    const [fork] = forksOf(server)
    process.kill(fork as number, 'SIGSTOP')
    const socket = await open(t, server.port)
    process.kill(fork as number, 'SIGKILL')
    await new Promise((resolve) => socket.once('close', resolve))
    t.pass('its client can ask again')
  },
)

for (const engine of engineNames) {
  void t.test(`${engine}: each process accepts for itself`, async (t) => {
    const environment = {
      DATABASE_URL: await testDatabase(t),
      HTTP_ENGINE: engine,
      LOG_LEVEL: 'error',
    }
    const server = await start(t, environment)
    const forks = forksOf(server)
    // Those whom one process answers while the other stands still, then all. One in 2^64 says nothing.
    for (const hung of forks) {
      process.kill(hung, 'SIGSTOP')
      const sockets = await Promise.all(Array.from({ length: 64 }, () => open(t, server.port)))
      let answered = 0
      const answers = sockets.map(async (socket) => {
        socket.write(get('/todos?limit=10').bytes)
        const [answer] = await read(socket)
        answered++
        return answer?.status
      })
      await eventually(
        () => answered,
        (count) => count > 0,
      )
      process.kill(hung, 'SIGCONT')
      t.same(new Set(await Promise.all(answers)), new Set([200]))
      for (const socket of sockets) socket.destroy()
    }

    const { port } = server
    await t.rejects(
      start(t, { ...environment, HTTP_PORT: String(port) }),
      { message: new RegExp(`ended \\(1\\): port ${port} is in use: .* HTTP_PORT to another\\n$`) },
      'a second server on the port is refused, not given a share of it',
    )
    process.kill(forks[0] as number, 'SIGKILL')
    await eventually(
      () => forksOf(server).filter((pid) => !forks.includes(pid)).length,
      (count) => count === 1,
      startTimeoutMs,
    )
    await t.rejects(start(t, { ...environment, HTTP_PORT: String(port) }), { message: /is in use/ })
    await becomes(t, server, 200)
  })
}

void t.test('a process that hangs is killed, and does not keep the others', async (t) => {
  const server = await start(t, {
    DATABASE_URL: await testDatabase(t),
    LOG_LEVEL: 'error',
    HTTP_DRAIN_TIMEOUT_MS: '100',
    PUBLISH_TIMEOUT_MS: '100',
    PUBLISH_WAIT_MAX_MS: '10',
  })
  process.kill(forksOf(server)[0] as number, 'SIGSTOP')
  server.process.kill('SIGTERM')
  t.equal(await server.exited, 0)
  t.match(lines(server), [{ msg: 'a server process did not exit in time, sent SIGKILL' }])
})

void t.test('a database that is slow to answer at the start is waited for', async (t) => {
  const url = await testDatabase(t)
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end({ timeout: 1 }))
  const refreshTimeoutMs = 300
  const starting = await sql.begin(async (transaction) => {
    await transaction`LOCK TABLE todos IN ACCESS EXCLUSIVE MODE`
    const env = { DATABASE_URL: url, LIST_REFRESH_TIMEOUT_MS: String(refreshTimeoutMs) }
    const started = start(t, env)
    started.catch(() => {}) // seen below
    const waits = async () => {
      const [row] = await transaction<{ count: number }[]>`
        SELECT count(*)::int FROM pg_locks WHERE relation = 'todos'::regclass AND NOT granted`
      return row?.count ?? 0
    }
    await eventually(waits, (count) => count > 0, startTimeoutMs)
    await delay(10 * refreshTimeoutMs)
    return { started }
  })
  const server = await starting.started
  t.ok(lines(server).some(({ msg }) => msg === 'list not refreshed'))
  t.match(await ask(t, server.port, '/todos?limit=10'), { status: 200 })
})

void t.test('SIGHUP while processes can not start: the old ones go on serving', async (t) => {
  const directory = await testDirectory(t)
  const postgres = await startPostgres({ directory: join(directory, 'pg'), durable: false })
  t.teardown(() => postgres.stop())
  await migrate(postgres.url, migrationsDirectory)
  const server = await start(t, { DATABASE_URL: postgres.url, LOG_LEVEL: 'error' })
  const forks = forksOf(server)
  await postgres.stop()
  server.process.kill('SIGHUP')
  t.match(
    await rollingRestartEnds(server),
    /^a new server process did not start .*the others keep serving$/,
  )
  await eventually(
    () => forksOf(server).sort(),
    (now) => now.join() === forks.sort().join(),
  )
  for (let i = 0; i < 10; i++)
    t.match(await ask(t, server.port, '/todos?limit=10'), { status: 200 })
  process.kill(forks[0] as number, 'SIGKILL')
  const said = await eventually(server.output, (output) => output.includes('failed to start'))
  t.equal(said.split('a server process died').length - 1, 1, 'only the killed one has died')
  server.process.kill('SIGTERM')
  t.equal(await server.exited, 0, 'and it leaves, with Postgres away')
})

void t.test(
  'SIGHUP while a process can not become ready: the old ones go on serving',
  async (t) => {
    const url = await testDatabase(t)
    const server = await start(t, { DATABASE_URL: url, LOG_LEVEL: 'error' })
    const forks = forksOf(server)
    const sql = postgres(url, { max: 1, onnotice: () => {} })
    t.teardown(() => sql.end({ timeout: 1 }))
    // For sessions that begin now: those of the new process.
    const name = new URL(url).pathname.slice(1)
    await sql.unsafe(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    server.process.kill('SIGHUP')
    t.match(
      await rollingRestartEnds(server),
      /^a new server process is not ready \(postgres fails: .*keep serving$/,
    )
    await eventually(
      () => forksOf(server).sort(),
      (now) => now.join() === forks.sort().join(),
    )
    t.match(await ask(t, server.port, '/todos?limit=10'), { status: 200 })
  },
)

void t.test('each process on a port of its own', async (t) => {
  for (const engine of engineNames) {
    await t.test(engine, async (t) => {
      const first = await freePort()
      const server = await start(t, {
        DATABASE_URL: await testDatabase(t),
        HTTP_ENGINE: engine,
        HTTP_PORT: String(first),
        HTTP_PORT_PER_PROCESS: 'true',
        LOG_LEVEL: 'info',
      })
      t.equal(server.port, first)
      for (const port of [first, first + 1]) {
        t.match(await ask(t, port, '/todos?limit=10'), { status: 200 })
      }
      const forks = forksOf(server)
      server.process.kill('SIGHUP')
      t.equal(await rollingRestartEnds(server), 'rolling restart done')
      t.same(
        forksOf(server).filter((pid) => forks.includes(pid)),
        [],
        'all are new',
      )
      for (const port of [first, first + 1]) {
        t.match(await ask(t, port, '/todos?limit=10'), { status: 200 })
      }
    })
  }
})

const isAlive = (pid: number): boolean =>
  execFileSync('ps', ['-axo', 'pid=,stat='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(([found, state]) => Number(found) === pid && !state?.startsWith('Z'))
