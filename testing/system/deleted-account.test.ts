// An account with everything is deleted while its writes are under way, and the worker is killed while it
// erases: what was acknowledged is applied first, and then every table and every key is searched.

import postgres, { type Sql } from 'postgres'
import t, { type Test } from 'tap'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import {
  createAuthClient,
  loggedIn,
  password,
  type AuthAnswer,
  type AuthClient,
} from '../auth-client.ts'
import { eventually } from '../eventually.ts'
import { keysNaming, rowsNaming } from '../everything.ts'
import { testDatabase, testStacks, testTopic } from '../services.ts'
import { testSecret } from '../settings.ts'

const address = 'ann.who.leaves@example.com'
const browser = 'Browser of whoever leaves'
const writers = 6
/** More than the worker erases in one step. */
const personalTodos = 2_500
/** A minute is promised; each look reads every row and key, which other tests have many of. */
const eraseMsMax = 240_000
/** What the docs say stays: docs/explanation/personal-data.md. */
const documented = ['audit_log']

const tablesBefore = [
  'account_tokens',
  'audit_log',
  'dead_letters',
  'idempotency_keys',
  'mail_outbox',
  'personal_lists',
  'sessions',
  'team_invitations',
  'team_members',
  'todos',
  'users',
]

const engines: Readonly<Record<string, string>> = { embedded: 'uws', real: 'node' }

const bodyOf = ({ text }: AuthAnswer) => JSON.parse(text) as Record<string, string>

/** Everything that an account can have. */
const fill = async (t: Test, client: AuthClient, sql: Sql) => {
  const ann = await loggedIn(client, address)
  const bob = await loggedIn(client, 'bob@example.com')
  const send = (method: string, path: string, body?: object) =>
    client.send(method, path, ann.accessToken, body)
  const { id = '' } = bodyOf(await send('GET', '/api/profile'))
  const made = await send('POST', '/api/todos', { title: 'private' })
  t.equal(made.status, 201)
  await sql`
    INSERT INTO todos
    SELECT 'p' || n, 'private', '', false, ${id}, now(), now(), 1, true
    FROM generate_series(1, ${personalTodos}::int) AS n`
  await sql`UPDATE sessions SET browser = ${browser} WHERE user_id = ${id}`
  await sql`INSERT INTO idempotency_keys VALUES (${id}, 'key', '\\x00')`
  await sql`
    INSERT INTO dead_letters (log, partition, record_offset, reason, record)
    VALUES ('x', 0, 1, 'broken', convert_to(${`{"userId":"${id}","title":"?"}`}, 'UTF8'))`
  await sql`
    INSERT INTO mail_outbox (kind, address, attempts, next_try_at)
    VALUES ('reset-password', ${address}, 1, now() + interval '1 h')`
  await sql`
    INSERT INTO account_tokens VALUES (${id}, 'reset-password', '\\x01', now() + interval '1 h')`
  for (const page of [1, 2]) await send('GET', `/api/todos?page=${page}`)
  t.equal((await send('POST', '/api/teams', { name: 'Alone' })).status, 201)
  const team = bodyOf(await client.send('POST', '/api/teams', bob.accessToken, { name: 'Both' }))
  await sql`INSERT INTO team_members VALUES (${team['id'] ?? ''}, ${id}, 'member')`
  const other = bodyOf(await client.send('POST', '/api/teams', bob.accessToken, { name: 'Asks' }))
  const invitations = `/api/teams/${other['id']}/invitations`
  await client.send('POST', invitations, bob.accessToken, { email: address })
  return { id, send, bob }
}

/** Writes until the account's tokens are refused; what was acknowledged of public todos. */
const writeOn = (send: Awaited<ReturnType<typeof fill>>['send']) => {
  const titles = new Map<string, string | undefined>()
  const inDoubt = new Set<string>()
  let acknowledged = 0
  const write = async (n: number) => {
    for (let i = 0; ; i++) {
      const title = `public ${n} ${i}`
      const posted = await send('POST', '/todos', { title })
      if (posted.status === 401) return
      if (posted.status !== 202) continue
      const { id = '' } = bodyOf(posted)
      titles.set(id, title)
      acknowledged++
      const isDeletion = i % 4 === 0
      const changed = isDeletion
        ? await send('DELETE', `/todos/${id}`)
        : await send('PUT', `/todos/${id}`, { title: `${title} changed`, completed: true })
      if (changed.status === 202) titles.set(id, isDeletion ? undefined : `${title} changed`)
      else inDoubt.add(id)
      await send('POST', '/api/todos', { title: `private ${title}` })
    }
  }
  const all = Promise.all(Array.from({ length: writers }, (_, n) => write(n)))
  return { all, titles, inDoubt, count: () => acknowledged }
}

for (const [name, stack] of Object.entries(testStacks)) {
  void t.test(`${name} stack`, async (t) => {
    const services = await stack(t)
    if (!services) return
    const database = await testDatabase(t)
    const sql = postgres(database, { max: 1, onnotice: () => {} })
    t.teardown(() => sql.end())
    const environment = {
      ...services,
      DATABASE_URL: database,
      KAFKA_TODO_TOPIC: testTopic(),
      HTTP_ENGINE: engines[name],
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
      HTTP_PROCESSES: '2',
      JWT_SECRET: testSecret,
      LOG_LEVEL: 'warn',
      AUTH_BCRYPT_COST: '4',
      // Pages go by their age.
      CACHE_TTL_SEC: '5',
      LIMIT_ADDRESS_BURST: '0',
      LIMIT_USER_REQUESTS: '1000000',
      LIMIT_WRITE_BURST: '100000',
      PUBLISH_WAIT_MAX_MS: '1000',
      PUBLISH_TIMEOUT_MS: '1000',
    }
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    let worker = await startWorker(environment)
    t.teardown(() => worker.stop())
    const client = createAuthClient(server.port)
    const { id, send, bob } = await fill(t, client, sql)
    const needles = [id, address, browser]
    const redisUrl = services['REDIS_URL']
    const found = async () => ({
      rows: await rowsNaming(sql, needles),
      keys: redisUrl === undefined ? [] : await keysNaming(redisUrl, needles),
    })
    const before = await found()
    for (const table of tablesBefore) t.ok(before.rows[table], `it is in ${table}`)
    if (redisUrl !== undefined) t.ok(before.keys.length >= 3, 'it is in Redis')

    t.equal((await send('DELETE', '/api/profile', { password: 'wrong horse' })).status, 403)
    const writing = writeOn(send)
    await eventually(writing.count, (count) => count > 20)
    const startedMs = performance.now()
    t.equal((await send('DELETE', '/api/profile', { password })).status, 204)
    await writing.all
    t.equal((await client.post('/auth/login', { email: address, password })).status, 401)

    await eventually(
      () =>
        sql`SELECT FROM erasures WHERE is_last OR log_ends IS NOT NULL AND claimed_until > now()`,
      ({ count }) => count === 1,
    )
    worker.process.kill('SIGKILL')
    await worker.exited
    worker = await startWorker(environment)
    // Nobody is at it any more: to wait until that shows would take ten seconds.
    await sql`UPDATE erasures SET claimed_until = now()`

    const isGone = ({ rows, keys }: Awaited<ReturnType<typeof found>>) =>
      keys.length === 0 &&
      Object.keys(rows).every((table) => [...documented, 'erasures'].includes(table))
    const after = await eventually(found, isGone, eraseMsMax)
    t.comment(`gone after ${Math.round((performance.now() - startedMs) / 1_000)} s`)
    t.same(Object.keys(after.rows).sort(), [...documented, 'erasures'], 'and no less')

    const rows = await sql<{ id: string; title: string; user_id: string }[]>`
      SELECT id, title, user_id FROM todos`
    t.same([...new Set(rows.map((row) => row.user_id))], ['deleted'])
    const titles = new Map(rows.map((row) => [row.id, row.title]))
    const lost = [...writing.titles].filter(
      ([todo, title]) => !writing.inDoubt.has(todo) && titles.get(todo) !== title,
    )
    t.same(lost, [], 'all that was acknowledged is so')
    t.comment(`${writing.count()} public todos were acknowledged, ${rows.length} are there`)
    const list = await eventually(
      () => client.get('/todos?limit=100'),
      ({ text }) => !text.includes(id),
    )
    t.match(list.text, '"user_id":"deleted"')

    // Its last token has expired.
    await sql`UPDATE erasures SET due_at = now()`
    const end = await eventually(found, ({ rows }) => !('erasures' in rows))
    t.same([Object.keys(end.rows), end.keys], [documented, []])
    const again = await loggedIn(client, address)
    const anew = await client.get('/api/todos', `Bearer ${again.accessToken}`)
    t.match(JSON.parse(anew.text), { todos: [] }, 'who registers again begins anew')
    t.equal((await client.get('/api/profile', `Bearer ${bob.accessToken}`)).status, 200)
  })
}
