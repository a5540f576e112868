// GET /todos of more todos than may be held, on both engines: streamed, with every todo once and in
// order; and the way there and back, while todos come and go.

import postgres from 'postgres'
import t from 'tap'
import { seed } from '../../../scripts/seed.ts'
import {
  engineNames,
  exchange,
  headerOf,
  open,
  read,
  serveAll,
} from '../../../testing/engines/harness.ts'
import { eventually } from '../../../testing/eventually.ts'
import { testDatabase, testTopic } from '../../../testing/services.ts'

const wholeTodosMax = 1_000
const request = (target: string, method = 'GET') =>
  `${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`

for (const engine of engineNames) {
  void t.test(`${engine} engine`, async (t) => {
    const databaseUrl = await testDatabase(t)
    const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
    t.teardown(() => sql.end())
    await seed({ databaseUrl, count: wholeTodosMax }, () => {})
    const port = await serveAll(t, {
      engine,
      databaseUrl,
      log: testTopic(),
      more: { LIST_WHOLE_TODOS_MAX: String(wholeTodosMax) },
    })
    const ask = async (target = '/todos') => {
      const [answer] = await exchange(port, request(target))
      return answer
    }
    const isStreamed = async () => headerOf(await ask(), 'Transfer-Encoding') === 'chunked'
    /** As the worker announces it. */
    const announce = async () => {
      await sql`
        UPDATE list_versions SET changes = changes + 1 WHERE log = '(seed)'`
      await sql`SELECT pg_notify('todos_version', sum(changes)::text) FROM list_versions`
    }

    t.equal(await isStreamed(), false, 'as many as may be held are held')
    t.match(headerOf(await ask(), 'ETag'), /-all"$/)

    await seed({ databaseUrl, count: 700 }, () => {})
    await announce()
    await eventually(isStreamed, (is) => is)
    const answer = await ask()
    t.equal(answer?.status, 200)
    t.equal(headerOf(answer, 'Content-Type'), 'application/json')
    t.equal(headerOf(answer, 'ETag'), undefined, 'it is not of one version')
    t.match(headerOf(answer, 'X-Request-Id'), /./)
    const rows = await sql<{ id: string }[]>`
      SELECT id FROM todos WHERE NOT is_personal ORDER BY created_at DESC, id DESC`
    t.same(
      (JSON.parse(answer?.body ?? '') as { id: string }[]).map(({ id }) => id),
      rows.map(({ id }) => id),
    )
    const socket = await open(port)
    socket.write(request('/todos', 'HEAD'))
    const [head] = await read(socket, { isHead: true })
    socket.destroy()
    t.match(head, { status: 200, body: '' })
    t.equal(headerOf(head, 'Content-Length'), undefined)
    t.equal(headerOf(await ask('/todos?limit=10'), 'Transfer-Encoding'), undefined)

    // Not announced: what is streamed is read from Postgres, and current.
    await sql`UPDATE todos SET title = 'changed' WHERE id = ${rows.at(-1)?.id ?? ''}`
    t.match(((await ask())?.body ?? '').split('\n').at(-1), '"title":"changed"')

    await sql`DELETE FROM todos WHERE id = ANY(${rows.slice(0, 701).map(({ id }) => id)})`
    await announce()
    await eventually(isStreamed, (is) => !is)
    t.equal((JSON.parse((await ask())?.body ?? '') as unknown[]).length, 999)
  })
}
