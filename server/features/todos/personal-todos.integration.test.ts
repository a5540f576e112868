// Personal todos as their owner, another user and the public see them: on both engines, embedded and
// with Redis and Kafka. What was answered is there for the next request; nobody else learns of it.

import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { signToken } from '../../../lib/accounts/access-token.ts'
import { startServer, startWorker } from '../../../scripts/stack/processes.ts'
import { generousTimeouts, testSecret } from '../../../testing/settings.ts'
import { eventually } from '../../../testing/eventually.ts'
import { cursorOf } from '../../http/cursor.ts'
import { seeded } from '../../../testing/seeded.ts'
import { testDatabase, testTopic, testStacks } from '../../../testing/services.ts'
import { clientOf, type Answer, type Client, type Json } from '../../../testing/json-client.ts'

const respondAsync = { prefer: 'respond-async' }

for (const [engine, stack] of [
  ['node', 'embedded'],
  ['uws', 'embedded'],
  ['node', 'real'],
] as const) {
  void t.test(`${engine} engine, ${stack} stack`, async (t) => {
    const services = await testStacks[stack]?.(t)
    if (!services) return
    const environment = {
      ...services,
      DATABASE_URL: await testDatabase(t),
      KAFKA_TODO_TOPIC: testTopic(),
      HTTP_ENGINE: engine,
      HTTP_PROCESSES: '2',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
      JWT_SECRET: testSecret,
      LOG_LEVEL: 'warn',
      LIMIT_USER_REQUESTS: '0',
      ...generousTimeouts,
    }
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    const worker = await startWorker(environment)
    t.teardown(() => worker.stop())
    const as = (user: string | undefined) => clientOf(server.port, user)

    await t.test('a life', (t) => live(t, as('ann')))
    await t.test('nobody else', (t) => hide(t, as))
    await t.test('pages', (t) => turnPages(t, as('pat')))
    await t.test('a walk', (t) => walkOn(t, '/api/todos', as('walt')))
    await t.test('a public walk', (t) => walkOn(t, '/todos', as('walt')))
    await t.test('what is written is read, at once', (t) => readOwnWrites(t, as))
    await t.test('Prefer', (t) => prefer(t, as('peter')))
    await t.test('partial and conditional', (t) => changeInPart(t, as('paula'), server.port))
    await t.test('what is wrong is named', (t) => refuse(t, as('ann')))
    if (services['REDIS_URL'] !== undefined) {
      const url = services['REDIS_URL']
      await t.test('pages come from Redis', (t) => cached(t, as('carl'), url))
    }
  })
}

const live = async (t: Test, ann: Client) => {
  t.match(await ann('GET', '/api/todos'), {
    status: 200,
    body: { total: 0, limit: 10, page: 1, todos: [] },
  })
  const made = await ann('POST', '/api/todos', { title: 'mine', description: 'alone' })
  t.match(made, { status: 201, body: { title: 'mine', completed: false, user_id: 'ann' } })
  t.equal(made.headers.get('location'), `/api/todos/${String(made.body['id'])}`)
  t.equal(made.headers.get('preference-applied'), null, 'nothing was asked for')
  const path = made.headers.get('location') ?? ''
  t.same((await ann('GET', path)).body, made.body)
  t.match(await ann('GET', '/api/todos'), { body: { total: 1, todos: [made.body] } })
  t.match(await ann('PUT', path, { title: 'changed' }), { status: 200, body: { title: 'changed' } })
  const done = await ann('PATCH', `${path}/status`, { completed: true })
  t.match(done, { status: 200, body: { title: 'changed', completed: true } })
  const etag = done.headers.get('etag') ?? ''
  t.equal((await ann('GET', path, undefined, { 'if-none-match': etag })).status, 304)
  t.match(await ann('GET', '/api/todos'), { body: { total: 1, todos: [done.body] } })
  t.equal((await ann('DELETE', path)).status, 204)
  t.equal((await ann('GET', path)).status, 404)
  t.equal((await ann('DELETE', path)).status, 404)
  t.equal((await ann('PUT', path, { title: 'x' })).status, 404)
  t.match(await ann('GET', '/api/todos'), { body: { total: 0, todos: [] } })
}

const hide = async (t: Test, as: (user: string | undefined) => Client) => {
  const [ann, bob, nobody] = [as('ann'), as('bob'), as(undefined)]
  const open = await ann('POST', '/todos', { title: 'for all' }, { prefer: 'wait=20' })
  const openPath = String(open.body['id'])
  const made = await ann('POST', '/api/todos', { title: 'a secret' })
  const id = String(made.body['id'])
  const none = await bob('GET', '/api/todos/none')
  for (const [method, path, body] of [
    ['GET', `/api/todos/${id}`],
    ['PUT', `/api/todos/${id}`, { title: 'x' }],
    ['PATCH', `/api/todos/${id}/status`, { completed: true }],
    ['DELETE', `/api/todos/${id}`],
  ] as const) {
    const answer = await bob(method, path, body)
    t.equal(answer.status, 404, method)
    t.same(answer.body, none.body, 'as if there were none')
    t.equal((await nobody(method, path, body)).status, 401)
  }
  const wait = { prefer: 'wait=20' }
  for (const client of [ann, bob]) {
    t.equal((await client('GET', `/todos/${id}`)).status, 404, 'not there in public')
    t.equal((await client('PUT', `/todos/${id}`, { title: 'x' }, wait)).status, 404)
    t.equal((await client('DELETE', `/todos/${id}`, undefined, wait)).status, 404)
  }
  // Nor the reverse: a public todo is none of the personal ones.
  t.equal((await ann('GET', `/api/todos/${openPath}`)).status, 404)
  t.equal((await ann('DELETE', `/api/todos/${openPath}`)).status, 404)
  t.match(await ann('GET', `/api/todos/${id}`), { status: 200, body: made.body })
  for (const list of ['/todos', '/todos?limit=10', '/todos?limit=1000']) {
    const todos = JSON.stringify((await nobody('GET', list)).body)
    t.notMatch(todos, /a secret/, list)
  }
  t.match(await bob('GET', '/api/todos'), { body: { total: 0, todos: [] } })
  t.equal((await nobody('GET', '/api/todos')).status, 401)
  t.equal((await nobody('POST', '/api/todos', { title: 'x' })).status, 401)
}

const linksOf = ({ headers }: Answer): Record<string, string | undefined> =>
  Object.fromEntries(
    (headers.get('link') ?? '').split(', ').map((link) => {
      const [, target = '', rel = ''] = /^<(.*)>; rel="(\w+)"$/.exec(link) ?? []
      return [rel, target]
    }),
  )

const turnPages = async (t: Test, pat: Client) => {
  const titles: string[] = []
  for (let i = 0; i < 7; i++) {
    await pat('POST', '/api/todos', { title: `todo ${i}` })
    titles.unshift(`todo ${i}`)
  }
  const read = async (query: string) => {
    const answer = await pat('GET', `/api/todos?${query}`)
    const todos = answer.body['todos'] as { title: string }[]
    const titles = todos.map(({ title }) => title)
    return { body: answer.body, links: linksOf(answer), titles }
  }
  const first = await read('limit=3')
  t.match(first.body, { total: 7, limit: 3, page: 1 })
  t.same(first.titles, titles.slice(0, 3), 'newest first')
  const at = (page: number) => `/api/todos?limit=3&page=${page}`
  const { next: after = '' } = first.links
  t.match(after, /^\/api\/todos\?limit=3&after=[\w-]+$/)
  t.same(first.links, { first: at(1), next: after, last: at(3) })
  const walked: string[] = []
  for (let next: string | undefined = '?limit=3'; next !== undefined;) {
    const page: Awaited<ReturnType<typeof read>> = await read(next.split('?')[1] ?? '')
    walked.push(...page.titles)
    next = page.links['next']
  }
  t.same(walked, titles, 'following the links')
  const second = await read(after.split('?')[1] ?? '')
  t.same(Object.keys(second.body), ['limit', 'todos'], 'nothing is counted')
  t.same(Object.keys(second.links), ['first', 'next'])
  t.match((await read('limit=3&page=2')).links, { next: second.links['next'] }, 'the same place')
  t.same((await read('limit=3&page=3')).links, { first: at(1), prev: at(2), last: at(3) })
  const beyond = await read('limit=3&page=9')
  t.same(beyond.titles, [])
  t.same(beyond.links, { first: at(1), prev: at(3), last: at(3) })
}

/** Todos that are there all the time are met once each, in order, whatever else comes and goes. */
const walkOn = async (t: Test, path: '/todos' | '/api/todos', client: Client) => {
  const random = seeded(t)
  const wait = { prefer: 'wait=20' }
  const add = async (title: string) => {
    const { status, body } = await client('POST', path, { title }, wait)
    t.equal(status, 201)
    return String(body['id'])
  }
  const staying: string[] = []
  let passing: string[] = []
  let newest = ''
  for (let i = 0; i < 14; i++) {
    newest = await add(`walked ${i}`)
    if (random.below(3) === 0) passing.push(newest)
    else staying.unshift(newest)
  }
  const idsOf = ({ body }: Answer) =>
    ((Array.isArray(body) ? body : body['todos']) as { id: string }[]).map(({ id }) => id)
  // Public lists are fresh a moment later.
  const first = await eventually(
    () => client('GET', `${path}?limit=3`),
    (answer) => idsOf(answer)[0] === newest,
  )
  const met = idsOf(first)
  let next = linksOf(first)['next']
  while (next !== undefined) {
    // Also the one that the cursor was made of.
    const gone = passing.filter((id) => id === met.at(-1) || random.below(3) === 0)
    passing = passing.filter((id) => !gone.includes(id))
    for (const id of gone) {
      t.equal((await client('DELETE', `${path}/${id}`, undefined, wait)).status, 204)
    }
    if (random.below(2) === 0) passing.push(await add('new'))
    const target = next.replace(/limit=\d+/, `limit=${1 + random.below(4)}`)
    const answer = await client('GET', target)
    t.equal(answer.status, 200)
    const tag = { 'if-none-match': answer.headers.get('etag') ?? '' }
    t.equal((await client('GET', target, undefined, tag)).status, 304)
    met.push(...idsOf(answer))
    next = linksOf(answer)['next']
  }
  t.same(
    met.filter((id) => staying.includes(id)),
    staying,
  )
  t.equal(new Set(met).size, met.length, 'none twice')
}

/** With random reads in between, so that pages are in the cache when they go out of date. */
const readOwnWrites = async (t: Test, as: (user: string | undefined) => Client) => {
  const random = seeded(t)
  const users = ['ida', 'max', 'eva'].map((name) => ({
    client: as(`${name}-${randomUUID()}`),
    todos: [] as Json[],
  }))
  await Promise.all(
    users.map(async (user) => {
      const { client } = user
      for (let turn = 0; turn < 25; turn++) {
        const known = user.todos[random.below(user.todos.length || 1)]
        const path = `/api/todos/${String(known?.['id'])}`
        switch (known ? random.below(4) : 0) {
          case 0:
            user.todos.unshift((await client('POST', '/api/todos', { title: `t${turn}` })).body)
            break
          case 1:
            user.todos = user.todos.filter((todo) => todo !== known)
            t.equal((await client('DELETE', path)).status, 204)
            break
          default: {
            const { body } = await client('PATCH', `${path}/status`, { completed: turn % 2 === 0 })
            user.todos = user.todos.map((todo) => (todo === known ? body : todo))
          }
        }
        for (let again = random.below(3); again >= 0; again--) {
          const { body } = await client('GET', '/api/todos?limit=5')
          t.same(body['todos'], user.todos.slice(0, 5), `turn ${turn}`)
          t.equal(body['total'], user.todos.length)
        }
      }
    }),
  )
}

const prefer = async (t: Test, peter: Client) => {
  const later = await peter('POST', '/api/todos', { title: 'later' }, respondAsync)
  t.match(later, { status: 202, body: { message: 'the todo will be created' } })
  t.equal(later.headers.get('preference-applied'), 'respond-async')
  const waited = await peter('POST', '/api/todos', { title: 'x' }, { prefer: 'wait=20' })
  t.equal(waited.status, 201)
  t.equal(waited.headers.get('preference-applied'), 'wait')
  const both = { prefer: 'respond-async, wait=20' }
  t.equal((await peter('POST', '/api/todos', { title: 'x' }, both)).status, 201)

  const key = { 'idempotency-key': 'k' }
  const once = await peter('POST', '/api/todos', { title: 'once' }, key)
  const again = await peter('POST', '/api/todos', { title: 'once' }, key)
  t.same([once.status, again.status], [201, 201])
  t.same(again.body, once.body)
  t.match(
    await peter('POST', '/todos', { title: 'once' }, key),
    { status: 422, body: { detail: /different request/ } },
    'another collection, though the body is the same',
  )
  t.match(await peter('GET', '/api/todos'), { body: { total: 4 } })
}

const place = { createdAt: new Date(1_795_000_000_000), id: 'a' }
const cursor = cursorOf('/api/todos', place)
const publicCursor = cursorOf('/todos', place)

const changeInPart = async (t: Test, paula: Client, port: number) => {
  const made = await paula('POST', '/api/todos', { title: 'mine', description: 'd' })
  const path = made.headers.get('location') ?? ''
  const etag = { 'if-match': made.headers.get('etag') ?? '' }
  const changed = await paula('PATCH', path, { title: 'part' }, etag)
  t.match(changed, { status: 200, body: { title: 'part', description: 'd', completed: false } })
  const answers = await Promise.all([
    paula('PUT', path, { title: 'late' }, etag),
    paula('PATCH', path, { title: 'late' }, etag),
    paula('PATCH', `${path}/status`, { completed: true }, etag),
    paula('DELETE', path, undefined, etag),
  ])
  const current = changed.headers.get('etag')
  for (const answer of answers) {
    t.match(answer, { status: 412, body: { field: 'If-Match' } })
    t.equal(answer.headers.get('etag'), current)
  }
  const unseen = { ...etag, ...respondAsync }
  t.match(await paula('PATCH', path, { title: 'x' }, unseen), {
    status: 400,
    body: { field: 'Prefer' },
  })

  const status = (body?: Json) => paula('PATCH', `${path}/status`, body)
  t.match(await status({ status: 'completed' }), { status: 200, body: { completed: true } })
  t.match(await status({ status: 'pending' }), { body: { completed: false } })
  t.match(await status({ status: 'completed', completed: true }), { body: { completed: true } })
  t.match(await status(), { status: 200, body: { completed: false } }, 'toggled')
  t.match(await status(), { status: 200, body: { completed: true } })
  const { length } = await Promise.all(Array.from({ length: 7 }, () => status()))
  t.match(await paula('GET', path), { body: { completed: length % 2 === 0 } }, 'each of them once')
  const url = `http://127.0.0.1:${port}${path}/status`
  const authorization = `Bearer ${signToken(testSecret, 'paula', 3_600)}`
  const headers = { authorization, 'content-type': 'text/plain' }
  const empty = await fetch(url, { method: 'PATCH', headers, body: '' })
  t.equal(empty.status, 200, 'no body has no type')
  const other = await fetch(url, { method: 'PATCH', headers, body: '{}' })
  t.equal(other.status, 415)

  const later = await paula('PATCH', `${path}/status`, undefined, respondAsync)
  t.match(later, { status: 202, body: { message: 'the todo will be toggled' } })
  t.equal(later.headers.get('location'), path)
}

const refuse = async (t: Test, ann: Client) => {
  for (const query of ['page=10001', 'page=101&limit=100']) {
    const { body } = await ann('GET', `/api/todos?${query}`)
    t.match(body['detail'], /: further todos follow with after, from the Link of a page$/)
  }
  t.equal((await ann('GET', '/api/todos?page=100&limit=100')).status, 200, 'as far as pages reach')
  for (const [path, field] of [
    ['/api/todos?limit=0', 'limit'],
    ['/api/todos?limit=101', 'limit'],
    ['/api/todos?limit=1&limit=2', 'limit'],
    ['/api/todos?page=0', 'page'],
    ['/api/todos?page=1e3', 'page'],
    ['/api/todos?page=10001', 'page'],
    ['/api/todos?page=1001', 'page'],
    ['/api/todos?page=101&limit=100', 'page'],
    ['/api/todos?after=', 'after'],
    ['/api/todos?after=abc', 'after'],
    [`/api/todos?after=${publicCursor}`, 'after'],
    [`/api/todos?after=${cursor}&after=${cursor}`, 'after'],
    [`/api/todos?after=${cursor}&page=1`, 'page'],
    [`/api/todos?after=${cursor.slice(1)}`, 'after'],
    ['/api/todos/a.b', 'id'],
  ] as const) {
    t.match(await ann('GET', path), { status: 400, body: { field } }, path)
  }
  for (const [body, field] of [
    [{}, 'completed'],
    [{ completed: 'yes' }, 'completed'],
    [{ completed: null }, 'completed'],
    [{ title: 'x' }, 'completed'],
    [{ status: 'done' }, 'status'],
    [{ status: 'pending', completed: true }, 'status'],
    [{ status: null, completed: 1 }, 'completed'],
  ] as const) {
    t.match(await ann('PATCH', '/api/todos/a/status', body), { status: 400, body: { field } })
  }
  t.match(await ann('POST', '/api/todos', { title: '' }), { status: 400, body: { field: 'title' } })
  t.equal((await ann('GET', '/api/todos/a/status')).status, 405)
  t.equal((await ann('GET', '/api/todos/a/b')).status, 404)
  t.equal((await ann('GET', '/api/todos//status')).status, 404)
}

const cached = async (t: Test, carl: Client, url: string) => {
  await carl('POST', '/api/todos', { title: 'the truth' })
  const first = await carl('GET', '/api/todos')
  const redis = new Redis(url)
  t.teardown(() => {
    redis.disconnect()
  })
  const key = '{user:carl}:limit:10:page:1'
  t.match(await redis.hget(key, 'body'), /the truth/)
  const etag = first.headers.get('etag') ?? ''
  t.equal((await carl('GET', '/api/todos', undefined, { 'if-none-match': etag })).status, 304)
  await redis.hset(key, 'body', '["from Redis"]')
  t.match(await carl('GET', '/api/todos'), { body: { todos: ['from Redis'] } })
  await carl('POST', '/api/todos', { title: 'news' })
  t.match(await carl('GET', '/api/todos'), { body: { todos: [{ title: 'news' }, {}] } })
}
