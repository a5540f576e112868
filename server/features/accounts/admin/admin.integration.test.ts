// System admins: who is one, from one request to the next, what they may do to the
// accounts of others, and that what they end is over in every process.

import t, { type Test } from 'tap'
import { createPostgresAdministration } from '../../../../lib/accounts/postgres-administration.ts'
import { appendAudit } from '../../../../lib/audit/postgres.ts'
import { readConfig } from '../../../../lib/runtime/config/config.ts'
import { admin } from '../../../../scripts/admin.ts'
import { startServer } from '../../../../scripts/stack/processes.ts'
import {
  createAuthClient,
  loggedIn,
  password,
  startAuthServer,
  type AuthAnswer,
  type AuthClient,
} from '../../../../testing/auth-client.ts'
import { databasesAt } from '../../../../testing/databases.ts'
import { eventually } from '../../../../testing/eventually.ts'
import { testDatabase } from '../../../../testing/services.ts'

const accounts = '/api/admin/accounts'
/** Connections are shared out by chance: so many reach all of two processes. */
const askedTimes = 20
const by = { actorId: 'tester', requestId: 'test' }

/** The command of an operator; what it printed, and its exit code. */
const runAdmin = async (url: string, ...args: string[]) => {
  const lines: string[] = []
  const write = (line: string) => lines.push(line)
  const code = await admin(args, () => readConfig({ DATABASE_URL: url }, 'script'), {
    out: write,
    err: write,
  })
  return { code, lines }
}

const statusesOf = async (ask: () => Promise<AuthAnswer>): Promise<number[]> => {
  const answers = await Promise.all(Array.from({ length: askedTimes }, ask))
  return [...new Set(answers.map(({ status }) => status))]
}

const refusedEverywhere = async (t: Test, client: AuthClient, token: string, what: string) => {
  const ask = () => statusesOf(() => client.get('/api/profile', `Bearer ${token}`))
  await eventually(ask, (statuses) => statuses.join() === '401')
  t.same(await ask(), [401], what)
}

const idOf = async (client: AuthClient, token: string) =>
  (await client.get('/api/profile', `Bearer ${token}`)).member('id')

// One will do: server/features/docs/answers.integration.test.ts has each operation answer alike on both.
for (const engine of ['node']) {
  void t.test(
    `${engine}: a role holds from one request to the next, in every process`,
    async (t) => {
      const { client, env } = await startAuthServer(t, { HTTP_ENGINE: engine, HTTP_PROCESSES: '2' })
      const url = env['DATABASE_URL'] ?? ''
      const { accessToken } = await loggedIn(client, 'root@b')
      const ask = () => statusesOf(() => client.send('GET', accounts, accessToken))
      t.same(await ask(), [403])
      const grant = await runAdmin(url, 'grant', 'ROOT@b', '--yes')
      t.same(grant, { code: 0, lines: ['root@b is a system admin now'] })
      t.same(await ask(), [200], 'with the token that it has')
      t.match((await runAdmin(url, 'list')).lines, [/^root@b /, '1 system admin'])
      t.match(await runAdmin(url, 'grant', 'root@b'), {
        lines: ['root@b is a system admin already'],
      })
      await runAdmin(url, 'revoke', 'root@b')
      t.same(await ask(), [403])
      const nobody = await runAdmin(url, 'grant', 'nobody@b')
      t.match(nobody, { code: 1, lines: [/^nobody@b has no account: register it first/] })
    },
  )

  void t.test(`${engine}: who is disabled or deleted is out everywhere`, async (t) => {
    const settings = { HTTP_ENGINE: engine, HTTP_PROCESSES: '2' }
    const { client, env, server, sql } = await startAuthServer(t, settings)
    const root = await loggedIn(client, 'root@b')
    await runAdmin(env['DATABASE_URL'] ?? '', 'grant', 'root@b')
    const ann = await loggedIn(client, 'ann@b')
    const bob = await loggedIn(client, 'bob@b')
    const [annAt, bobAt] = [
      `${accounts}/${await idOf(client, ann.accessToken)}`,
      `${accounts}/${await idOf(client, bob.accessToken)}`,
    ]
    const send = (method: string, path: string) => client.send(method, path, root.accessToken)
    const logIn = (email: string, typed = password) =>
      client.post('/auth/login', { email, password: typed })

    const disabled = await send('POST', `${annAt}/disable`)
    t.equal(disabled.status, 200)
    t.match(JSON.parse(disabled.text), { email: 'ann@b', role: 'user', disabled_at: /^\d{4}-/ })
    await refusedEverywhere(t, client, ann.accessToken, 'disabled')
    const refused = await logIn('ann@b')
    const wrong = await logIn('nobody@b')
    t.same([refused.status, refused.text], [401, wrong.text], 'as with a wrong password')
    const refresh = { refresh_token: ann.refreshToken }
    t.equal((await client.post('/auth/refresh', refresh)).status, 401)
    t.same(await statusesOf(() => client.get('/api/profile', `Bearer ${bob.accessToken}`)), [200])

    t.equal((await send('POST', `${annAt}/enable`)).status, 200)
    const again = await logIn('ann@b')
    t.equal(again.status, 200)
    await refusedEverywhere(t, client, ann.accessToken, 'what was ended does not come back')
    t.equal(
      (await client.get('/api/profile', `Bearer ${again.member('access_token')}`)).status,
      200,
    )

    t.equal((await send('DELETE', bobAt)).status, 204)
    await refusedEverywhere(t, client, bob.accessToken, 'deleted')
    t.equal((await logIn('bob@b')).status, 401)
    t.equal((await send('GET', bobAt)).status, 404)
    t.equal((await send('DELETE', bobAt)).status, 404)
    const left = await sql`SELECT id FROM users WHERE email = 'bob@b'`
    t.equal(left.count, 0)

    const listed = await send('GET', accounts)
    t.notMatch(listed.text, /\$2b\$|password/, 'no hash')
    const log = await sql<{ action: string; subject: string }[]>`
      SELECT action, subject_kind || ' ' || details::text AS subject FROM audit_log ORDER BY id`
    t.same(
      log.map(({ action, subject }) => `${action} ${subject}`),
      [
        'role.granted account {"role": "system-admin"}',
        'account.disabled account {"sessions": 1}',
        'account.enabled account {}',
        'account.deleted account {"sessions": 1}',
      ],
    )

    await server.stop()
    const later = await startServer(env)
    t.teardown(() => later.stop())
    const anew = createAuthClient(later.port)
    for (const { accessToken } of [ann, bob])
      t.equal((await anew.get('/api/profile', `Bearer ${accessToken}`)).status, 401, 'restarted')
  })
}

void t.test('one session ends, or all of an account', async (t) => {
  const { client, env } = await startAuthServer(t)
  const root = await loggedIn(client, 'root@b')
  await runAdmin(env['DATABASE_URL'] ?? '', 'grant', 'root@b')
  const [first, second] = [await loggedIn(client, 'ann@b'), await loggedIn(client, 'ann@b')]
  const ann = `${accounts}/${await idOf(client, first.accessToken)}`
  const send = (method: string, path: string) => client.send(method, path, root.accessToken)
  const sessions = async () => {
    const { text } = await send('GET', `${ann}/sessions`)
    return (JSON.parse(text) as { sessions: { id: string }[] }).sessions
  }
  const profileOf = async (token: string) =>
    (await client.get('/api/profile', `Bearer ${token}`)).status

  const [newest, eldest] = await sessions()
  t.ok(newest && eldest)
  t.equal((await send('DELETE', `/api/admin/sessions/${eldest?.id}`)).status, 204)
  t.same([await profileOf(first.accessToken), await profileOf(second.accessToken)], [401, 200])
  t.same(await sessions(), [newest])
  t.equal((await send('DELETE', `${ann}/sessions`)).status, 204)
  t.equal(await profileOf(second.accessToken), 401)
  t.same(await sessions(), [])

  const self = `${accounts}/${await idOf(client, root.accessToken)}`
  t.equal((await send('POST', `${self}/disable`)).status, 409, 'not oneself')
  t.equal((await send('DELETE', self)).status, 409)
})

void t.test('pages hold each account once, and one is found by its address', async (t) => {
  const { client, env } = await startAuthServer(t)
  const root = await loggedIn(client, 'root@b')
  await runAdmin(env['DATABASE_URL'] ?? '', 'grant', 'root@b')
  for (let i = 0; i < 6; i++) await client.post('/auth/register', { email: `${i}@b`, password })
  const read = async (target: string) => {
    const answer = await client.send('GET', target, root.accessToken)
    const { accounts: page } = JSON.parse(answer.text) as { accounts: { email: string }[] }
    const next = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
    return { emails: page.map(({ email }) => email), next }
  }
  const all: string[] = []
  for (let next: string | undefined = `${accounts}?limit=3`; next;) {
    const page = await read(next)
    all.push(...page.emails)
    next = page.next
  }
  t.same(all.sort(), ['0@b', '1@b', '2@b', '3@b', '4@b', '5@b', 'root@b'])
  t.same((await read(`${accounts}?email=3@B`)).emails, ['3@b'])
  t.same((await read(`${accounts}?email=x@b`)).emails, [])
})

void t.test('a change that can not be written down does not happen', async (t) => {
  const pool = databasesAt(await testDatabase(t)).pool('accounts', { timeoutMs: 30_000 })
  t.teardown(() => pool.close())
  await pool.run((sql) => sql`INSERT INTO users VALUES ('ann', 'ann@b', 'x')`)
  const failing = createPostgresAdministration(pool, () => Promise.reject(new Error('full')))
  await t.rejects(failing.disable('ann', by), { message: 'full' })
  await t.rejects(failing.remove('ann', by))
  await t.rejects(failing.setRole('ann', 'system-admin', by))
  t.match(await failing.find('ann'), { role: 'user', disabled_at: null })
})

void t.test('of logins that race with a disabling none goes on', async (t) => {
  const { client, env, sql } = await startAuthServer(t, {
    HTTP_PROCESSES: '2',
    AUTH_FAILED_LOGINS_MAX: '0',
  })
  await client.post('/auth/register', { email: 'ann@b', password })
  const pool = databasesAt(env['DATABASE_URL'] ?? '').pool('accounts', { timeoutMs: 30_000 })
  t.teardown(() => pool.close())
  const administration = createPostgresAdministration(pool, appendAudit)
  const ann = await administration.findByEmail('ann@b')
  const logins = Array.from({ length: 40 }, async (_, i) => {
    const answer = await client.post('/auth/login', { email: 'ann@b', password })
    if (i === 5) await administration.disable(ann?.id ?? '', by)
    return answer.status
  })
  for (const status of await Promise.all(logins)) t.ok(status === 200 || status === 401)
  // All of them may have been answered before the disabling: this one is behind it.
  t.equal((await client.post('/auth/login', { email: 'ann@b', password })).status, 401)
  const [row] = await sql<{ open: number }[]>`
    SELECT count(*)::int AS open FROM sessions WHERE revoked_at IS NULL`
  t.equal(row?.open, 0)
})
