// One's own sessions: which they are, that one or all of them end in every process, that those of others do not,
// and that it is written down.

import t from 'tap'
import { createPostgresAuditLog } from '../../../../lib/audit/postgres.ts'
import { loggedIn, password, startAuthServer } from '../../../../testing/auth-client.ts'
import { databasesAt } from '../../../../testing/databases.ts'
import { exchange, headerOf, type Answer } from '../../../../testing/engines/harness.ts'
import { eventually } from '../../../../testing/eventually.ts'
import { cookiePath } from '../cookie/refresh-cookie.ts'

type Shown = {
  readonly id: string
  readonly begun_at: string | null
  readonly refreshed_at: string
  readonly is_current: boolean
  readonly browser: string | null
  readonly network: string | null
}

const path = '/auth/sessions'
/** Connections are shared out by chance: so many reach both processes. */
const askedTimes = 16
const host = 'todos.example'
const firefox = 'Mozilla/5.0 (Windows NT 10.0; rv:144.0) Gecko/20100101 Firefox/144.0'
const ownPage = 'Sec-Fetch-Site: same-origin'

const cookieOf = (answer: Answer): string => headerOf(answer, 'Set-Cookie')?.split(';')[0] ?? ''

void t.test("one's own sessions", async (t) => {
  const { client, env, server, sql } = await startAuthServer(t, {
    HTTP_PROCESSES: '2',
  })
  const databases = databasesAt(env['DATABASE_URL'] ?? '')
  t.teardown(() => databases.close())
  const audit = createPostgresAuditLog(databases.pool('todos', { timeoutMs: 30_000 }))
  const bob = await loggedIn(client, 'bob@b')
  const [first, second, third] = [
    await loggedIn(client, 'ann@b'),
    await loggedIn(client, 'ann@b'),
    await loggedIn(client, 'ann@b'),
  ]
  const sessionsOf = async (token: string) => {
    const { text, status } = await client.send('GET', path, token)
    t.equal(status, 200, text)
    return (JSON.parse(text) as { sessions: Shown[] }).sessions
  }
  const statusesOf = async (token: string) => {
    const asked = Array.from({ length: askedTimes }, () =>
      client.get('/api/profile', `Bearer ${token}`),
    )
    return [...new Set((await Promise.all(asked)).map(({ status }) => status))].join()
  }
  const refusedEverywhere = (token: string) =>
    eventually(
      () => statusesOf(token),
      (statuses) => statuses === '401',
    )
  const refresh = async (token: string) =>
    (await client.post('/auth/refresh', { refresh_token: token })).status
  const askCookie = async (name: string, lines: readonly string[], body: object = {}) => {
    const bytes = JSON.stringify(body)
    const head = [
      `POST ${cookiePath}/${name} HTTP/1.1`,
      `Host: ${host}`,
      'Content-Type: application/json',
      `Content-Length: ${bytes.length}`,
      ...lines,
    ]
    const [answer] = await exchange(server.port, [...head, '', bytes].join('\r\n'))
    if (!answer) throw new Error(`no answer: ${name}`)
    return answer
  }

  await t.test('are listed, with the one that asks marked', async (t) => {
    const shown = await sessionsOf(second.accessToken)
    t.equal(shown.length, 3)
    t.same(
      shown.map(({ is_current }) => is_current),
      [false, true, false],
      'the newest first',
    )
    for (const { begun_at, refreshed_at } of shown) t.equal(begun_at, refreshed_at)
    await sql`UPDATE sessions SET begun_at = NULL WHERE id = ${shown[2]?.id ?? ''}`
    t.equal((await sessionsOf(first.accessToken))[2]?.begun_at, null, 'of one from before')
  })

  await t.test('say with what they were begun, and from which network', async (t) => {
    const lines = [ownPage, `User-Agent: ${firefox}`]
    await client.post('/auth/register', { email: 'cleo@b', password })
    await askCookie('login', lines, { email: 'cleo@b', password })
    const { accessToken } = await loggedIn(client, 'cleo@b')
    t.match(await sessionsOf(accessToken), [
      { browser: 'node', network: '127.0.0.0/24', is_current: true },
      { browser: 'Firefox, Windows', network: '127.0.0.0/24', is_current: false },
    ])
    const exported = await client.send('GET', '/api/profile/export', accessToken)
    t.match(JSON.parse(exported.text), { sessions: [{ browser: 'node' }, {}] })
    const gone = await client.send('DELETE', '/api/profile', accessToken, { password })
    t.equal(gone.status, 204)
    t.same(
      await sql`SELECT FROM sessions WHERE user_id IS NULL AND (browser || network) IS NOT NULL`,
      [],
      'it goes with the account',
    )
  })

  await t.test('end one at a time', async (t) => {
    const [, , eldest] = await sessionsOf(second.accessToken)
    const end = () => client.send('DELETE', `${path}/${eldest?.id}`, second.accessToken)
    t.equal((await end()).status, 204)
    await refusedEverywhere(first.accessToken)
    t.equal(await refresh(first.refreshToken), 401)
    t.equal(await statusesOf(second.accessToken), '200')
    t.equal((await end()).status, 404, 'it has ended')
    const [entry] = (await audit.read({ count: 1 })).entries
    t.match(entry, { action: 'session.ended', subject: { kind: 'session', id: eldest?.id } })
  })

  await t.test("are not another's to end", async (t) => {
    const [bobs] = await sessionsOf(bob.accessToken)
    const answer = await client.send('DELETE', `${path}/${bobs?.id}`, second.accessToken)
    t.equal(answer.status, 404)
    t.equal(await statusesOf(bob.accessToken), '200')
  })

  await t.test('end all at once', async (t) => {
    const userId = (await client.get('/api/profile', `Bearer ${second.accessToken}`)).member('id')
    t.equal((await client.send('DELETE', path, second.accessToken)).status, 204)
    await refusedEverywhere(second.accessToken)
    await refusedEverywhere(third.accessToken)
    t.equal(await refresh(third.refreshToken), 401)
    t.equal(await statusesOf(bob.accessToken), '200', 'and those of nobody else')
    const [entry] = (await audit.read({ count: 1 })).entries
    const subject = { kind: 'account', id: userId }
    t.match(entry, {
      action: 'session.ended',
      actorId: userId,
      subject,
      details: { sessions: 2 },
    })
  })

  await t.test('end all at once from the page, with its cookie', async (t) => {
    const login = { email: 'bob@b', password }
    const cookie = `Cookie: ${cookieOf(await askCookie('login', [ownPage], login))}`
    const otherSite = ['Sec-Fetch-Site: same-site', `Origin: https://${host}`, cookie]
    t.equal((await askCookie('logout-everywhere', otherSite)).status, 403)
    t.equal((await askCookie('logout-everywhere', [cookie])).status, 403)
    t.equal((await askCookie('logout-everywhere', [ownPage])).status, 204, 'without a cookie')
    t.equal(await statusesOf(bob.accessToken), '200', 'none of these ended anything')
    const ended = await askCookie('logout-everywhere', [ownPage, cookie])
    t.equal(ended.status, 204)
    t.match(headerOf(ended, 'Set-Cookie'), /=; Max-Age=0;/)
    await refusedEverywhere(bob.accessToken)
    t.equal(await refresh(bob.refreshToken), 401)
    const again = await loggedIn(client, 'bob@b')
    t.equal((await askCookie('logout-everywhere', [ownPage, cookie])).status, 204)
    t.equal(await statusesOf(again.accessToken), '200', 'a cookie that has ended ends no other')
  })
})
