// Addresses confirmed and passwords reset by mail, with a real worker and a real SMTP
// server: each token works once, and nobody learns which addresses have accounts.

import t, { type Test } from 'tap'
import { createPostgresAccountTokens } from '../../../lib/accounts/postgres-account-tokens.ts'
import { appendAudit } from '../../../lib/audit/postgres.ts'
import { startServer, startWorker } from '../../../scripts/stack/processes.ts'
import {
  createAuthClient,
  loggedIn,
  password,
  startAuthServer,
  type AuthAnswer,
} from '../../../testing/auth-client.ts'
import { databasesAt } from '../../../testing/databases.ts'
import { eventually } from '../../../testing/eventually.ts'
import { startMailServer } from '../../../testing/mail-server.ts'

const setUp = async (t: Test, settings: Readonly<Record<string, string>> = {}) => {
  const mail = await startMailServer(t)
  const all = {
    SMTP_URL: mail.url,
    MAIL_FROM: 'todos@example.com',
    MAIL_LINK_URL: 'https://todos.example/account',
    ...settings,
  }
  const server = await startAuthServer(t, all)
  const worker = await startWorker({ ...server.env, ...all })
  t.teardown(() => worker.stop())
  return { mail, worker, ...server }
}

const shown = ({ status, headers, text }: AuthAnswer) => {
  const named = [...headers].filter(([name]) => !/^(date|x-request-id)$/.test(name))
  return { status, named, text }
}

// One will do: server/features/docs/answers.integration.test.ts has each operation answer alike on both.
for (const engine of ['uws']) {
  void t.test(`${engine}: an address is confirmed, and a password reset`, async (t) => {
    const { mail, client, sql, server, worker } = await setUp(t, {
      HTTP_ENGINE: engine,
      AUTH_EMAIL_VERIFICATION: 'required',
    })
    const logIn = (typed: string) => client.post('/auth/login', { email: 'ann@b', password: typed })
    await client.post('/auth/register', { email: 'ann@b', password })
    t.equal((await logIn(password)).status, 403, 'not before it is confirmed')
    t.equal((await logIn('wrong horse')).status, 401, 'told to nobody else')
    const first = await mail.token('verify-email', 'ann@b')
    const confirm = (token: string) => client.post('/auth/verify-email', { token })
    t.equal((await client.post('/auth/reset-password', { token: first, password })).status, 400)
    t.equal((await confirm(first)).status, 204)
    const again = await confirm(first)
    t.match(JSON.parse(again.text), { status: 400, field: 'token' })
    const session = await logIn(password)
    t.equal(session.status, 200)

    const known = mail.received.length
    const asked = await client.post('/auth/forgot-password', { email: 'ANN@b' })
    t.equal(asked.status, 202)
    const token = await mail.token('reset-password', 'ann@b', known)
    const change = (one: string) =>
      client.post('/auth/reset-password', { token, password: `${one} is the new one` })
    t.equal((await client.post('/auth/reset-password', { token, password: 'x' })).status, 400)
    const racers = await Promise.all(Array.from({ length: 10 }, (_, i) => change(String(i))))
    t.same(racers.map(({ status }) => status).sort(), [204, ...Array<number>(9).fill(400)])
    const winner = racers.findIndex(({ status }) => status === 204)
    t.equal((await logIn(password)).status, 401, 'the old one')
    t.equal((await logIn(`${winner} is the new one`)).status, 200)
    const bearer = `Bearer ${session.member('access_token')}`
    t.equal((await client.get('/api/profile', bearer)).status, 401, 'every session ended')
    const refresh = { refresh_token: session.member('refresh_token') }
    t.equal((await client.post('/auth/refresh', refresh)).status, 401)
    const [entry] = await sql`SELECT action, details::text AS details FROM audit_log`
    t.match(entry, { action: 'password.reset', details: '{"sessions": 1}' })
    t.equal((await sql`SELECT FROM account_tokens`).count, 0)

    for (const running of [server, worker]) {
      await running.stop()
      for (const secret of [first, token, 'ann@b']) t.notMatch(running.output(), secret)
    }
  })

  void t.test(`${engine}: nobody learns who has an account`, async (t) => {
    // No worker: what a request leaves behind stays to be seen.
    const { client, sql } = await startAuthServer(t, { HTTP_ENGINE: engine, AUTH_MAILS_MAX: '2' })
    await loggedIn(client, 'ann@b')
    await sql`DELETE FROM mail_outbox`
    for (const path of ['/auth/forgot-password', '/auth/verify-email/request']) {
      const known = await client.post(path, { email: 'ann@b' })
      t.equal(known.status, 202)
      const unknown = await client.post(path, { email: 'eve@b' })
      t.same(shown(unknown), shown(known), path)
      const rows = await sql<{ address: string }[]>`SELECT address FROM mail_outbox ORDER BY id`
      t.same(
        rows.map(({ address }) => address),
        ['ann@b', 'eve@b'],
        'the same work',
      )
      await sql`DELETE FROM mail_outbox`
      for (let i = 0; i < 3; i++)
        t.same(shown(await client.post(path, { email: 'eve@b' })), shown(known))
      const { count } = await sql`SELECT FROM mail_outbox`
      t.equal(count, 1, 'one more of the two that an address may get')
      await sql`DELETE FROM mail_outbox`
      t.same(shown(await client.post(path, { email: 'eve@b' })), shown(known))
      t.equal((await sql`SELECT FROM mail_outbox`).count, 0, 'past the limit nothing is sent')
    }
  })
}

void t.test(
  'the newest mail counts, until its time is over, and not for who is disabled',
  async (t) => {
    const { mail, client, sql } = await setUp(t)
    await client.post('/auth/register', { email: 'ann@b', password })
    await mail.token('verify-email', 'ann@b')
    const ask = async () => {
      const known = mail.received.length
      await client.post('/auth/forgot-password', { email: 'ann@b' })
      return mail.token('reset-password', 'ann@b', known)
    }
    const reset = async (token: string) =>
      (await client.post('/auth/reset-password', { token, password: 'another horse' })).status
    const [older, newer] = [await ask(), await ask()]
    t.equal(await reset(older), 400)
    await sql`UPDATE account_tokens SET expires_at = now()`
    t.equal(await reset(newer), 400)
    const last = await ask()
    await sql`UPDATE users SET disabled_at = now()`
    t.equal(await reset(last), 400)
    const known = mail.received.length
    await client.post('/auth/forgot-password', { email: 'ann@b' })
    await client.post('/auth/forgot-password', { email: 'nobody@b' })
    await eventually(
      async () => (await sql`SELECT FROM mail_outbox`).count,
      (count) => count === 0,
    )
    t.equal(mail.received.length, known, 'nothing is sent to it')
  },
)

void t.test('a mail server that is away keeps no request waiting', async (t) => {
  const { mail, client, sql, worker } = await setUp(t, { MAIL_TIMEOUT_MS: '500' })
  await mail.stop()
  t.equal((await client.post('/auth/register', { email: 'ann@b', password })).status, 201)
  await eventually(
    async () => (await sql`SELECT FROM mail_outbox WHERE attempts > 0`).count,
    (count) => count === 1,
  )
  await eventually(
    () => Promise.resolve(worker.output()),
    (output) => output.includes('mail not sent: trying again later'),
  )
  const back = await startMailServer(t, { listenAt: mail.port })
  await sql`UPDATE mail_outbox SET next_try_at = now()`
  t.match(await back.token('verify-email', 'ann@b'), /^[\w-]{43}$/)
})

void t.test('without a mail server: the log of the worker, or nothing', async (t) => {
  const { client, env, server } = await startAuthServer(t)
  const worker = await startWorker({ ...env, LOG_LEVEL: 'warn' })
  t.teardown(() => worker.stop())
  await client.post('/auth/register', { email: 'ann@b', password })
  const line = await eventually(
    () => Promise.resolve(worker.output()),
    (output) => output.includes('Confirm your address'),
  )
  t.match(line, /auth\/verify-email .*token/)
  t.notMatch(server.output(), /no mail can be sent/)

  const asKafka = await startServer({ ...env, COMMAND_LOG: 'kafka', KAFKA_BROKERS: '127.0.0.1:1' })
  t.teardown(() => asKafka.stop())
  t.match(asKafka.output(), /no mail can be sent.*set SMTP_URL/)
  const later = createAuthClient(asKafka.port)
  for (const path of ['/auth/forgot-password', '/auth/verify-email/request'])
    t.equal((await later.post(path, { email: 'ann@b' })).status, 501)
})

void t.test('of logins with the old password that race with a reset none goes on', async (t) => {
  const { client, env, sql } = await startAuthServer(t, { AUTH_FAILED_LOGINS_MAX: '0' })
  await client.post('/auth/register', { email: 'ann@b', password })
  const pool = databasesAt(env['DATABASE_URL'] ?? '').pool('accounts', { timeoutMs: 30_000 })
  t.teardown(() => pool.close())
  const tokens = createPostgresAccountTokens(pool, appendAudit)
  const token = (await tokens.issue('reset-password', 'ann@b', 60)) ?? ''
  const logins = Array.from({ length: 40 }, async (_, i) => {
    const answer = await client.post('/auth/login', { email: 'ann@b', password })
    if (i === 5)
      await client.post('/auth/reset-password', { token, password: 'another horse battery' })
    return answer.status
  })
  t.ok((await Promise.all(logins)).includes(200))
  const open = () => sql`SELECT FROM sessions WHERE revoked_at IS NULL`
  t.equal((await open()).count, 0)
  const after = { email: 'ann@b', password: 'another horse battery' }
  t.equal((await client.post('/auth/login', after)).status, 200)
  t.equal((await open()).count, 1)
})
