// A server and a worker whose todos are in two shards, as clients see them. One shard's Postgres is stopped:
// its owners' todos are a 503, all else goes on, and nothing that was acknowledged is lost. Then a third joins
// the map, and leaves it: nobody is started again for that.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { bucketOfOwner } from '../../lib/domain/todo-id.ts'
import { migrate } from '../../lib/drivers/postgres/migrate.ts'
import { shardOfTodo, type ShardMap } from '../../lib/domain/shard-map.ts'
import { readConfig } from '../../lib/runtime/config/config.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { shards } from '../../scripts/shards.ts'
import { startPostgres } from '../../scripts/stack/postgres.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import { eventually } from '../eventually.ts'
import { clientOf, type Answer, type Json } from '../json-client.ts'
import { restartable, type RestartableService } from '../restartable.ts'
import { ownRedis, testDatabase, testStacks, testTopic } from '../services.ts'
import { generousTimeouts, testSecret } from '../settings.ts'
import { shardedDatabases, type ShardedDatabases } from '../sharded-databases.ts'
import { openTeamsAt } from '../teams.ts'

const partitions = 4
const waits = { prefer: 'wait=10' }
const bounds = { teamsOfUserMax: 100, membersMax: 100, invitationsMax: 100, invitationTtlSec: 60 }

const startOn = async (t: Test, stack: Record<string, string>, databases: ShardedDatabases) => {
  const environment = {
    ...generousTimeouts,
    ...stack,
    ...databases.settings,
    KAFKA_TODO_TOPIC: testTopic(),
    KAFKA_PARTITIONS: String(partitions),
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PROCESSES: '1',
    JWT_SECRET: testSecret,
    LIMIT_USER_REQUESTS: '0',
    LOG_LEVEL: 'warn',
  }
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  const { account, pool } = openTeamsAt(t, databases.settings.DATABASE_URL, bounds)
  const idOf = ({ userId }: { readonly userId: string }) => userId
  const users = {
    ann: await databases.ownerIn('a', (n) => account(`ann${n}`), idOf),
    bob: await databases.ownerIn('b', (n) => account(`bob${n}`), idOf),
  }
  const ask = clientOf(server.port, undefined)
  return {
    server,
    worker,
    pool,
    users,
    isListInRedis: 'REDIS_URL' in stack,
    asAnn: clientOf(server.port, users.ann.userId),
    asBob: clientOf(server.port, users.bob.userId),
    ready: () => ask('GET', '/ready'),
    newest: () => ask('GET', '/todos?limit=100'),
  }
}

const idOf = ({ body }: Answer) => String(body['id'])
/** Where a list goes on. */
const nextOf = ({ headers }: Answer) => /<([^>]*)>/.exec(headers.get('link') ?? '')?.[1] ?? ''
const todosOf = ({ body }: Answer) => body['todos'] as readonly Json[]
const titlesOf = (list: Answer) => (list.body as unknown as Json[]).map(({ title }) => title)
const statusIs = (status: string) => (answer: Answer) => answer.body['status'] === status

type System = Awaited<ReturnType<typeof startOn>>

/** What clients do, on two shards: as on one database. */
const walk = async (t: Test, system: System, map: ShardMap) => {
  const { asAnn, asBob, users, pool, ready, newest } = system
  await eventually(ready, statusIs('ready'))

  for (const [as, shard] of [
    [asAnn, 'a'],
    [asBob, 'b'],
  ] as const) {
    const made = await as('POST', '/api/todos', { title: `mine in ${shard}` })
    t.equal(made.status, 201)
    t.equal(shardOfTodo(map, idOf(made)), shard)
    const path = `/api/todos/${idOf(made)}`
    const etag = made.headers.get('etag') ?? ''
    const changed = await as('PATCH', path, { title: 'changed' }, { 'if-match': etag })
    t.match(changed, { status: 200, body: { title: 'changed' } })
    t.equal((await as('PATCH', path, { title: 'late' }, { 'if-match': etag })).status, 412)
    t.match(todosOf(await as('GET', '/api/todos')), [{ title: 'changed' }])
    t.equal((await as('DELETE', path)).status, 204)
    t.equal((await as('GET', path)).status, 404)
  }

  await t.test('public ones, from wherever they are', async (t) => {
    const titles = Array.from({ length: 12 }, (_, i) => `public ${i}`)
    const made: Answer[] = []
    // One after the other: what is sent together is for one partition.
    for (const title of titles) made.push(await asAnn('POST', '/todos', { title }, waits))
    t.same(new Set(made.map(({ status }) => status)), new Set([201]))
    const shards = made.map((one) => shardOfTodo(map, idOf(one)))
    t.same(new Set(shards), new Set(['a', 'b']))
    const list = await eventually(newest, (one) => titlesOf(one).length === titles.length)
    t.same(titlesOf(list).toSorted(), titles.toSorted())
    t.match(list.headers.get('etag'), /^"\d+\.\d+\.none-100"$/, 'one version for each shard')
    const page = await asAnn('GET', '/todos?limit=5')
    t.same(
      [
        ...titlesOf(page),
        ...titlesOf(await asAnn('GET', nextOf(page).replace('limit=5', 'limit=7'))),
      ],
      titlesOf(list),
    )
    const id = idOf(made[0] as Answer)
    t.equal((await asBob('PATCH', `/todos/${id}`, { title: 'x' }, waits)).status, 403)
    t.equal((await asAnn('DELETE', `/todos/${id}`, undefined, waits)).status, 204)
    t.equal((await asAnn('GET', `/todos/${id}`)).status, 404)
  })

  await t.test('an Idempotency-Key stands for one todo, in the shard of its owner', async (t) => {
    for (const path of ['/api/todos', '/todos']) {
      const headers = { 'idempotency-key': path.replaceAll('/', '-'), prefer: 'wait=10' }
      const once = await asBob('POST', path, { title: 'once' }, headers)
      const twice = await asBob('POST', path, { title: 'once' }, headers)
      t.same([once.status, twice.status], [201, 201])
      t.equal(idOf(twice), idOf(once))
      t.match(await asBob('GET', `${path}/${idOf(once)}`), {
        status: 200,
        body: { title: 'once' },
      })
    }
  })

  await t.test('a team, who leaves it, and what is shared', async (t) => {
    const team = idOf(await asAnn('POST', '/api/teams', { name: 'red' }))
    await pool.run(
      (sql) => sql`
          INSERT INTO team_members (team_id, user_id, role)
          VALUES (${team}, ${users.bob.userId}, 'member')`,
    )
    const path = `/api/teams/${team}/todos`
    const made = await asAnn('POST', path, { title: 'ours', assignee_id: users.bob.userId })
    t.equal(made.status, 201)
    t.match(await asBob('GET', path), { status: 200, body: { todos: [{ title: 'ours' }] } })
    t.equal((await asBob('DELETE', `/api/teams/${team}/members/${users.bob.userId}`)).status, 204)
    t.equal((await asBob('GET', path)).status, 404)
    await eventually(
      () => asAnn('GET', `${path}/${idOf(made)}`),
      ({ body }) => body['assignee_id'] === null,
    )

    const own = await asAnn('POST', '/api/todos', { title: 'shared' })
    const todo = `/api/todos/${idOf(own)}`
    const share = { email: users.bob.email, role: 'editor' }
    t.equal((await asAnn('PUT', `${todo}/shares`, share)).status, 200)
    t.match(await asBob('GET', todo), { status: 200, body: { title: 'shared' } })
    t.equal((await asBob('PATCH', todo, { completed: true })).status, 200)
    t.match(await asBob('GET', '/api/shared'), {
      body: { todos: [{ todo: { completed: true } }] },
    })
    t.equal((await asAnn('DELETE', todo)).status, 204)
    t.equal((await asBob('GET', todo)).status, 404)
    await eventually(
      () => pool.run((sql) => sql`SELECT FROM todo_shares`),
      ({ count }) => count === 0,
    )
  })
}

const down = async (t: Test, system: System, b: RestartableService) => {
  const { asAnn, asBob, ready, newest, server, worker } = system
  const before = titlesOf(await newest())
  const [annsPath, bobsPath] = await Promise.all(
    [asAnn, asBob].map(
      async (as) => `/api/todos/${idOf(await as('POST', '/api/todos', { title: 'own' }))}`,
    ),
  )
  const create = (title: string) => asAnn('POST', '/todos', { title })
  for (let i = 0; i < 8; i++) t.equal((await create(`before ${i}`)).status, 202)
  const isWhole = (count: number) => (list: Answer) =>
    !list.headers.has('missing-shards') && titlesOf(list).length === count
  await eventually(newest, isWhole(before.length + 8))

  await b.takeAway()
  const lost = await eventually(
    () => asBob('GET', bobsPath as string),
    ({ status }) => status === 503,
  )
  t.match(lost.headers.get('retry-after'), /^\d+$/)
  t.equal((await asBob('GET', '/api/todos')).status, 503)
  const degraded = await eventually(ready, statusIs('degraded'))
  t.match(degraded, { status: 200, body: { dependencies: { shards: /^fails: b: / } } })
  t.match(await asAnn('GET', annsPath as string), { status: 200, body: { title: 'own' } })
  t.equal((await asAnn('POST', '/api/todos', { title: 'meanwhile' })).status, 201)
  if (system.isListInRedis) {
    // A shard that is down changes nothing: what Redis has of it is its newest.
    const held = await newest()
    t.equal(held.headers.has('missing-shards'), false)
    t.equal(titlesOf(held).length, before.length + 8, 'those of both shards')
  } else {
    const partial = await eventually(newest, ({ headers }) => headers.has('missing-shards'))
    t.equal(partial.headers.get('missing-shards'), 'b')
    t.ok(
      titlesOf(partial).length > 0 && titlesOf(partial).length < before.length + 8,
      'those of the other shard',
    )
  }
  const after = nextOf(await asAnn('GET', '/todos?limit=1'))
  t.equal((await asAnn('GET', after)).headers.get('missing-shards'), 'b', 'nor in what follows')

  for (let i = 0; i < 8; i++) t.equal((await create(`while ${i}`)).status, 202, 'acknowledged')
  const late = await asBob('POST', '/api/todos', { title: 'late' }, { prefer: 'respond-async' })
  t.equal(late.status, 202)
  const metrics = await scrape(server.metricsPort)
  t.equal(metrics.total('todos_shard_unavailable_processes', { shard: 'b' }), 1)
  t.equal(metrics.total('todos_shard_unavailable_processes', { shard: 'a' }), 0)
  t.match(worker.output(), /shard unavailable/)

  await b.giveBack()
  await eventually(ready, statusIs('ready'))
  const whole = await eventually(newest, isWhole(before.length + 16))
  t.same(
    titlesOf(whole).toSorted(),
    [
      ...before,
      ...['before', 'while'].flatMap((when) => Array.from({ length: 8 }, (_, i) => `${when} ${i}`)),
    ].toSorted(),
  )
  const mine = await eventually(
    () => asBob('GET', '/api/todos'),
    (list) => list.status === 200 && todosOf(list)[0]?.['title'] === 'late',
  )
  t.equal(mine.headers.has('missing-shards'), false)
}

/** `c` was named in the settings, and its database was not there. */
const grow = async (t: Test, system: System, databases: ShardedDatabases, c: RenamedDatabase) => {
  const { asAnn, asBob, users, ready, newest, server, worker } = system
  const run = async (...args: string[]) => {
    const lines: string[] = []
    const add = (line: string) => void lines.push(line)
    const read = () => readConfig(databases.settings, 'script')
    return { code: await shards(args, read, { out: add, err: add }), text: lines.join('\n') }
  }
  const before = titlesOf(await newest())
  for (const running of [server, worker])
    t.match(running.output(), /"shards":\["c"\].*going on without shards/)
  await c.giveName()
  t.match(await run('add', 'c'), { code: 0 })
  const buckets = [users.ann, users.bob].map(({ userId }) => String(bucketOfOwner(userId)))
  t.match(await run('move', ...buckets, 'c'), { code: 0 })
  t.match(await run('move', '--count', '30', 'b', 'c'), { code: 0 })
  for (const as of [asAnn, asBob]) {
    t.match(todosOf(await as('GET', '/api/todos')), [{ user_id: /./ }], 'what was moved is there')
    const made = await as('POST', '/api/todos', { title: 'in c' })
    t.equal(made.status, 201, 'the worker has it, too')
    t.match(await as('GET', `/api/todos/${idOf(made)}`), { body: { title: 'in c' } })
    t.equal((await as('DELETE', `/api/todos/${idOf(made)}`)).status, 204)
  }
  for (let i = 0; i < 8; i++)
    t.equal((await asAnn('POST', '/todos', { title: `grown ${i}` }, waits)).status, 201)
  const isWhole = (list: Answer) =>
    !list.headers.has('missing-shards') && titlesOf(list).length === before.length + 8
  const list = await eventually(newest, isWhole)
  t.match(list.headers.get('etag'), /^"\d+\.\d+\.[1-9]\d+-100"$/, 'c has a version now')
  await eventually(ready, statusIs('ready'))

  t.match(await run('remove', 'c'), { code: 1, text: /c has \d+ buckets/ })
  t.match(await run('move', '--count', '4096', 'c', 'b'), { code: 0 })
  // Its events may wait for a worker yet.
  await eventually(
    () => run('remove', 'c'),
    ({ code }) => code === 0,
  )
  t.equal((await asAnn('POST', '/todos', { title: 'left' }, waits)).status, 201)
  await eventually(newest, (one) => titlesOf(one).length === before.length + 9)
}

/** Not there under the name in its URL, until it gets that. */
const renamedDatabase = async (t: Test) => {
  const url = new URL(await testDatabase(t))
  const name = url.pathname.slice(1)
  const sql = postgres(Object.assign(new URL(url), { pathname: '/postgres' }).href, { max: 1 })
  t.teardown(() => sql.end())
  await sql`ALTER DATABASE ${sql(name)} RENAME TO ${sql(`${name}_gone`)}`
  return {
    url: url.href,
    giveName: () => sql`ALTER DATABASE ${sql(`${name}_gone`)} RENAME TO ${sql(name)}`,
  }
}
type RenamedDatabase = Awaited<ReturnType<typeof renamedDatabase>>

/** All in Postgres; with SHARDS_STACK `redis` lists are in Redis, and with `real` the log is in Kafka, too. */
const stackOf = async (t: Test): Promise<Record<string, string> | undefined> => {
  const chosen = process.env['SHARDS_STACK'] ?? 'embedded'
  if (chosen !== 'redis') return testStacks[chosen]?.(t)
  const redis = await ownRedis(t)
  return redis && { COMMAND_LOG: 'postgres', REDIS_URL: redis.url }
}

t.test('todos of two shards are one service; one that stops takes nothing along', async (t) => {
  const stack = await stackOf(t)
  if (!stack) return
  const b = await restartable(t, (options) => startPostgres({ ...options, durable: false }))
  await migrate(b.directUrl(), migrationsDirectory)
  const c = await renamedDatabase(t)
  const databases = await shardedDatabases(t, partitions, b.url, c.url)
  const soon = { LIST_STALE_IF_ERROR_SEC: '1', LIST_REFRESH_TIMEOUT_MS: '2000' }
  const system = await startOn(t, { ...stack, ...soon }, databases)
  await walk(t, system, databases.map)
  await down(t, system, b)
  await grow(t, system, databases, c)
})

t.test('a start says what contradicts the map, and what to do', async (t) => {
  const { settings } = await shardedDatabases(t, partitions)
  const [a = '', b = ''] = settings.DATABASE_SHARDS.split(',').map((one) => one.slice(2))
  const environment = {
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    HTTP_PORT: '0',
    JWT_SECRET: testSecret,
  }
  const swapped = { ...settings, DATABASE_SHARDS: `a=${b},b=${a}` }
  const unset = { DATABASE_URL: settings.DATABASE_URL }
  await Promise.all([
    t.rejects(startServer({ ...environment, ...swapped }), {
      message: /a in DATABASE_SHARDS leads to the shard b/,
    }),
    t.rejects(startWorker({ ...environment, ...unset }), {
      message: /set DATABASE_SHARDS to them/,
    }),
  ])
})
