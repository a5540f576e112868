// Writes as a client sees them, with a worker behind: Idempotency-Key, Prefer: wait, and reading one
// todo back. On both engines, embedded stack.

import t, { type Test } from 'tap'
import { startServer, startWorker } from '../../../scripts/stack/processes.ts'
import { generousTimeouts, testSecret } from '../../../testing/settings.ts'
import { testDatabase, testTopic } from '../../../testing/services.ts'
import { clientOf, type Json } from '../../../testing/json-client.ts'

const environmentFor = async (t: Test, engine: string) => ({
  COMMAND_LOG: 'postgres',
  LIST_CACHE: 'postgres',
  DATABASE_URL: await testDatabase(t),
  KAFKA_TODO_TOPIC: testTopic(),
  HTTP_ENGINE: engine,
  HTTP_PROCESSES: '2',
  HTTP_HOST: '127.0.0.1',
  HTTP_PORT: '0',
  JWT_SECRET: testSecret,
  LOG_LEVEL: 'warn',
  ...generousTimeouts,
})

const wait = { prefer: 'return=minimal, wait=20' }

for (const engine of ['node', 'uws']) {
  void t.test(`${engine} engine`, async (t) => {
    const environment = await environmentFor(t, engine)
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    const worker = await startWorker(environment)
    t.teardown(() => worker.stop())
    const ann = clientOf(server.port, 'ann')
    const bob = clientOf(server.port, 'bob')

    await t.test('Prefer: wait answers with the effect', async (t) => {
      const made = await ann('POST', '/todos', { title: 'first' }, wait)
      t.equal(made.status, 201)
      t.match(made.body, { title: 'first', completed: false, user_id: 'ann' })
      t.equal(made.headers.get('preference-applied'), 'wait')
      const path = `/todos/${String(made.body['id'])}`
      t.equal(made.headers.get('location'), path)

      const changed = await ann('PUT', path, { completed: true }, wait)
      t.match(changed, { status: 200, body: { title: 'first', completed: true } })
      t.match(await bob('PUT', path, { title: 'mine' }, wait), { status: 403 })
      t.match(await bob('DELETE', path, undefined, wait), { status: 403 })
      const read = await bob('GET', path)
      t.match(read, { status: 200, body: changed.body })
      const etag = read.headers.get('etag') ?? ''
      t.equal(etag, changed.headers.get('etag'))
      t.match(await bob('GET', path, undefined, { 'if-none-match': etag }), { status: 304 })

      t.match(await ann('DELETE', path, undefined, wait), { status: 204 })
      t.match(await ann('DELETE', path, undefined, wait), { status: 404 })
      t.match(await ann('PUT', path, { title: 'again' }, wait), { status: 404 })
      t.match(await ann('GET', path), { status: 404 })
      t.match(await ann('GET', '/todos/a.b'), { status: 400, body: { field: 'id' } })
    })

    await t.test('without it, or when it cannot be met in time, the answer is 202', async (t) => {
      t.match(await ann('POST', '/todos', { title: 'x' }), { status: 202 })
      for (const prefer of ['wait=0', 'wait', 'wait=soon', 'respond-async', 'x=",wait=9"']) {
        t.match(await ann('POST', '/todos', { title: 'x' }, { prefer }), { status: 202 }, prefer)
      }
      worker.process.kill('SIGSTOP')
      const late = await ann('POST', '/todos', { title: 'x' }, { prefer: 'wait=1' })
      worker.process.kill('SIGCONT')
      t.match(late, { status: 202 })
      t.equal(late.headers.get('preference-applied'), null)
    })

    await t.test('one Idempotency-Key, one todo', async (t) => {
      const key = { 'idempotency-key': 'k-1' }
      const body = { title: 'once', description: 'd' }
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => ann('POST', '/todos', body, key)),
      )
      t.same([...new Set(answers.map(({ status }) => status))], [202])
      t.equal(new Set(answers.map(({ body }) => body['id'])).size, 1)
      const again = await ann('POST', '/todos', body, { ...key, ...wait })
      t.match(again, { status: 201, body: { id: answers[0]?.body['id'], title: 'once' } })
      t.match(await ann('POST', '/todos', { ...body, title: 'other' }, key), {
        status: 422,
        body: { field: 'Idempotency-Key' },
      })
      const bobs = await bob('POST', '/todos', body, { ...key, ...wait })
      t.equal(bobs.status, 201)
      t.not(bobs.body['id'], again.body['id'], "another user's key is another key")

      const path = `/todos/${String(again.body['id'])}`
      await ann('DELETE', path, undefined, wait)
      t.match(await ann('POST', '/todos', body, { ...key, ...wait }), { status: 202 })
      t.match(await ann('GET', path), { status: 404 }, 'a retry does not bring back a deleted one')
      for (const bad of ['a b', 'x'.repeat(256)]) {
        t.match(await ann('POST', '/todos', body, { 'idempotency-key': bad }), {
          status: 400,
          body: { field: 'Idempotency-Key' },
        })
      }
    })
  })
}

void t.test('of two bodies that race under one key, one is refused', async (t) => {
  const environment = await environmentFor(t, 'node')
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const ann = clientOf(server.port, 'ann')
  for (let round = 0; round < 30; round++) {
    const key = { 'idempotency-key': `race-${round}` }
    const statuses = await Promise.all(
      ['a', 'b'].map((title) => ann('POST', '/todos', { title }, key)),
    )
    t.same(statuses.map(({ status }) => status).sort(), [202, 422])
  }
})

void t.test('a retry after a restart of everything is the same todo', async (t) => {
  const environment = await environmentFor(t, 'node')
  const key = { 'idempotency-key': 'k' }
  const ids = new Set<unknown>()
  for (let start = 0; start < 2; start++) {
    const server = await startServer(environment)
    const worker = await startWorker(environment)
    const ann = clientOf(server.port, 'ann')
    const { body } = await ann('POST', '/todos', { title: 'x' }, { ...key, ...wait })
    ids.add(body['id'])
    const list = await fetch(`http://127.0.0.1:${server.port}/todos?limit=10`)
    const todos = (await list.json()) as Json[]
    if (start === 1) t.equal(todos.length, 1)
    await server.stop()
    await worker.stop()
  }
  t.equal(ids.size, 1)
})

void t.test('a server that is told to stop does not keep those waiting who wait', async (t) => {
  const environment = await environmentFor(t, 'node')
  const server = await startServer(environment)
  const ann = clientOf(server.port, 'ann')
  // No worker: nothing is ever applied.
  const answer = ann('POST', '/todos', { title: 'x' }, { prefer: 'wait=30' })
  await ann('POST', '/todos', { title: 'y' })
  const stopped = server.stop()
  t.match(await answer, { status: 202 })
  await stopped
})
