// A server and a worker with all in one database get shards: a copy is adopted while the server goes on, then
// both are started with shards. Ids from before buckets work as they did, and what was acknowledged is there.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { bucketOf, bucketOfOwner } from '../../lib/domain/todo-id.ts'
import { readConfig } from '../../lib/runtime/config/config.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { shards } from '../../scripts/shards.ts'
import { eventually } from '../eventually.ts'
import { clientOf, type Answer, type Json } from '../json-client.ts'
import { copiedDatabase, databaseUrl, testDatabase, testTopic } from '../services.ts'
import { generousTimeouts, testSecret } from '../settings.ts'
import { openTeamsAt, type TestAccount } from '../teams.ts'

const bounds = { teamsOfUserMax: 100, membersMax: 100, invitationsMax: 100, invitationTtlSec: 60 }

const idOf = ({ body }: Answer) => String(body['id'])
const todosOf = ({ body }: Answer) => body['todos'] as readonly Json[]
const titlesOf = (todos: readonly Json[]) => todos.map(({ title }) => title)
const keyed = (key: string) => ({ 'idempotency-key': key, prefer: 'wait=10' })

/** While servers are connected, which a copy by Postgres's own means allows, and a template does not. */
const copyOf = async (t: Test, url: string): Promise<string> => {
  const sql = postgres(databaseUrl(url, 'postgres'), { max: 1, onnotice: () => {} })
  const name = new URL(url).pathname.slice(1)
  const allow = (how: boolean) => sql.unsafe(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${how}`)
  await allow(false)
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${name}`
  try {
    return await copiedDatabase(t, url)
  } finally {
    await allow(true)
    await sql.end()
  }
}

const start = async (t: Test, environment: Readonly<Record<string, string>>) => {
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  return {
    server,
    worker,
    as: ({ userId }: TestAccount) => clientOf(server.port, userId),
    newest: () => clientOf(server.port, undefined)('GET', '/todos?limit=100'),
  }
}

t.test('todos of one database become those of shards', async (t) => {
  const main = await testDatabase(t)
  const b = await testDatabase(t)
  const alone = {
    ...generousTimeouts,
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: main,
    KAFKA_TODO_TOPIC: testTopic(),
    KAFKA_PARTITIONS: '4',
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PROCESSES: '1',
    JWT_SECRET: testSecret,
    LIMIT_USER_REQUESTS: '0',
    LOG_LEVEL: 'warn',
  }
  const before = await start(t, alone)
  const { account, pool } = openTeamsAt(t, main, bounds)
  const [ann, bob] = await Promise.all([account('ann'), account('bob')])
  const asAnn = before.as(ann)
  const own = await asAnn('POST', '/api/todos', { title: 'own' }, keyed('own'))
  const open = await asAnn('POST', '/todos', { title: 'open' }, keyed('open'))
  const gone = await asAnn('POST', '/todos', { title: 'gone' }, keyed('gone'))
  const team = idOf(await asAnn('POST', '/api/teams', { name: 'red' }))
  const ofTeam = await asAnn(
    'POST',
    `/api/teams/${team}/todos`,
    { title: 'ours' },
    keyed('of-team'),
  )
  for (const made of [own, open, gone, ofTeam]) {
    t.equal(made.status, 201)
    t.equal(bucketOf(idOf(made)), undefined, 'an id without a bucket')
  }
  const fresh = await asAnn('POST', '/api/todos', { title: 'fresh' })
  t.type(bucketOf(idOf(fresh)), 'number')
  const bobs = await before.as(bob)('POST', '/api/todos', { title: "bob's" })
  const share = { email: bob.email, role: 'editor' }
  t.equal((await asAnn('PUT', `/api/todos/${idOf(own)}/shares`, share)).status, 200)

  await before.worker.stop()
  const later = { prefer: 'respond-async' }
  t.equal((await asAnn('POST', '/api/todos', { title: 'late' }, later)).status, 202)
  const ownPath = `/api/todos/${idOf(own)}`
  t.equal((await asAnn('PATCH', ownPath, { title: 'changed' }, later)).status, 202)
  const a = await copyOf(t, main)

  const sharded = { ...alone, DATABASE_SHARDS: `a=${a},b=${b}` }
  const run = async (...args: string[]) => {
    const lines: string[] = []
    const add = (line: string) => void lines.push(line)
    const code = await shards(args, () => readConfig(sharded, 'script'), { out: add, err: add })
    return { code, text: lines.join('\n') }
  }
  t.match(await run('init', '--adopt', 'a'), { code: 0, text: /a: has all 4 partitions/ })

  // The server knows of no shards yet, and goes on.
  const isThere = ({ status }: Answer) => status === 200
  t.match(await eventually(() => asAnn('GET', ownPath), isThere), { body: { title: 'own' } })
  const between = await asAnn(
    'POST',
    '/api/todos',
    { title: 'between' },
    {
      ...keyed('between'),
      ...later,
    },
  )
  t.equal(between.status, 202)
  const refused = await asAnn('DELETE', `/api/teams/${team}`)
  t.equal(refused.status, 503, 'todos of a team that would have to go are elsewhere')
  await before.server.stop()

  const after = await start(t, sharded)
  const [asAnnNow, asBobNow] = [after.as(ann), after.as(bob)]
  const applied = ['between', 'late', 'fresh', 'changed']
  await eventually(
    () => asAnnNow('GET', '/api/todos'),
    (list) => list.status === 200 && titlesOf(todosOf(list)).join() === applied.join(),
  )
  t.pass('what had been accepted is applied')
  for (const [key, title, made] of [
    ['own', 'own', own],
    ['between', 'between', between],
  ] as const) {
    const again = await asAnnNow('POST', '/api/todos', { title }, keyed(key))
    t.match([again.status, idOf(again)], [201, idOf(made)], `${key}: the same todo`)
  }

  const walk = async (t: Test) => {
    t.match(await asAnnNow('GET', ownPath), { status: 200, body: { title: /./ } })
    const title = `of ${Math.random()}`
    t.match(await asBobNow('PATCH', ownPath, { title }), { status: 200, body: { title } })
    t.match(await asBobNow('GET', '/api/shared'), { body: { todos: [{ todo: { title } }] } })
    t.match(await asAnnNow('GET', `/api/teams/${team}/todos`), {
      body: { todos: [{ title: 'ours' }] },
    })
    const path = `/todos/${idOf(open)}`
    t.equal((await asBobNow('PATCH', path, { title }, { prefer: 'wait=10' })).status, 403)
    t.match(await asAnnNow('PATCH', path, { title }, { prefer: 'wait=10' }), { status: 200 })
    await eventually(after.newest, ({ body }) => {
      const titles = titlesOf(body as unknown as Json[])
      return titles.length === 1 && titles[0] === title
    })
  }
  const removed = await asAnnNow('DELETE', `/todos/${idOf(gone)}`, undefined, {
    prefer: 'wait=10',
  })
  t.equal(removed.status, 204)
  await t.test('with what is left in DATABASE_URL', walk)
  t.match(await run('finish-adoption'), { code: 0 })
  await t.test('with nothing left there', walk)

  t.match(await run('add', 'b'), { code: 0 })
  await pool.run((sql) => sql`UPDATE shard_map SET keys_without_bucket_until = now()`)
  const bucketOfBob = bucketOfOwner(bob.userId)
  if (bucketOfBob !== bucketOfOwner(ann.userId) && bucketOfBob !== bucketOfOwner(team))
    t.match(await run('move', String(bucketOfBob), 'b'), { code: 0, text: /1 todos/ })
  t.match(await run('move', String(bucketOfOwner(ann.userId)), 'b'), {
    code: 1,
    text: /stays in a/,
  })
  await t.test('with buckets in another shard', walk)
  // For a second, until the server has read the map again, the new shard counts as one that is down.
  const moved = await eventually(() => asBobNow('GET', `/api/todos/${idOf(bobs)}`), isThere)
  t.match(moved, { body: { title: "bob's" } })
  t.equal((await asAnnNow('DELETE', ownPath)).status, 204)
  t.equal((await asBobNow('GET', ownPath)).status, 404)
  await eventually(
    () => pool.run((sql) => sql`SELECT FROM todo_shares`),
    ({ count }) => count === 0,
  )
})
