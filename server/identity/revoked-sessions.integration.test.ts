// Sessions that were revoked, on every process of a server (J2, J4): their access tokens are refused,
// which the verifiers' caches hold, in each spelling that those take; across restarts and lost words.

import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startServer } from '../../scripts/stack/processes.ts'
import { eventually } from '../../testing/eventually.ts'
import { silentLog } from '../../testing/settings.ts'
import { engineNames } from '../../testing/engines/harness.ts'
import {
  createAuthClient,
  loggedIn,
  startAuthServer,
  type AuthClient,
} from '../../testing/auth-client.ts'
import { createRevokedSessions, withoutRevoked } from './revoked-sessions.ts'

/** Connections are shared out, by turns or by chance: so many reach all of two processes. */
const askedTimes = 40

const statusesOf = async (client: AuthClient, ...tokens: string[]): Promise<number[]> => {
  const all = tokens.flatMap((token) =>
    Array.from({ length: askedTimes }, () => client.get('/api/profile', `Bearer ${token}`)),
  )
  return [...new Set((await Promise.all(all)).map(({ status }) => status))]
}

/** The last letter of a signature carries two bits that mean nothing. */
const respelled = (token: string): string => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return token.slice(0, -1) + alphabet.charAt(alphabet.indexOf(token.at(-1) ?? '') ^ 1)
}

const refusedEverywhere = async (t: Test, client: AuthClient, tokens: string[], what: string) => {
  const startedMs = performance.now()
  await eventually(
    () => statusesOf(client, ...tokens),
    (statuses) => statuses.join() === '401',
  )
  t.same(await statusesOf(client, ...tokens), [401], what)
  t.comment(`${what}: seen after ${Math.round(performance.now() - startedMs)} ms`)
}

// They wait for polls.
t.jobs = 2
/** Changes the time of the whole process. */
const alone = { buffered: false }

for (const engine of engineNames) {
  void t.test(`${engine}: a session that is revoked is so in every process`, async (t) => {
    const settings = { HTTP_ENGINE: engine, HTTP_PROCESSES: '3' }
    const { client, sql, server, env } = await startAuthServer(t, settings)
    const { accessToken, refreshToken } = await loggedIn(client, 'a@b')
    const other = await loggedIn(client, 'a@b')
    const both = [accessToken, respelled(accessToken)]
    t.same(await statusesOf(client, ...both, other.accessToken), [200], 'into every cache')

    await client.post('/auth/logout', { refresh_token: refreshToken })
    await refusedEverywhere(t, client, both, 'after logging out')
    t.same(await statusesOf(client, other.accessToken), [200], 'another session goes on')

    // Behind the server's back and without a word, as when the word is lost.
    await sql`UPDATE sessions SET revoked_at = now() WHERE revoked_at IS NULL`
    await refusedEverywhere(t, client, [other.accessToken], 'without a word')

    await server.stop()
    const later = await startServer(env)
    t.teardown(() => later.stop())
    const tokens = [...both, other.accessToken]
    t.same(await statusesOf(createAuthClient(later.port), ...tokens), [401], 'after a restart')
  })
}

void t.test('a session that used a token twice is over in every process', async (t) => {
  const { client, sql } = await startAuthServer(t, { HTTP_PROCESSES: '2' })
  const { accessToken, refreshToken } = await loggedIn(client, 'a@b')
  await client.post('/auth/refresh', { refresh_token: refreshToken })
  t.same(await statusesOf(client, accessToken), [200])
  await sql`UPDATE sessions SET rotated_at = rotated_at - interval '11 s'`
  t.equal((await client.post('/auth/refresh', { refresh_token: refreshToken })).status, 401)
  await refusedEverywhere(t, client, [accessToken], 'after reuse')
})

void t.test(
  'sessions are remembered for as long as their tokens may live, leeway and a minute',
  alone,
  async (t) => {
    const { now } = Date
    t.teardown(() => {
      Date.now = now
    })
    const asked: number[] = []
    const accounts = {
      revokedWithin: (sec: number) => Promise.resolve(asked.push(sec) > 0 ? ['before'] : []),
      watchRevoked: ({ onListening }: { onListening: () => void }) => onListening(),
    }
    const revoked = createRevokedSessions(accounts, silentLog)
    await revoked.loaded
    t.same(asked, [86_520])
    t.ok(revoked.has('before'))
    revoked.add('a')
    Date.now = () => now() + 86_519_000
    revoked.add('b')
    t.same([revoked.has('a'), revoked.has('b'), revoked.has('c')], [true, true, false])
    Date.now = () => now() + 86_521_000
    revoked.add('c')
    t.same([revoked.has('before'), revoked.has('a'), revoked.has('b')], [false, false, true])
    revoked.close()
  },
)

void t.test('what can not be looked up is looked up again', async (t) => {
  let failures = 2
  const revoked = createRevokedSessions(
    {
      revokedWithin: () =>
        failures-- > 0 ? Promise.reject(new Error('away')) : Promise.resolve(['before']),
      watchRevoked: ({ onListening }) => onListening(),
    },
    silentLog,
  )
  t.notOk(revoked.has('before'))
  // Its timer keeps no process alive, so this has to.
  await Promise.race([revoked.loaded, delay(30_000)])
  t.ok(revoked.has('before'))
  revoked.close()
})

void t.test('a token without a session can not be revoked, one with a session is', async (t) => {
  const isRevoked = (id: string) => id === 'over'
  const ofSession = (sessionId?: string) =>
    withoutRevoked(
      () => ({ kind: 'valid', userId: 'ann', ...(sessionId !== undefined && { sessionId }) }),
      isRevoked,
    )('token')
  t.match(ofSession(), { kind: 'valid' })
  t.match(ofSession('on'), { kind: 'valid', sessionId: 'on' })
  t.same(ofSession('over'), { kind: 'invalid', reason: 'the session has ended' })
})
