// The permissions of shared todos, walked over HTTP, embedded and with Redis and Kafka:
// every action by everybody that one can be to a personal todo. What is refused changes nothing. Who may
// not know of a todo gets the same answers as about one that is not there, by whichever path he asks.

import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import {
  mayWithTodo,
  todoPermissions,
  type TodoAction,
  type TodoStanding,
} from '../../../lib/domain/permission.ts'
import type { Grantee, ShareRole } from '../../../lib/domain/share.ts'
import { bucketOf, bucketOfOwner } from '../../../lib/domain/todo-id.ts'
import { startWorker } from '../../../scripts/stack/processes.ts'
import { serveAll } from '../../../testing/engines/harness.ts'
import { clientOf, type Answer, type Client, type Json } from '../../../testing/json-client.ts'
import { testDatabase, testStacks, testTopic } from '../../../testing/services.ts'
import { generousTimeouts, testSecret } from '../../../testing/settings.ts'
import { openSharesAt, type SharesUnderTest } from '../../../testing/shares.ts'
import type { TestAccount } from '../../../testing/teams.ts'

const bounds = { sharesOfTodoMax: 20 }

/** Who asks, and what that is to the todo. A token without an account is a stranger's. */
const askers: readonly (readonly [name: string, standing: TodoStanding])[] = [
  ['owner', 'owner'],
  ['editor', 'editor'],
  ['editor-by-address', 'editor'],
  ['editor-in-a-team', 'editor'],
  ['viewer', 'viewer'],
  ['viewer-in-a-team', 'viewer'],
  ['former', 'former'],
  ['former-member', 'former'],
  ['stranger', 'stranger'],
  ['unconfirmed', 'stranger'],
  ['no-account', 'stranger'],
  ['system-admin', 'system-admin'],
]

type Arranged = {
  readonly id: string
  /** Of `viewer`. */
  readonly shareId: string
  readonly etag: string
}
type Request = readonly [
  method: string,
  path: string,
  body?: Json | undefined,
  headers?: Record<string, string>,
]
type Asked = readonly [TodoAction, string, (todo: Arranged) => Request]

const later = { prefer: 'respond-async' }
/** Those that are for todos of teams alone. */
const elsewhere: readonly TodoAction[] = ['assign-todo']
const requests: readonly Asked[] = [
  ['read-todo', 'GET', ({ id }) => ['GET', `/api/todos/${id}`]],
  ['read-todo', 'GET of a version', ({ id }) => ['GET', `/v1/api/todos/${id}`]],
  ['update-todo', 'PUT', ({ id }) => ['PUT', `/api/todos/${id}`, { title: 'put' }]],
  ['update-todo', 'PATCH', ({ id }) => ['PATCH', `/api/todos/${id}`, { description: 'patched' }]],
  ['update-todo', 'toggle', ({ id }) => ['PATCH', `/api/todos/${id}/status`]],
  ['update-todo', 'async', ({ id }) => ['PATCH', `/api/todos/${id}`, { title: 'x' }, later]],
  [
    'update-todo',
    'If-Match',
    ({ id }) => ['PATCH', `/api/todos/${id}`, { title: 'y' }, { 'if-match': '*' }],
  ],

  ['share-todo', 'list', ({ id }) => ['GET', `/api/todos/${id}/shares`]],
  [
    'share-todo',
    'share',
    ({ id }) => ['PUT', `/api/todos/${id}/shares`, { email: 'new@example.com', role: 'viewer' }],
  ],
  ['leave-todo', 'leave', ({ id }) => ['DELETE', `/api/shared/${id}`]],
  ['share-todo', 'unshare', ({ id, shareId }) => ['DELETE', `/api/todos/${id}/shares/${shareId}`]],
  ['delete-todo', 'async', ({ id }) => ['DELETE', `/api/todos/${id}`, undefined, later]],
  ['delete-todo', 'DELETE', ({ id }) => ['DELETE', `/api/todos/${id}`]],
]

const withNoTodo: Arranged = {
  id: `${'x'.repeat(33)}AAx`,
  shareId: randomUUID(),
  etag: '"1"',
}

type World = {
  readonly under: SharesUnderTest
  readonly accounts: ReadonlyMap<string, TestAccount>
  readonly as: (name: string) => Client
}

const accountOf = ({ accounts }: World, name: string): TestAccount => {
  const found = accounts.get(name)
  if (!found) throw new Error(`nobody is called ${name}`)
  return found
}

/** Accounts whose own todos are in another bucket than the owner's, as most are. */
const createWorld = async (under: SharesUnderTest, port: number, run: string): Promise<World> => {
  const accounts = new Map<string, TestAccount>()
  const taken = new Set([bucketOf(withNoTodo.id)])
  for (const [name] of askers) {
    for (let i = 0; !accounts.has(name); i++) {
      const one =
        name === 'no-account'
          ? { userId: randomUUID(), requestId: 'r', email: '' }
          : await under.account(`${name}-${run}-${i}`)
      const bucket = bucketOfOwner(one.userId)
      if (!taken.has(bucket)) accounts.set(name, one)
      taken.add(bucket)
    }
  }
  const root = accounts.get('system-admin')?.userId ?? ''
  await under.pool.run((sql) => sql`UPDATE users SET role = 'system-admin' WHERE id = ${root}`)
  return { under, accounts, as: (name) => clientOf(port, accounts.get(name)?.userId) }
}

/** A todo that is shared with everybody as his name says. */
const arrange = async (world: World, key?: string): Promise<Arranged> => {
  const { shares, teams, teamOf } = world.under
  const owner = accountOf(world, 'owner')
  const headers = { ...(key !== undefined && { 'idempotency-key': key }) }
  const made = await world.as('owner')('POST', '/api/todos', { title: 'a secret' }, headers)
  if (made.status !== 201) throw new Error(`created with ${made.status}`)
  const id = String(made.body['id'])
  const share = async (grantee: Grantee, role: ShareRole) => {
    const outcome = await shares.share(owner, id, grantee, role)
    if (outcome.kind === 'refused') throw new Error(outcome.refusal)
    return outcome.value.id
  }
  const user = (name: string) => ({ kind: 'user', userId: accountOf(world, name).userId }) as const
  const team = async (...names: readonly string[]) =>
    teamOf(owner, ...names.map((name) => accountOf(world, name)))
  await share(user('editor'), 'editor')
  const { email } = accountOf(world, 'editor-by-address')
  await share({ kind: 'address', email }, 'editor')
  const shareId = await share(user('viewer'), 'viewer')
  const editors = await team('editor-in-a-team', 'former-member')
  await share({ kind: 'team', teamId: editors }, 'editor')
  await teams.removeMember(owner, editors, accountOf(world, 'former-member').userId)
  const viewers = await team('viewer-in-a-team')
  await share({ kind: 'team', teamId: viewers }, 'viewer')
  await shares.unshare(owner, id, await share(user('former'), 'editor'))
  // As if the address had had no account then, and somebody has registered it since.
  const unconfirmed = accountOf(world, 'unconfirmed').email
  const waiting = await share({ kind: 'address', email: unconfirmed }, 'editor')
  await world.under.pool.run(
    (sql) => sql`UPDATE todo_shares SET user_id = NULL WHERE id = ${waiting}`,
  )
  return { id, shareId, etag: made.headers.get('etag') ?? '' }
}

/** All that there is of todos and shares, and of what was written down. */
const snapshotOf = ({ under }: World) =>
  under.pool.run(async (sql) => {
    const [row] = await sql<{ all: string }[]>`
      SELECT concat(
        (SELECT string_agg(todos::text, ';' ORDER BY id) FROM todos), '|',
        (SELECT string_agg(todo_shares::text, ';' ORDER BY id) FROM todo_shares), '|',
        (SELECT count(*) FROM audit_log)) AS all`
    return row?.all
  })

/** Everything that was accepted before is applied: the log has one order for an owner's todos. */
const settle = async (world: World, { id }: Arranged) => {
  await world.as('owner')('PATCH', `/api/todos/${id}`, { completed: false })
}

const walk = async (t: Test, world: World): Promise<number> => {
  let cases = 0
  let todo = await arrange(world)
  for (const [action, what, requestOf] of requests) {
    for (const [name, standing] of askers) {
      const about = `${name}: ${action}, ${what}`
      const client = world.as(name)
      const request = requestOf(todo)
      const before = await snapshotOf(world)
      const answer = await client(...request)
      cases++
      const verdict = mayWithTodo(action, standing)
      // What a team shares, its members do not leave.
      const isByTeam = name.endsWith('in-a-team') && action === 'leave-todo'
      if (verdict === 'allowed' && !isByTeam) {
        t.ok(answer.status >= 200 && answer.status < 300, `${about} is ${answer.status}`)
        if (answer.status === 202) await settle(world, todo)
        if (request[0] === 'DELETE') todo = await arrange(world)
        continue
      }
      t.equal(answer.status, verdict === 'unknown' ? 404 : 403, about)
      t.equal(await snapshotOf(world), before, `${about} changes nothing`)
      if (verdict !== 'unknown') continue
      const none = await client(...requestOf(withNoTodo))
      t.same([none.status, none.body], [404, answer.body], `${about} tells nothing`)
    }
    const nobody = await world.as('nobody')(...requestOf(todo))
    t.equal(nobody.status, 401, `without a token: ${what}`)
    cases++
  }
  return cases
}

const mayKnow = (standing: TodoStanding) => mayWithTodo('read-todo', standing) === 'allowed'

/** Other ways to a todo than its own. */
const lookAround = async (t: Test, world: World): Promise<number> => {
  const todo = await arrange(world)
  const path = `/api/todos/${todo.id}`
  const has = ({ body }: Answer) => JSON.stringify(body).includes(todo.id)
  let cases = 0
  for (const [name, standing] of askers) {
    const client = world.as(name)
    const isOwner = standing === 'owner'
    const knows = mayKnow(standing)
    const held = await client('GET', path, undefined, { 'if-none-match': todo.etag })
    t.equal(held.status, knows ? 304 : 404, `${name}: If-None-Match`)
    const late = await client('PATCH', path, { title: 'z' }, { 'if-match': '"77"' })
    const mayChange = mayWithTodo('update-todo', standing) === 'allowed'
    t.equal(late.status, mayChange ? 412 : knows ? 403 : 404, `${name}: If-Match`)
    t.equal(late.headers.get('etag') !== null, mayChange, `${name}: its version`)

    const wait = { prefer: 'wait=20' }
    for (const [method, body] of [['GET'], ['PUT', { title: 'x' }], ['DELETE']] as const) {
      const answer = await client(method, `/todos/${todo.id}`, body, wait)
      t.equal(answer.status, 404, `${name}: ${method} among the public ones`)
    }
    for (const list of ['/todos', '/todos?limit=10', '/todos?limit=1000']) {
      t.notOk(has(await client('GET', list)), `${name}: ${list}`)
    }
    t.equal(has(await client('GET', '/api/todos?limit=100')), isOwner, `${name}: own todos`)
    const shared = await client('GET', '/api/shared?limit=100')
    t.equal(has(shared), knows && !isOwner, `${name}: what is shared`)
    const found = (shared.body['todos'] as Json[]).filter((one) => has({ ...shared, body: one }))
    if (knows && !isOwner) t.match(found, [{ role: standing, shared_by: ownerOf(world) }])
    if (name !== 'no-account') {
      const file = await client('GET', '/api/profile/export')
      t.equal(file.status, 200)
      t.equal(has(file), isOwner, `${name}: the export`)
    }
    cases += 12
  }
  return cases
}

const ownerOf = (world: World) => {
  const { userId, email } = accountOf(world, 'owner')
  return { user_id: userId, email }
}

const live = async (t: Test, world: World) => {
  const { id } = await arrange(world)
  const path = `/api/todos/${id}`
  const [owner, editor, viewer] = [world.as('owner'), world.as('editor'), world.as('viewer')]
  await owner('GET', '/api/todos')
  const changed = await editor('PATCH', path, { title: 'by an editor' })
  t.match(changed, {
    status: 200,
    body: { title: 'by an editor', user_id: ownerOf(world).user_id },
  })
  t.match(await owner('GET', '/api/todos'), { body: { todos: [changed.body] } }, 'at once')
  t.same((await viewer('GET', path)).body, changed.body)

  const shared = await owner('GET', `${path}/shares?limit=100`)
  const ofEditor = (shared.body['shares'] as Json[]).find(
    ({ user_id }) => user_id === accountOf(world, 'editor').userId,
  )
  t.equal((await owner('DELETE', `${path}/shares/${String(ofEditor?.['id'])}`)).status, 204)
  t.equal((await editor('GET', path)).status, 404, 'at once')
  t.equal((await editor('PATCH', path, { title: 'too late' })).status, 404)

  const key = { 'idempotency-key': 'one-key' }
  const keyed = await arrange(world, key['idempotency-key'])
  const other = await editor('POST', '/api/todos', { title: 'a secret' }, key)
  t.match(other, { status: 201, body: { user_id: accountOf(world, 'editor').userId } })
  t.not(other.body['id'], keyed.id, "another's key is another key")
  // Its id has no bucket: a todo of one's own may be on its way, so the worker has to find out.
  const stranger = world.as('stranger')
  const before = await snapshotOf(world)
  for (const one of [keyed.id, 'none']) {
    const sent = await stranger('PATCH', `/api/todos/${one}`, { title: 'x' }, later)
    t.equal(sent.status, 202, 'nothing is known yet')
    t.equal((await stranger('PATCH', `/api/todos/${one}`, { title: 'x' })).status, 404)
  }
  t.equal(await snapshotOf(world), before)
  t.equal((await world.as('viewer')('PUT', `/api/todos/${keyed.id}`, { title: 'x' })).status, 403)
  t.equal((await editor('PUT', `/api/todos/${keyed.id}`, { title: 'x' })).status, 200)
}

/** Then who accepts a write takes the todo for its author's own. */
const shareInOneBucket = async (t: Test, world: World, port: number) => {
  const { under } = world
  const { id } = await arrange(world)
  const [editor, viewer, stranger] = [randomUUID(), randomUUID(), randomUUID()].map((start) => {
    for (let i = 0; ; i++) {
      const userId = `${start.slice(0, 24)}${i.toString(16).padStart(12, '0')}`
      if (bucketOfOwner(userId) === bucketOf(id)) return userId
    }
  }) as [string, string, string]
  for (const userId of [editor, viewer, stranger]) {
    await under.pool.run(
      (sql) => sql`
        INSERT INTO users (id, email, password_hash)
        VALUES (${userId}, ${`${userId}@example.com`}, 'x')`,
    )
  }
  const owner = accountOf(world, 'owner')
  await under.shares.share(owner, id, { kind: 'user', userId: editor }, 'editor')
  await under.shares.share(owner, id, { kind: 'user', userId: viewer }, 'viewer')
  const path = `/api/todos/${id}`
  t.match(await clientOf(port, editor)('PUT', path, { title: 'x' }), { status: 200 })
  const refused = await clientOf(port, viewer)('PUT', path, { title: 'y' })
  t.equal(refused.status, 403)
  t.equal((await clientOf(port, stranger)('PUT', path, { title: 'z' })).status, 404)
  t.equal((await clientOf(port, editor)('DELETE', path)).status, 403)
  t.match(await clientOf(port, viewer)('GET', path), { body: { title: 'x' } })
}

void t.test('every action is walked but those of todos of teams', (t) => {
  const walked = new Set([...requests.map(([action]) => action), ...elsewhere])
  t.same([...walked].sort(), Object.keys(todoPermissions).sort())
  t.end()
})

// Each stack and each engine once: what a permission is depends on neither.
for (const [stack, engine] of [
  ['embedded', 'uws'],
  ['real', 'node'],
] as const) {
  void t.test(`${stack} stack, ${engine} engine`, async (t) => {
    const services = await testStacks[stack]?.(t)
    if (!services) return
    const databaseUrl = await testDatabase(t)
    const log = testTopic()
    const named = { COMMAND_LOG: 'kafka', LIST_CACHE: 'redis', ...services }
    const more = { ...named, LIMIT_USER_REQUESTS: '0' }
    const port = await serveAll(t, { engine, databaseUrl, log, more })
    const worker = await startWorker({
      ...named,
      ...generousTimeouts,
      DATABASE_URL: databaseUrl,
      KAFKA_TODO_TOPIC: log,
      JWT_SECRET: testSecret,
      LOG_LEVEL: 'warn',
    })
    t.teardown(() => worker.stop())
    const under = openSharesAt(t, databaseUrl, bounds)
    const world = await createWorld(under, port, engine)
    const cases = (await walk(t, world)) + (await lookAround(t, world))
    await live(t, world)
    await shareInOneBucket(t, world, port)
    t.comment(`${stack} stack, ${engine} engine: ${cases} cases`)
  })
}
