// Invitations by mail, with a real worker and a real SMTP server: the token is in the mail
// and nowhere else, it is good once and for its address, and nobody is flooded.

import t, { type Test } from 'tap'
import { startServer, startWorker } from '../../../scripts/stack/processes.ts'
import {
  createAuthClient,
  loggedIn,
  password,
  startAuthServer,
  type AuthAnswer,
} from '../../../testing/auth-client.ts'
import { eventually } from '../../../testing/eventually.ts'
import { rowsNaming } from '../../../testing/everything.ts'
import { startMailServer } from '../../../testing/mail-server.ts'

const jsonOf = ({ text }: AuthAnswer) => JSON.parse(text) as Record<string, string>

const setUp = async (t: Test, settings: Readonly<Record<string, string>> = {}) => {
  const mail = await startMailServer(t)
  const all = {
    SMTP_URL: mail.url,
    MAIL_FROM: 'todos@example.com',
    MAIL_LINK_URL: 'https://todos.example/account',
    ...settings,
  }
  const server = await startAuthServer(t, all)
  const workerEnv = { ...server.env, ...all }
  const worker = await startWorker(workerEnv)
  t.teardown(() => worker.stop())
  const register = async (email: string) => {
    const { accessToken } = await loggedIn(server.client, email)
    return (method: string, path: string, body?: object) =>
      server.client.send(method, path, accessToken, body)
  }
  const ann = await register('ann@b')
  const { id } = jsonOf(await ann('POST', '/api/teams', { name: 'Secret flowers' }))
  const invitations = `/api/teams/${id}/invitations`
  const invite = (email: string) => ann('POST', invitations, { email })
  return { mail, worker, workerEnv, register, ann, invite, invitations, ...server }
}

const accepted = async (
  who: (method: string, path: string, body?: object) => Promise<AuthAnswer>,
  token: string,
) => (await who('POST', '/api/invitations/accept', { token })).status

// One will do: server/features/docs/answers.integration.test.ts has each operation answer alike on both.
for (const engine of ['node']) {
  void t.test(`${engine}: an address is invited by mail`, async (t) => {
    const { mail, register, invite, invitations, ann, sql, server, worker } = await setUp(t, {
      HTTP_ENGINE: engine,
    })
    const bob = await register('bob@b')
    const eve = await register('eve@b')
    const sent = await invite('bob@b')
    t.equal(sent.status, 201)
    t.notOk('token' in jsonOf(sent), 'the answer has no token')
    const token = await mail.token('invitation', 'bob@b')
    const text = mail.received.find((one) => one.text.includes('invitation='))?.text ?? ''
    t.match(text, 'Log in with the account')
    t.notMatch(text, /Secret|ann@b/, 'nothing that a user typed')
    t.same(await rowsNaming(sql, [token]), {}, 'no row has it')
    t.notMatch(server.output() + worker.output(), token, 'no log has it')
    t.equal(await accepted(eve, token), 403, 'for another address')
    t.equal(await accepted(bob, token), 200)
    t.equal(await accepted(bob, token), 404, 'used')

    let known = mail.received.length
    await invite('cid@b')
    const older = await mail.token('invitation', 'cid@b', known)
    t.match(mail.received.at(-1)?.text, 'Register one with it')
    known = mail.received.length
    await invite('cid@b')
    const newer = await mail.token('invitation', 'cid@b', known)
    const cid = await register('cid@b')
    t.equal(await accepted(cid, older), 404, 'another one replaced it')
    t.equal(await accepted(cid, newer), 200)

    const withdrawn = jsonOf(await invite('dan@b'))
    const daily = await mail.token('invitation', 'dan@b')
    await ann('DELETE', `${invitations}/${withdrawn['id']}`)
    t.equal(await accepted(await register('dan@b'), daily), 404, 'withdrawn')
  })
}

void t.test('nobody is flooded, and strangers use up no limit', async (t) => {
  const { register, invite, invitations, sql } = await setUp(t, { AUTH_MAILS_MAX: '2' })
  const eve = await register('eve@b')
  for (let i = 0; i < 5; i++)
    t.equal((await eve('POST', invitations, { email: 'bob@b' })).status, 404)
  for (let i = 0; i < 2; i++) t.equal((await invite('bob@b')).status, 201)
  const [before] = await sql`SELECT id FROM team_invitations`
  const refused = await invite('bob@b')
  t.equal(refused.status, 429)
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  t.same(await sql`SELECT id FROM team_invitations`, [before], 'the last one is still good')
  t.equal((await invite('cid@b')).status, 201, 'another address')
})

void t.test('a mail that is withdrawn before it is sent is not', async (t) => {
  const { mail, invite, ann, invitations, sql, worker, workerEnv } = await setUp(t)
  await worker.stop()
  const { id } = jsonOf(await invite('bob@b'))
  await invite('cid@b')
  t.equal((await sql`SELECT FROM team_invitations WHERE token_hash IS NULL`).count, 2)
  await ann('DELETE', `${invitations}/${id}`)
  const later = await startWorker(workerEnv)
  t.teardown(() => later.stop())
  await mail.token('invitation', 'cid@b')
  await eventually(
    () => sql`SELECT FROM mail_outbox`,
    ({ count }) => count === 0,
  )
  t.notOk(mail.received.some(({ to, text }) => to.includes('bob@b') && /invited/.test(text)))
})

void t.test('without a mail server the worker prints it', async (t) => {
  const server = await startAuthServer(t)
  const worker = await startWorker({ ...server.env, LOG_LEVEL: 'warn' })
  t.teardown(() => worker.stop())
  const { accessToken } = await loggedIn(server.client, 'ann@b')
  const ann = (method: string, path: string, body?: object) =>
    server.client.send(method, path, accessToken, body)
  const { id } = jsonOf(await ann('POST', '/api/teams', { name: 'x' }))
  const sent = await ann('POST', `/api/teams/${id}/invitations`, { email: 'bob@b' })
  t.notOk('token' in jsonOf(sent))
  const output = await eventually(
    () => worker.output(),
    (text) => text.includes('You are invited to a team'),
  )
  t.match(output, /auth\/register.*api\/invitations\/accept/s)
})

void t.test('one sees what was sent to an address that is confirmed', async (t) => {
  const { mail, register, invite, sql, client, env } = await setUp(t)
  const bob = await register('bob@b')
  await invite('bob@b')
  t.match(jsonOf(await bob('GET', '/api/invitations')), { invitations: [{ email: 'bob@b' }] })
  const strict = await startServer({ ...env, AUTH_EMAIL_VERIFICATION: 'required' })
  t.teardown(() => strict.stop())
  const login = await client.post('/auth/login', { email: 'bob@b', password })
  const list = () =>
    createAuthClient(strict.port).send('GET', '/api/invitations', login.member('access_token'))
  const refused = await list()
  t.equal(refused.status, 403)
  t.match(jsonOf(refused)['type'], /email-not-verified$/)
  const token = await mail.token('verify-email', 'bob@b')
  await client.post('/auth/verify-email', { token })
  t.match(jsonOf(await list()), { invitations: [{ email: 'bob@b' }] })
  t.equal((await sql`SELECT FROM team_invitations`).count, 1)
})
