// What may be done with a refresh token and what may not (J3): used twice, at once or later, stolen,
// lost on its way, forged. Time passes in the database, not in the test.

import { createHmac } from 'node:crypto'
import t, { type Test } from 'tap'
import { createRefreshTokens, newFamily } from '../../../lib/accounts/refresh-token.ts'
import { testSecret } from '../../../testing/settings.ts'
import {
  loggedIn,
  password,
  startAuthServer,
  type AuthClient,
} from '../../../testing/auth-client.ts'

const refreshWith = (client: AuthClient, token: string) =>
  client.post('/auth/refresh', { refresh_token: token })
const profileWith = (client: AuthClient, token: string) =>
  client.get('/api/profile', `Bearer ${token}`)

const tokensAfter = async (t: Test, client: AuthClient, token: string) => {
  const answer = await refreshWith(client, token)
  t.equal(answer.status, 200, answer.text)
  return {
    accessToken: answer.member('access_token'),
    refreshToken: answer.member('refresh_token'),
  }
}

// One will do: server/features/docs/answers.integration.test.ts has each operation answer alike on both.
for (const engine of ['uws']) {
  void t.test(`${engine}: a refresh token used twice`, async (t) => {
    const { client, sql, server } = await startAuthServer(t, { HTTP_ENGINE: engine })
    const graceIsOver = () => sql`UPDATE sessions SET rotated_at = rotated_at - interval '11 s'`

    await t.test('at once, fifty times, gives all the same successor', async (t) => {
      const { refreshToken } = await loggedIn(client, 'tabs@b')
      const all = Array.from({ length: 50 }, () => tokensAfter(t, client, refreshToken))
      const successors = new Set((await Promise.all(all)).map((one) => one.refreshToken))
      t.equal(successors.size, 1)
      const [successor = ''] = successors
      await graceIsOver()
      await tokensAfter(t, client, successor)
    })

    await t.test('in the grace, for a reply that was lost, gives the same successor', async (t) => {
      const { refreshToken } = await loggedIn(client, 'lost@b')
      const first = await tokensAfter(t, client, refreshToken)
      const again = await tokensAfter(t, client, refreshToken)
      t.equal(again.refreshToken, first.refreshToken)
      t.equal((await profileWith(client, again.accessToken)).status, 200)
    })

    await t.test('after the grace ends the session', async (t) => {
      const { accessToken, refreshToken } = await loggedIn(client, 'late@b')
      const other = await loggedIn(client, 'late@b')
      const next = await tokensAfter(t, client, refreshToken)
      await graceIsOver()
      t.equal((await refreshWith(client, refreshToken)).status, 401)
      t.equal((await refreshWith(client, next.refreshToken)).status, 401, 'its successor too')
      for (const token of [accessToken, next.accessToken]) {
        t.equal((await profileWith(client, token)).status, 401, 'its access tokens too')
      }
      await tokensAfter(t, client, other.refreshToken)
      t.equal((await profileWith(client, other.accessToken)).status, 200, "the user's others go on")
    })

    await t.test('by a thief first: the owner ends it for both', async (t) => {
      const { refreshToken } = await loggedIn(client, 'owner@b')
      const stolen = await tokensAfter(t, client, refreshToken)
      const kept = await tokensAfter(t, client, stolen.refreshToken)
      t.equal((await refreshWith(client, refreshToken)).status, 401, 'in the grace, but too old')
      t.equal((await refreshWith(client, kept.refreshToken)).status, 401)
      t.equal((await profileWith(client, kept.accessToken)).status, 401)
      await tokensAfter(t, client, (await loggedIn(client, 'owner@b')).refreshToken)
    })

    await server.stop()
    const warnings = server.output().match(/used again: its session is revoked/g)
    t.equal(warnings?.length, 2, 'told once for each')
    t.notMatch(server.output(), /\.\d+\.[\w-]{43}/, 'no refresh token is logged')
  })
}

void t.test('a refresh token that is not ours', async (t) => {
  const { client, sql } = await startAuthServer(t)
  const { accessToken, refreshToken } = await loggedIn(client, 'a@b')
  const other = await loggedIn(client, 'a@b')
  const [family = '', , mac = ''] = refreshToken.split('.')
  const [otherFamily = '', , otherMac = ''] = other.refreshToken.split('.')
  const withSecret = (text: string) =>
    `${text}.${createHmac('sha256', testSecret).update(text).digest('base64url')}`
  const last = (text: string) => text.slice(0, -1)
  const before = await sql`SELECT * FROM sessions ORDER BY id`

  const forged: Record<string, unknown> = {
    'another MAC': `${family}.1.${'A'.repeat(43)}`,
    "another session's MAC": `${family}.1.${otherMac}`,
    "another session's name": `${otherFamily}.1.${mac}`,
    ...Object.fromEntries(
      [
        '2',
        '0',
        '-1',
        '01',
        '1e0',
        '1.0',
        '+1',
        ' 1',
        '',
        '999999999',
        '9999999999',
        '1'.repeat(400),
      ].map((generation) => [`generation ${generation}`, `${family}.${generation}.${mac}`]),
    ),
    'a number of another alphabet': `${family}.\uff11.${mac}`,
    'signed with the secret itself': withSecret(`${family}.1`),
    'signed with another secret': createRefreshTokens('x'.repeat(32)).write({
      family,
      generation: 1,
    }),
    'an access token': accessToken,
    'cut short': last(refreshToken),
    'a letter more': `${refreshToken}A`,
    padded: `${refreshToken}=`,
    'padded within': `${family}==.1.${mac}`,
    'a space behind': `${refreshToken} `,
    'a newline behind': `${refreshToken}\n`,
    'a NUL behind': `${refreshToken}\0`,
    'the other base64': refreshToken.replace(/.$/, '+'),
    'two parts': `${family}.${mac}`,
    'four parts': `${refreshToken}.${mac}`,
    'as a header has it': `Bearer ${refreshToken}`,
    empty: '',
    dots: '..',
    long: 'x'.repeat(10_000),
  }
  // Bits that base64 leaves over: other spellings of the same bytes.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const respelled = (text: string, bit: number) =>
    last(text) + alphabet.charAt(alphabet.indexOf(text.at(-1) ?? '') ^ bit)
  for (const bit of [1, 2, 3]) forged[`a MAC respelled ${bit}`] = respelled(refreshToken, bit)
  for (const bit of [1, 2, 4, 8])
    forged[`a name respelled ${bit}`] = `${respelled(family, bit)}.1.${mac}`

  for (const [what, token] of Object.entries(forged)) {
    const body = { refresh_token: token }
    t.equal((await client.post('/auth/refresh', body)).status, 401, what)
    t.equal((await client.post('/auth/logout', body)).status, 204, `${what}, to log out`)
  }
  for (const value of [1, null, true, [refreshToken], { refreshToken }, undefined]) {
    for (const path of ['/auth/refresh', '/auth/logout']) {
      const answer = await client.post(path, { refresh_token: value })
      t.equal(answer.status, 400, JSON.stringify(value))
      t.equal(answer.member('field'), 'refresh_token')
    }
  }
  for (const token of [refreshToken, mac, `${family}.1`]) {
    t.equal((await profileWith(client, token)).status, 401, 'it is no access token')
  }
  t.same(await sql`SELECT * FROM sessions ORDER BY id`, before, 'none of it did anything')
  await tokensAfter(t, client, refreshToken)
  await tokensAfter(t, client, other.refreshToken)
})

void t.test('a session that has ended', async (t) => {
  const { client, sql, server } = await startAuthServer(t)

  const expired = await loggedIn(client, 'expired@b')
  await sql`UPDATE sessions SET expires_at = now()`
  t.equal((await refreshWith(client, expired.refreshToken)).status, 401, 'it has expired')

  const gone = await loggedIn(client, 'gone@b')
  await sql`DELETE FROM users WHERE email = 'gone@b'`
  t.equal((await refreshWith(client, gone.refreshToken)).status, 401, 'its user is gone')
  t.equal((await profileWith(client, gone.accessToken)).status, 404)
  t.equal((await client.post('/auth/logout', { refresh_token: gone.refreshToken })).status, 204)
  t.equal((await client.post('/auth/login', { email: 'gone@b', password })).status, 401)

  const ours = createRefreshTokens(testSecret)
  const unknown = ours.write({ family: newFamily(), generation: 1 })
  t.equal((await refreshWith(client, unknown)).status, 401, 'it was never begun')

  const restored = await loggedIn(client, 'restored@b')
  const ahead = await tokensAfter(t, client, restored.refreshToken)
  await sql`UPDATE sessions SET generation = 1 WHERE expires_at > now()`
  t.equal((await refreshWith(client, ahead.refreshToken)).status, 401, 'of a time not yet reached')
  t.equal((await refreshWith(client, restored.refreshToken)).status, 401)
  await server.stop()
})

void t.test('with another secret all sessions are over', async (t) => {
  const { client, server, env } = await startAuthServer(t)
  const { refreshToken } = await loggedIn(client, 'a@b')
  await server.stop()
  const settings = { DATABASE_URL: env['DATABASE_URL'] ?? '', JWT_SECRET: 'another'.repeat(8) }
  const { client: later } = await startAuthServer(t, settings)
  t.equal((await refreshWith(later, refreshToken)).status, 401)
  const { refreshToken: fresh } = await loggedIn(later, 'a@b')
  await tokensAfter(t, later, fresh)
})

void t.test('while a secret takes the place of another, sessions go on in both', async (t) => {
  const [old, next] = ['one of before'.repeat(4), 'another'.repeat(8)]
  const { client, env } = await startAuthServer(t, {
    JWT_SECRET: old,
    JWT_SECRETS_ACCEPTED: `${old},${next}`,
  })
  const { client: later } = await startAuthServer(t, {
    DATABASE_URL: env['DATABASE_URL'] ?? '',
    JWT_SECRET: next,
    JWT_SECRETS_ACCEPTED: old,
  })
  const first = await loggedIn(client, 'a@b')
  t.equal((await profileWith(later, first.accessToken)).status, 200, 'signed with the old one')
  const second = await tokensAfter(t, later, first.refreshToken)
  t.equal((await profileWith(client, second.accessToken)).status, 200, 'signed with the next one')
  const third = await tokensAfter(t, client, second.refreshToken)
  const { client: last } = await startAuthServer(t, {
    DATABASE_URL: env['DATABASE_URL'] ?? '',
    JWT_SECRET: next,
  })
  t.equal(
    (await profileWith(last, third.accessToken)).status,
    401,
    'the old one is accepted no more',
  )
  t.equal((await profileWith(last, second.accessToken)).status, 200)
})

void t.test('logins clear away what ended long ago', async (t) => {
  const { client, sql } = await startAuthServer(t)
  for (let i = 0; i < 12; i++) await loggedIn(client, 'a@b')
  await sql`UPDATE sessions SET expires_at = now() - interval '3 days'`
  const { refreshToken } = await loggedIn(client, 'a@b')
  const left = async () => (await sql`SELECT FROM sessions`).count
  t.equal(await left(), 3, 'ten of them, by one')
  await loggedIn(client, 'a@b')
  t.equal(await left(), 2)
  await tokensAfter(t, client, refreshToken)
})
