// Announcements of changes that do not arrive, on the whole system. Redis fails over under open
// connections, refuses writes in several ways, or only the worker can't reach it. Every write is seen
// in the lists all the same. /ready, the gauge and one log line give the reason. It ends without a
// restart when Redis is well.

import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { startServer, startWorker, type Running } from '../../scripts/stack/processes.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import { testGate } from '../gate.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { ownRedis, testDatabase, testTopic } from '../services.ts'
import { generousTimeouts, testSecret } from '../settings.ts'
import { engineNames, type EngineName } from '../engines/harness.ts'

const setUp = async (t: Test, engine: EngineName) => {
  const [first, second] = [await ownRedis(t), await ownRedis(t)]
  if (!first || !second) return undefined
  const admins = [first, second].map(({ url }) => {
    const admin = new Redis(url)
    t.teardown(() => {
      admin.disconnect()
    })
    return admin
  })
  const [admin, next] = admins as [Redis, Redis]
  await admin.acl('SETUSER', 'worker', 'on', '>worker', '~*', '&*', '+@all')
  const gate = await testGate(t, first.port)
  const environment = {
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'redis',
    DATABASE_URL: await testDatabase(t),
    KAFKA_TODO_TOPIC: testTopic(),
    KAFKA_PARTITIONS: '1',
    JWT_SECRET: testSecret,
    HTTP_ENGINE: engine,
    HTTP_PROCESSES: '1',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    REDIS_URL: `redis://127.0.0.1:${gate.port}/0`,
    LOG_LEVEL: 'info',
    ...generousTimeouts,
  }
  return { first, second, admin, next, gate, environment }
}

/** Whoever writes it, a title is written once. */
let made = 0

const clientOf = (server: Running) => {
  const url = `http://127.0.0.1:${server.port}`
  const authorization = `Bearer ${signToken(testSecret, 'ann', 36_000)}`
  const titles = async () => {
    const response = await fetch(`${url}/todos?limit=10`)
    return ((await response.json()) as { title: string }[]).map((todo) => todo.title)
  }
  const ready = async () => {
    const response = await fetch(`${url}/ready`)
    const body = (await response.json()) as { status: string; dependencies: Record<string, string> }
    return { code: response.status, ...body }
  }
  return {
    titles,
    ready,
    isReady: () => eventually(ready, ({ status }) => status === 'ready', startTimeoutMs),
    /** No list runs out of its TTL in the time that this waits. */
    async writeIsSeen() {
      const title = `todo ${++made}`
      const response = await fetch(`${url}/todos`, {
        method: 'POST',
        headers: { Authorization: authorization, 'Content-Type': 'application/json' },
        body: JSON.stringify({ title }),
      })
      if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`)
      const sentMs = performance.now()
      await eventually(titles, (seen) => seen[0] === title)
      return performance.now() - sentMs
    },
  }
}

const linesOf = (one: Running, message: RegExp) =>
  one
    .output()
    .split('\n')
    .filter((line) => message.test(line))

/** Why, whatever version of the lists it is about. */
const reasonsIn = (lines: readonly string[]): string[] =>
  lines.map((line) => (JSON.parse(line) as { reason: string }).reason.replaceAll(/\d+/g, 'N'))

// The engines side by side: both wait for time-outs and polls.
t.jobs = 2

for (const engine of engineNames) {
  void t.test(`${engine}: announcements that do not arrive`, async (t) => {
    const system = await setUp(t, engine)
    if (!system) return
    const { first, second, admin, next, gate, environment } = system
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    const workerUrl = environment.REDIS_URL.replace('redis://', 'redis://worker:worker@')
    const worker = await startWorker({ ...environment, REDIS_URL: workerUrl })
    t.teardown(() => worker.stop())
    const { ready, isReady, writeIsSeen } = clientOf(server)
    /** Writes are seen while it lasts, and it is said. */
    const isSaid = async (t: Test, reason: RegExp) => {
      for (let i = 0; i < 3; i++) {
        t.comment(`in the list after ${Math.round(await writeIsSeen())} ms`)
      }
      const seen = await eventually(ready, ({ status }) => status === 'degraded')
      t.match(seen, { code: 200, dependencies: { lists: reason, postgres: 'ok' } })
      const page = await scrape(server.metricsPort)
      t.ok(page.total('todos_list_stale_seconds', { list: 'newest' }) > 0)
      t.equal(page.total('todos_list_processes', { list: 'newest', state: 'stale' }), 1)
    }
    await isReady()
    await writeIsSeen()

    for (const [what, reason, fall, heal] of [
      [
        'Redis has no memory left',
        /unverified, OOM/,
        () => admin.config('SET', 'maxmemory', '1mb'),
        () => admin.config('SET', 'maxmemory', '0'),
      ],
      [
        'Redis pauses writes',
        /unverified, /,
        () => admin.call('CLIENT', 'PAUSE', 600_000, 'WRITE'),
        () => admin.call('CLIENT', 'UNPAUSE'),
      ],
      [
        'only the worker may not announce',
        /unverified, version \d+ of the lists is in Postgres and was not announced/,
        () => admin.acl('SETUSER', 'worker', '-eval', '-evalsha'),
        () => admin.acl('SETUSER', 'worker', '+eval', '+evalsha'),
      ],
      [
        'Redis has become a replica, under open connections',
        /unverified, .*READONLY/,
        async () => {
          await next.acl('SETUSER', 'worker', 'on', '>worker', '~*', '&*', '+@all')
          await admin.replicaof('127.0.0.1', second.port)
        },
        () => {
          gate.leadTo(second.port)
          return Promise.resolve()
        },
      ],
    ] as const) {
      await t.test(what, async (t) => {
        const before = linesOf(server, /list invalidations unavailable/).length
        const beforeWorker = linesOf(worker, /are not announced/).length
        await fall()
        await isSaid(t, reason)
        await heal()
        await isReady()
        await writeIsSeen()
        // One for each reason. On a busy machine there is another behind a failover: the server finds the
        // new Redis before the worker does, or a first try there takes too long.
        const said = reasonsIn(linesOf(server, /list invalidations unavailable/).slice(before))
        t.ok(said.length > 0)
        t.same(said, [...new Set(said)], 'each reason is said once')
        const failures = () => linesOf(worker, /are not announced/).length
        const saidByWorker = reasonsIn(linesOf(worker, /are not announced/).slice(beforeWorker))
        t.ok(saidByWorker.length > 0)
        // Once more where the replica gets the version from its new master: it refuses the next one.
        const repeated = saidByWorker.length - new Set(saidByWorker).size
        t.ok(
          repeated <= (what.includes('replica') ? 1 : 0),
          `in the worker, too: ${saidByWorker.join()}`,
        )
        await eventually(
          () => linesOf(worker, /announced again/).length,
          (count) => count === failures(),
        )
        const page = await scrape(worker.metricsPort)
        t.ok(page.total('todos_worker_announcements_total', { result: 'failed' }) > 0)
        // At some look: a refresh may be in flight at any other.
        await eventually(
          async () => (await scrape(server.metricsPort)).total('todos_list_stale_seconds'),
          (seconds) => seconds === 0,
        )
      })
    }
    t.not(first.port, second.port)

    for (const [what, put] of [
      ['text', () => next.set('{todos}:version', 'abc')],
      ['a list', () => next.multi().del('{todos}:version').lpush('{todos}:version', 'x').exec()],
      ['a later version', () => next.set('{todos}:version', '9007199254740991')],
    ] as const) {
      await t.test(`somebody puts ${what} in the version's place`, async () => {
        await put()
        await writeIsSeen()
        await eventually(
          () => next.get('{todos}:version').catch(() => 'abc'),
          (version) => /^\d{1,16}$/.test(version ?? '') && version !== '9007199254740991',
        )
        await isReady()
        await writeIsSeen()
      })
    }

    await t.test('a server that starts meanwhile is degraded, and answers', async (t) => {
      await next.config('SET', 'maxmemory', '1mb')
      // It takes connections and answers nothing.
      const frozen = await ownRedis(t)
      frozen?.kill('SIGSTOP')
      t.teardown(() => frozen?.kill('SIGCONT'))
      const start = async (url = '') => {
        const another = await startServer({ ...environment, REDIS_URL: url })
        t.teardown(() => another.stop())
        return { url, another, client: clientOf(another) }
      }
      // At once: each waits for its Redis before it listens without it.
      const [withFrozen, ...withRefusing] = await Promise.all([
        start(frozen?.url),
        start(environment.REDIS_URL),
        start('redis://127.0.0.1:1/0'),
        start(environment.REDIS_URL.replace('redis://', 'redis://worker:wrong@')),
      ])
      for (const { url, another, client } of withRefusing) {
        t.match(await client.ready(), { code: 200, status: 'degraded' }, url)
        t.equal((await client.titles()).length, 10)
        await client.writeIsSeen()
        t.notMatch(another.output(), /Stream isn't writeable/)
      }
      await next.config('SET', 'maxmemory', '0')
      t.match(await withFrozen.client.ready(), { code: 200, status: 'degraded' }, 'frozen')
      await withFrozen.client.writeIsSeen()
    })
  })
}
