// Logging in: that nobody learns who has an account, that a hash grows with the setting, and that a flood
// is turned away while reads go on.

import t from 'tap'
import { databasesAt } from '../../../testing/databases.ts'
import { createPostgresAccounts } from '../../../lib/accounts/postgres.ts'
import { createPostgresAccountTokens } from '../../../lib/accounts/postgres-account-tokens.ts'
import { createPostgresAdministration } from '../../../lib/accounts/postgres-administration.ts'
import { appendAudit } from '../../../lib/audit/postgres.ts'
import { usualPasswordRules } from '../../../lib/domain/credentials.ts'
import { createRefreshTokens } from '../../../lib/accounts/refresh-token.ts'
import { silentLog, testSecret } from '../../../testing/settings.ts'
import { testDatabase } from '../../../testing/services.ts'
import { engineNames } from '../../../testing/engines/harness.ts'
import { createPasswords, type Hasher } from './passwords/passwords.ts'
import { createThreadHasher } from './passwords/thread-hasher.ts'
import { eventually } from '../../../testing/eventually.ts'
import { nobody } from '../../../testing/endpoint.ts'
import { createRouter } from '../../http/router.ts'
import { password, startAuthServer, type AuthAnswer } from '../../../testing/auth-client.ts'
import { login } from './log-in.ts'
import { createAccountCounts } from './metrics.ts'

void t.test('every login is one query for the account and one comparison', async (t) => {
  const databases = databasesAt(await testDatabase(t))
  const pool = databases.pool('accounts', { timeoutMs: 30_000 })
  const postgres = createPostgresAccounts(pool, databases.listen)
  const thread = createThreadHasher()
  t.teardown(async () => {
    await postgres.close()
    await thread.close()
  })
  const passwordHash = await thread.hash(password, 4)
  await postgres.addUser({ id: 'ann', email: 'ann@b', passwordHash })

  const steps: string[] = []
  const hasher: Hasher = {
    ...thread,
    compare(text, hash) {
      steps.push(`compare ${hash.slice(0, 7)}`)
      return thread.compare(text, hash)
    },
    hash(text, cost) {
      steps.push(`hash ${cost}`)
      return thread.hash(text, cost)
    },
  }
  const partsAt = (cost: number) => ({
    accounts: {
      ...postgres,
      findByEmail(email: string) {
        steps.push('find')
        return postgres.findByEmail(email)
      },
    },
    administration: createPostgresAdministration(pool, appendAudit),
    passwords: createPasswords({ cost, queueMax: 9, waitMaxMs: 60_000 }, hasher),
    passwordRules: usualPasswordRules,
    failedLogins: { begin: () => Promise.resolve({ forgive: () => Promise.resolve() }) },
    refreshTokens: createRefreshTokens(testSecret),
    signAccessToken: () => 'token',
    onRevoked: () => {},
    accessTtlSec: 1,
    refreshTtlSec: 60,
    refreshGraceSec: 1,
    profileTtlMs: 0,
    mails: {
      isOn: false,
      takesOne: () => Promise.resolve(true),
      add: () => Promise.resolve('queued' as const),
    },
    accountTokens: createPostgresAccountTokens(pool, appendAudit),
    requiresVerifiedEmail: false,
    counts: createAccountCounts(),
    log: silentLog,
  })
  const ask = async (email: string, text: string, cost = 4) => {
    steps.length = 0
    const reply = await createRouter({
      ...nobody,
      endpoints: [login(partsAt(cost))],
      log: silentLog,
    })({
      method: 'POST',
      path: '/auth/login',
      query: '',
      remoteAddress: () => '',
      header: (name) => ({ 'content-type': 'application/json', 'x-request-id': 'same' })[name],
      body: () =>
        Promise.resolve({
          kind: 'read',
          bytes: Buffer.from(JSON.stringify({ email, password: text })),
        }),
    })
    const answer = { status: reply.status, headers: reply.headers, body: reply.body.toString() }
    return { answer, steps: [...steps] }
  }

  const known = await ask('ann@b', 'wrong horse')
  t.equal(known.answer.status, 401)
  t.same(known.steps, ['find', 'compare $2b$04$'])
  for (const [email, text] of [
    ['eve@b', 'wrong horse'],
    ['eve@b', password],
    ['ann@b', 'short'],
    ['ann@b', 'x'.repeat(73)],
    ['ann@b', `${password}\0`],
    ['eve@b', 'short'],
  ] as const) {
    t.same(await ask(email, text), known, `${email} ${text.length}: not to be told apart`)
  }
  const noAddress = await ask('nobody', password)
  t.same(noAddress.answer, known.answer)
  t.same(noAddress.steps, ['compare $2b$04$'], 'nothing to look up, and that is no secret')

  t.equal((await ask('ann@b', password)).answer.status, 200)
  const raised = await ask('ann@b', password, 5)
  t.equal(raised.answer.status, 200)
  t.same(raised.steps, ['find', 'compare $2b$04$', 'hash 5'], 'hashed anew, once')
  const after = await ask('ann@b', password, 5)
  t.equal(after.answer.status, 200)
  t.same(after.steps, ['find', 'compare $2b$05$'])
  t.same((await ask('ann@b', password, 4)).steps, ['find', 'compare $2b$05$'], 'never made cheaper')
})

for (const engine of engineNames) {
  void t.test(
    `${engine}: of two hundred logins at once most are turned away, and reads go on`,
    async (t) => {
      const { client } = await startAuthServer(t, {
        HTTP_ENGINE: engine,
        // A second of one core at the least for each, so that they outlast the reads by far.
        AUTH_BCRYPT_COST: '13',
        AUTH_PASSWORD_QUEUE_MAX: '16',
      })
      let pending = 0
      const answers = Array.from({ length: 200 }, async (_, i) => {
        pending++
        const answer = await client.post('/auth/login', { email: `${i}@b`, password })
        pending--
        return answer
      })
      for (let i = 0; i < 20; i++) {
        t.equal((await client.get('/todos?limit=10')).status, 200)
      }
      t.ok(pending > 0, `${pending} logins were still waiting when 20 reads had been answered`)
      const statuses = new Map<number, number>()
      for (const answer of await Promise.all(answers)) {
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
        if (answer.status === 503) t.equal(answer.headers.get('retry-after'), '1')
      }
      t.same([...statuses.keys()].sort(), [401, 503])
      const served = statuses.get(401) ?? 0
      t.comment(`${served} were checked`)
      t.ok(served >= 4, 'those that one client may have')
      t.equal((await client.post('/auth/login', { email: 'a@b', password })).status, 401, 'later')
    },
  )
}

for (const engine of engineNames) {
  void t.test(
    `${engine}: too many failed logins lock an account, and nobody is told`,
    async (t) => {
      const max = 3
      const { client, sql } = await startAuthServer(t, {
        HTTP_ENGINE: engine,
        AUTH_FAILED_LOGINS_MAX: String(max),
        AUTH_FAILED_LOGINS_WINDOW_SEC: '86400',
      })
      const logIn = (email: string, typed: string) =>
        client.post('/auth/login', { email, password: typed })
      const shown = ({ status, headers, text }: AuthAnswer) => {
        const named = [...headers].filter(([name]) => !/^(date|x-request-id)$/.test(name))
        return { status, named, text }
      }
      for (const email of ['ann@b', 'bob@b'])
        await client.post('/auth/register', { email, password })
      for (let i = 0; i <= max; i++)
        t.equal((await logIn('ann@b', password)).status, 200, 'logins that succeed do not count')
      const wrong = shown(await logIn('ann@b', 'wrong horse'))
      t.equal(wrong.status, 401)
      for (let i = 0; i < max; i++) await logIn('ANN@b', 'wrong horse')
      t.same(shown(await logIn('ann@b', password)), wrong, 'as a wrong password, and no limit')
      t.same(shown(await logIn('ann@b', 'wrong horse')), wrong)
      for (let i = 0; i <= max; i++) await logIn('nobody@b', password)
      t.same(shown(await logIn('nobody@b', password)), wrong, 'nor who has an account')
      t.equal((await logIn('bob@b', password)).status, 200, 'others go on')
      const held = await sql<{ key: string }[]>`SELECT key FROM rate_limit_buckets`
      t.notMatch(held.map(({ key }) => key).join(), /@/, 'no address is kept')
    },
  )
}

void t.test('the owner is let in when the window has passed', async (t) => {
  const { client } = await startAuthServer(t, {
    AUTH_FAILED_LOGINS_MAX: '1',
    AUTH_FAILED_LOGINS_WINDOW_SEC: '3',
  })
  await client.post('/auth/register', { email: 'ann@b', password })
  const logIn = async (typed: string) =>
    (await client.post('/auth/login', { email: 'ann@b', password: typed })).status
  // On a machine that takes 3 s for a login, the window has passed by then.
  const locked = async () => [await logIn('wrong horse'), await logIn(password)]
  await eventually(locked, ([, right]) => right === 401)
  await eventually(
    () => logIn(password),
    (status) => status === 200,
  )
  t.equal(await logIn(password), 200)
})
