// The export of one's own data, on both engines: everything that is one's own, nothing of others, no
// secret, and nothing held in Postgres while a client takes its time.

import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { Sql } from 'postgres'
import t from 'tap'
import { loggedIn, startAuthServer } from '../../../testing/auth-client.ts'
import { engineNames } from '../../../testing/engines/harness.ts'

type Export = {
  account: Record<string, unknown>
  sessions: Record<string, unknown>[]
  todos: { id: string; user_id: string }[]
}

/** Several have each moment, and texts hold what JSON must escape. */
const addTodos = (sql: Sql, userId: string, count: number, descriptionLength: number) => sql`
  INSERT INTO todos
    (id, title, description, completed, user_id, created_at, updated_at, revision, is_personal)
  SELECT ${userId} || '-' || lpad(n::text, 6, '0'), E'a "title"\\n<' || n,
    rpad('', ${descriptionLength}, 'text '), n % 2 = 0, ${userId}, time, time, 1, true
  FROM (SELECT n, '2026-01-31T12:00:00Z'::timestamptz + n / 7 * interval '1 second' AS time
    FROM generate_series(1, ${count}::int) AS n) AS numbered`

for (const engine of engineNames) {
  void t.test(`${engine} engine`, async (t) => {
    const { client, server, sql } = await startAuthServer(t, { HTTP_ENGINE: engine })
    const { accessToken } = await loggedIn(client, 'ann@example.com')
    const bearer = `Bearer ${accessToken}`
    const profile = await client.get('/api/profile', bearer)
    const { id } = JSON.parse(profile.text) as { id: string }

    await t.test('without todos', async (t) => {
      const { status, text, headers } = await client.get('/api/profile/export', bearer)
      t.equal(status, 200)
      const { text: own } = await client.get('/auth/sessions', bearer)
      const [session] = (JSON.parse(own) as { sessions: object[] }).sessions
      t.equal(typeof session, 'object')
      const { account, sessions, ...rest } = JSON.parse(text) as Export
      t.equal(JSON.stringify(account), profile.text, 'as the profile is')
      t.match({ ...session, is_current: true }, { ...sessions[0], is_current: true })
      t.same(rest, { memberships: [], todos: [] })
      t.equal(headers.get('content-disposition'), 'attachment; filename="todos-export.json"')
      t.equal(headers.get('cache-control'), 'no-store')
    })

    await t.test('with teams', async (t) => {
      for (const name of ['Trees', 'Roses'])
        await client.send('POST', '/api/teams', accessToken, { name })
      const { text } = await client.get('/api/profile/export', bearer)
      t.match(JSON.parse(text), {
        memberships: [
          { team_name: 'Roses', role: 'admin', joined_at: /^2/ },
          { team_name: 'Trees', role: 'admin', team_id: /^[\da-f-]{36}$/ },
        ],
      })
    })

    await t.test('in several parts', async (t) => {
      await addTodos(sql, id, 1_700, 20)
      await addTodos(sql, 'bob', 10, 20)
      const { text } = await client.get('/api/profile/export', bearer)
      const { account, todos } = JSON.parse(text) as Export
      t.same(account, JSON.parse(profile.text))
      const own = await sql<{ id: string }[]>`
        SELECT id FROM todos WHERE user_id = ${id} ORDER BY created_at DESC, id DESC`
      t.same(
        todos.map((todo) => todo.id),
        own.map((row) => row.id),
        'each once, newest first',
      )
      t.ok(todos.every((todo) => todo.user_id === id))
      t.notMatch(text, /password|hash|\$2[aby]\$/)
    })

    await t.test('a client that takes its time holds nothing in Postgres', async (t) => {
      await sql`UPDATE todos SET description = rpad('', 2000, 'text ') WHERE user_id = ${id}`
      const options = { port: server.port, host: '127.0.0.1', path: '/api/profile/export' }
      const request = get({ ...options, headers: { authorization: bearer } })
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      const [busy] = await sql<{ count: number }[]>`
        SELECT count(*)::int FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND (state LIKE 'idle in transaction%' OR xact_start < now() - interval '5 seconds')`
      t.equal(busy?.count, 0)
      let bytes = 0
      for await (const chunk of response) bytes += (chunk as Buffer).length
      t.ok(bytes > 1_700 * 2_000, 'and gets all of it')
    })

    t.equal((await client.get('/api/profile/export')).status, 401, 'nobody')
  })
}
