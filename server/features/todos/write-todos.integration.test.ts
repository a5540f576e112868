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

    await t.test('If-Match is held against the todo where the write is applied', async (t) => {
      const made = await ann('POST', '/todos', { title: 'mine' }, wait)
      const path = `/todos/${String(made.body['id'])}`
      const ifMatch = (...tags: string[]) => ({ ...wait, 'if-match': tags.join(', ') })
      const etag = made.headers.get('etag') ?? ''
      // All of them know the same version: one is applied, in whichever batches they are.
      const racers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          ann(i % 2 ? 'PUT' : 'PATCH', path, { title: `racer ${i}` }, ifMatch(etag)),
        ),
      )
      const winners = racers.filter(({ status }) => status === 200)
      const losers = racers.filter(({ status }) => status === 412)
      t.same([winners.length, losers.length], [1, 19])
      const now = winners[0]?.headers.get('etag') ?? ''
      t.not(now, etag)
      for (const { headers, body } of losers) {
        t.match(body, { field: 'If-Match', status: 412 })
        t.equal(headers.get('etag'), now, 'the current version')
        t.equal(headers.get('preference-applied'), 'wait')
      }
      const read = await bob('GET', path)
      t.match(read, { status: 200, body: winners[0]?.body })
      t.equal(read.headers.get('etag'), now, 'what a read gives is what If-Match takes')

      const list = await fetch(`http://127.0.0.1:${server.port}/todos?limit=1`)
      const listTag = list.headers.get('etag') ?? ''
      for (const tags of [[`W/${now}`], [listTag], ['"x"'], ['""'], ['"9999999999"'], ['"02"']]) {
        const answer = await ann('PUT', path, { title: 'no' }, ifMatch(...tags))
        t.equal(answer.status, 412, `${tags.join()} never matches`)
      }
      t.match(await bob('PUT', path, { title: 'no' }, ifMatch('"9"')), { status: 403 }, 'first')
      t.match(await ann('PUT', '/todos/none', { title: 'no' }, ifMatch('*')), { status: 404 })
      t.match(await ann('PATCH', path, { title: 'x' }, ifMatch('*')), { status: 200 })
      const several = await ann('PATCH', path, { title: 'y' }, ifMatch('W/"1"', '"3"', '', '"7"'))
      t.match(several, { status: 200, body: { title: 'y' } }, 'one of several')
      t.match(await ann('DELETE', path, undefined, ifMatch(now)), { status: 412 })
      const last = several.headers.get('etag') ?? ''
      t.match(await ann('DELETE', path, undefined, ifMatch(last)), { status: 204 })
    })

    await t.test('a condition that is not checked is refused', async (t) => {
      const etag = { 'if-match': '"1"' }
      for (const method of ['PUT', 'PATCH', 'DELETE']) {
        const body = method === 'DELETE' ? undefined : { title: 'x' }
        for (const prefer of [{}, { prefer: 'wait=0' }, { prefer: 'wait' }]) {
          t.match(await ann(method, '/todos/none', body, { ...etag, ...prefer }), {
            status: 400,
            body: { field: 'Prefer', detail: /add Prefer: wait/ },
          })
        }
        for (const tags of ['3', '"1" "2"', '*, "1"', ',', '', '"a', "'1'", 'w/"1"']) {
          t.match(
            await ann(method, '/todos/none', body, { ...wait, 'if-match': tags }),
            { status: 400, body: { field: 'If-Match' } },
            tags,
          )
        }
        const many = Array.from({ length: 101 }, (_, i) => `"${i + 1}"`).join()
        t.match(await ann(method, '/todos/none', body, { ...wait, 'if-match': many }), {
          status: 400,
        })
        t.match(await ann(method, '/todos/none', body, { ...wait, 'if-none-match': '*' }), {
          status: 400,
          body: { field: 'If-None-Match', detail: /send If-Match/ },
        })
      }
      t.match(await ann('POST', '/todos', { title: 'x' }, etag), {
        status: 400,
        body: { field: 'If-Match' },
      })
    })

    await t.test('two PATCHes of different members both take effect', async (t) => {
      const made = await ann('POST', '/todos', { title: 'whole', description: 'as it was' }, wait)
      const path = `/todos/${String(made.body['id'])}`
      const merge = { ...wait, 'content-type': 'application/merge-patch+json' }
      await Promise.all([
        ann('PATCH', path, { title: 'part' }, wait),
        ann('PATCH', path, { completed: true }, merge),
        ann('PATCH', path, { description: 'b', other: 1 }, merge),
      ])
      const all = { title: 'part', description: 'b', completed: true }
      t.match(await ann('GET', path), { body: all })
      t.match(await ann('PATCH', path, { description: null }, merge), { body: { description: '' } })
      for (const [body, fields] of [
        [{ title: null }, ['title']],
        [{ completed: null }, ['completed']],
        [{}, ['body']],
        [{ other: 1 }, ['body']],
        [{ title: ' ', description: 1, completed: 'no' }, ['title', 'description', 'completed']],
      ] as const) {
        const { status, body: problem } = await ann('PATCH', path, body, merge)
        t.equal(status, 400)
        t.equal(problem['field'], fields[0])
        t.same(
          (problem['errors'] as Json[]).map(({ field }) => field),
          fields,
        )
      }
      for (const type of ['text/plain', 'application/json-patch+json', '']) {
        const answer = await ann('PATCH', path, { title: 'x' }, { 'content-type': type })
        t.equal(answer.status, 415)
        const taken = 'application/merge-patch+json, application/json'
        t.equal(answer.headers.get('accept-patch'), taken, type)
      }
      const put = await ann('PUT', path, { title: 'x' }, merge)
      t.match(put, { status: 415, body: { field: 'Content-Type' } }, 'a PUT is no patch')
    })

    await t.test('a title shows something, wherever it is written', async (t) => {
      for (const title of ['   ', '\u200b', '\u3164', '\n\n', '\u0007', '\u2800', '\u{e0100}']) {
        for (const [method, path] of [
          ['POST', '/todos'],
          ['PUT', '/todos/a'],
          ['PATCH', '/todos/a'],
          ['POST', '/api/todos'],
          ['PUT', '/api/todos/a'],
          ['PATCH', '/api/todos/a'],
        ] as const) {
          const { status, body } = await ann(method, path, { title })
          t.match({ status, body }, { status: 400, body: { field: 'title' } })
        }
      }
    })

    await t.test('without it, or when it cannot be met in time, the answer is 202', async (t) => {
      const later = await ann('POST', '/todos', { title: 'x' })
      t.match(later, { status: 202 })
      t.equal(later.headers.get('location'), `/todos/${String(later.body['id'])}`)
      const gone = await ann('DELETE', '/todos/none')
      t.match(gone, { status: 202 })
      t.equal(gone.headers.get('location'), '/todos/none')
      for (const prefer of ['wait=0', 'wait', 'wait=soon', 'respond-async', 'x=",wait=9"']) {
        t.match(await ann('POST', '/todos', { title: 'x' }, { prefer }), { status: 202 }, prefer)
      }
      worker.process.kill('SIGSTOP')
      const late = await ann('POST', '/todos', { title: 'x' }, { prefer: 'wait=1' })
      const unseen = { prefer: 'wait=1', 'if-match': '"1"' }
      const unseenAnswer = await ann('PUT', '/todos/none', { title: 'x' }, unseen)
      worker.process.kill('SIGCONT')
      t.match(late, { status: 202 })
      t.match(unseenAnswer, { status: 202, body: { message: /updated if If-Match holds/ } })
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

    await t.test('one Idempotency-Key, one change', async (t) => {
      const { body } = await ann('POST', '/todos', { title: 'one' }, wait)
      const path = `/todos/${String(body['id'])}`
      const keyed = (key: string, more = {}) => ({ ...wait, 'idempotency-key': key, ...more })
      const two = await Promise.all(
        Array.from({ length: 20 }, () => ann('PUT', path, { title: 'two' }, keyed('change'))),
      )
      t.same([...new Set(two.map(({ status }) => status))], [200])
      t.equal(two[0]?.headers.get('etag'), '"2"', 'once')
      await ann('PUT', path, { title: 'three' }, wait)
      t.match(
        await ann('PUT', path, { title: 'two' }, keyed('change')),
        { status: 200, body: { title: 'three' } },
        'a retry does not overwrite what came since',
      )
      const matched = keyed('matched', { 'if-match': '"3"' })
      t.match(await ann('PUT', path, { title: 'four' }, matched), { status: 200 })
      t.match(await ann('PUT', path, { title: 'four' }, matched), { status: 200 }, 'it did match')
      const late = keyed('late', { 'if-match': '"3"' })
      t.match(await ann('PUT', path, { title: 'five' }, late), { status: 412 })
      t.match(await ann('PUT', path, { title: 'five' }, late), { status: 412 })
      for (const [method, target, change, more] of [
        ['PUT', path, { title: 'other' }, {}],
        ['PUT', '/todos/other', { title: 'two' }, {}],
        ['PUT', path, { title: 'two' }, { 'if-match': '"1"' }],
        ['DELETE', path, undefined, {}],
        ['POST', '/todos', { title: 'two' }, {}],
      ] as const) {
        t.match(await ann(method, target, change, keyed('change', more)), {
          status: 422,
          body: { field: 'Idempotency-Key' },
        })
      }
      for (const _ of [1, 2])
        t.match(await ann('DELETE', path, undefined, keyed('gone')), { status: 204 })
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
