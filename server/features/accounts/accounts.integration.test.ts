// Registering and the profile: what an account is, whose it is, and that there is one
// for each address however it is spelled.

import t from 'tap'
import { signToken } from '../../../lib/accounts/access-token.ts'
import { testSecret } from '../../../testing/settings.ts'
import { startServer } from '../../../scripts/stack/processes.ts'
import { createThreadHasher } from './passwords/thread-hasher.ts'
import {
  createAuthClient,
  password,
  startAuthServer,
  type AuthClient,
} from '../../../testing/auth-client.ts'

// One will do: server/features/docs/answers.integration.test.ts has each operation answer alike on both.
for (const engine of ['node']) {
  void t.test(`${engine}: from registering to the end of a session`, async (t) => {
    const { client, server, sql } = await startAuthServer(t, { HTTP_ENGINE: engine })
    const registered = await client.post('/auth/register', {
      email: ' Ann@Example.COM\n',
      password,
    })
    t.equal(registered.status, 201)
    t.match(JSON.parse(registered.text), {
      id: /^[\da-f-]{36}$/,
      email: 'ann@example.com',
      created_at: /^\d{4}-.*\.\d{3}Z$/,
    })
    t.same(Object.keys(JSON.parse(registered.text) as object), ['id', 'email', 'created_at'])

    const taken = await client.post('/auth/register', { email: 'ANN@example.com', password })
    t.equal(taken.status, 409)
    t.equal(taken.member('field'), 'email')

    const login = await client.post('/auth/login', { email: 'ann@EXAMPLE.com', password })
    t.equal(login.status, 200)
    t.match(JSON.parse(login.text), { token_type: 'Bearer', expires_in: 900 })
    t.equal(login.headers.get('cache-control'), 'no-store')

    // Typed on another keyboard, and hashed by an older release as it was typed.
    const [nfc, nfd] = ['d\u00e9j\u00e0 vu vu', 'de\u0301ja\u0300\u00a0vu vu']
    const logIn = async (typed: string) =>
      (await client.post('/auth/login', { email: 'dora@b', password: typed })).status
    const dora = await client.post('/auth/register', { email: 'dora@b', password: nfc })
    t.equal(dora.status, 201)
    t.same([await logIn(nfc), await logIn(nfd), await logIn(`${nfd}!`)], [200, 200, 401])
    const thread = createThreadHasher()
    const older = await thread.hash(nfd, 4)
    await thread.close()
    await sql`UPDATE users SET password_hash = ${older} WHERE email = 'dora@b'`
    t.same([await logIn(nfc), await logIn(nfd)], [401, 200], 'an older hash is of one spelling')
    t.same([await logIn(nfc), await logIn(nfd)], [200, 200], 'until it is hashed anew')

    const bearer = `Bearer ${login.member('access_token')}`
    const profile = await client.get('/api/profile', bearer)
    t.equal(profile.status, 200)
    t.equal(profile.text, registered.text, 'what was registered')

    const refreshToken = login.member('refresh_token')
    const refreshed = await client.post('/auth/refresh', { refresh_token: refreshToken })
    t.equal(refreshed.status, 200)
    t.equal(refreshed.headers.get('cache-control'), 'no-store')
    t.not(refreshed.member('refresh_token'), refreshToken, 'another')
    t.equal((await client.get('/api/profile', bearer)).status, 200, 'the older one lives on')

    const body = { refresh_token: refreshed.member('refresh_token') }
    for (const turn of ['first', 'second']) {
      const logout = await client.post('/auth/logout', body)
      t.equal(logout.status, 204, turn)
      t.equal(logout.text, '')
    }
    const over = await client.get('/api/profile', bearer)
    t.equal(over.status, 401)
    t.match(over.headers.get('www-authenticate'), /error_description="the session has ended"/)
    t.equal((await client.post('/auth/refresh', body)).status, 401)

    const stranger = await client.get('/api/profile', `Bearer ${signToken(testSecret, 'bob', 60)}`)
    t.equal(stranger.status, 404, 'a token for a name without an account')

    await server.stop()
    const log = server.output()
    for (const secret of [password, refreshToken, login.member('access_token')]) {
      t.notMatch(log, secret, 'no secret is logged')
    }
  })
}

void t.test('of fifty at once one gets the address', async (t) => {
  const { client } = await startAuthServer(t, { HTTP_PROCESSES: '2' })
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      client.post('/auth/register', { email: i % 2 ? 'a@b' : 'A@B', password }),
    ),
  )
  const count = (status: number) => answers.filter((one) => one.status === status).length
  t.same([count(201), count(409)], [1, 49])
})

void t.test('what is wrong is named', async (t) => {
  const { client } = await startAuthServer(t)
  const email = 'a@b'
  for (const [body, field] of [
    ...([
      [[], 'body'],
      ['null', 'body'],
      ['{', 'body'],
      [{ password }, 'email'],
    ] as const),
    ...[1, null, true, ['a@b'], {}, '', ' ', 'a', '@b', 'a@', 'a@b@c', 'a b@c', 'a@b\0', 'a\n@b']
      .concat(['a\u200b@b', 'a@\ud800', `${'a'.repeat(253)}@b`, `${'a'.repeat(5_000)}@b`])
      .map((wrong) => [{ email: wrong, password }, 'email'] as const),
    [{ email }, 'password'] as const,
    ...[1, null, ['12345678'], '', '1234567', 'x'.repeat(73), 'ü'.repeat(37), 'x'.repeat(8) + '\0']
      .concat(['\ud800'.repeat(8), '\u{1F600}'])
      .map((wrong) => [{ email, password: wrong }, 'password'] as const),
  ]) {
    const answer = await client.post('/auth/register', body)
    t.equal(answer.status, 400, JSON.stringify(body).slice(0, 80))
    t.equal(answer.member('field'), field, answer.text)
  }
  for (const [index, one] of ['x'.repeat(8), 'x'.repeat(72), 'ü'.repeat(4), 'ü'.repeat(36)]
    .concat(['\u{1F600}'.repeat(2), ' '.repeat(8)])
    .entries()) {
    const account = { email: `${index}@b`, password: one }
    t.equal((await client.post('/auth/register', account)).status, 201, one)
    t.equal((await client.post('/auth/login', account)).status, 200, one)
    const shorter = { ...account, password: one.slice(0, -1) }
    t.equal((await client.post('/auth/login', shorter)).status, 401, 'one letter less')
  }
})

void t.test('one address has one account, however it is written', async (t) => {
  const { client, sql } = await startAuthServer(t)
  for (const spellings of [
    ['jos\u00e9@ex.org', 'JOSE\u0301@ex.org', '\u00a0Jose\u0301@EX.org\u2003'],
    ['\u0130@ex.org', 'i\u0307@ex.org'],
    ['o\u0302\u0323@ex.org', '\u1ed9@ex.org'],
    ['\u{1F600}@ex.org', ' \u{1F600}@EX.ORG'],
    [`${'\u{1F600}'.repeat(252)}@b`],
  ]) {
    const answers: number[] = []
    for (const email of spellings) {
      answers.push((await client.post('/auth/register', { email, password })).status)
      t.equal((await client.post('/auth/login', { email, password })).status, 200, email)
    }
    t.same(answers, [201, ...spellings.slice(1).map(() => 409)], spellings.join())
  }
  const [row] = await sql<{ count: number }[]>`SELECT count(*)::int FROM users`
  t.equal(row?.count, 5)
})

void t.test('the rules of new passwords are settings, and older passwords go on', async (t) => {
  const { client, env } = await startAuthServer(t)
  const register = (one: AuthClient, email: string, typed: string) =>
    one.post('/auth/register', { email, password: typed })
  for (const common of ['password123', 'PASSWORD123', 'Iloveyou1']) {
    const answer = await register(client, 'a@b', common)
    t.match(JSON.parse(answer.text), { status: 400, field: 'password', detail: /commonest/ })
  }
  t.equal((await register(client, 'a@b', 'short 1!')).status, 201)
  const strict = await startServer({ ...env, AUTH_PASSWORD_BYTES_MIN: '15' })
  t.teardown(() => strict.stop())
  const later = createAuthClient(strict.port)
  const refused = await register(later, 'b@b', 'short 1!')
  t.match(JSON.parse(refused.text), { status: 400, detail: /15 to 72 bytes/ })
  t.equal((await register(later, 'b@b', 'longer than before')).status, 201)
  t.equal((await later.post('/auth/login', { email: 'a@b', password: 'short 1!' })).status, 200)
})
