// Every answer that accounts give, asked for once. For tests.

import { createHash } from 'node:crypto'
import type { Sql } from 'postgres'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { eventually } from '../eventually.ts'
import { createRefreshTokens, newFamily } from '../../lib/accounts/refresh-token.ts'
import { testSecret } from '../settings.ts'
import { headerOf, type Answer } from '../engines/harness.ts'
import { bodyBytesMax } from '../../server/http/json-body.ts'
import { askAdmin, askEachOfAdmins } from './ask-admin.ts'
import { bearerOf, type Ask } from './ask.ts'
import { invitationToken } from './invitation-token.ts'

const ann = { email: ' Ann@Example.com ', password: 'correct horse' }
const tokensOf = ({ body }: Answer) =>
  JSON.parse(body) as { access_token: string; refresh_token: string }

export const askAccounts = async (ask: Ask, databaseUrl: string) => {
  await ask('register', 201, '/auth/register', { body: ann })
  await ask('register', 409, '/auth/register', { body: { ...ann, email: 'ann@example.com' } })
  const login = await ask('login', 200, '/auth/login', { body: ann })
  await ask('login', 401, '/auth/login', { body: { ...ann, password: 'wrong' } })
  await ask('login', 401, '/auth/login', { body: { ...ann, email: 'nobody' } })
  const body = { refresh_token: tokensOf(login).refresh_token }
  const { access_token } = tokensOf(await ask('refresh', 200, '/auth/refresh', { body }))
  const own = { lines: [`Authorization: Bearer ${access_token}`] }
  await ask('readProfile', 200, '/api/profile', own)
  await ask('readProfile', 404, '/api/profile', { lines: [bearerOf('bob')] })
  await ask('readProfile', 401, '/api/profile')
  await ask('exportProfile', 200, '/api/profile/export', own)
  await ask('exportProfile', 404, '/api/profile/export', { lines: [bearerOf('bob')] })
  await ask('exportProfile', 401, '/api/profile/export')
  await askSessions(ask)
  const sql = connectPostgres({ url: databaseUrl, poolSize: 1 })
  await askDeletions(ask, sql, own)
  await askCookies(ask)
  await ask('logout', 204, '/auth/logout', { body })
  await ask('readProfile', 401, '/api/profile', own)
  await ask('refresh', 401, '/auth/refresh', { body })
  await ask('refresh', 401, '/auth/refresh', { body: { refresh_token: access_token } })
  await ask('logout', 204, '/auth/logout', { body })

  const admin = { email: 'admin@example.com', password: ann.password }
  await ask('register', 201, '/auth/register', { body: admin })
  await sql`UPDATE users SET role = 'system-admin' WHERE email = ${admin.email}`
  await askMails(ask, sql, ann.email.trim().toLowerCase())
  const { access_token: adminToken } = tokensOf(
    await ask('login', 200, '/auth/login', { body: admin }),
  )
  await ask('login', 200, '/auth/login', { body: ann })
  await askAdmin(ask, adminToken, sql)
  await sql.end()

  for (const [operationId, target] of [
    ['register', '/auth/register'],
    ['login', '/auth/login'],
    ['refresh', '/auth/refresh'],
    ['logout', '/auth/logout'],
    ['loginWithCookie', '/auth/cookie/login'],
    ...mailTargets,
  ] as const) {
    for (const wrong of ['{', {}, { email: 1, password: 1, refresh_token: 1 }]) {
      await ask(operationId, 400, target, { body: wrong })
    }
    await ask(operationId, 413, target, { body: 'x'.repeat(bodyBytesMax + 1) })
    await ask(operationId, 415, target, { lines: ['Content-Type: text/plain'], body: ann })
  }
}

/** Of somebody who is logged in twice, and then not at all. */
const askSessions = async (ask: Ask) => {
  const body = { email: 'twice@example.com', password: ann.password }
  await ask('register', 201, '/auth/register', { body })
  await ask('login', 200, '/auth/login', { body })
  const { access_token } = tokensOf(await ask('login', 200, '/auth/login', { body }))
  const own = { lines: [`Authorization: Bearer ${access_token}`] }
  await ask('listOwnSessions', 400, '/auth/sessions?x=1', own)
  const listed = await ask('listOwnSessions', 200, '/auth/sessions', own)
  const { sessions } = JSON.parse(listed.body) as { sessions: { id: string }[] }
  const eldest = `/auth/sessions/${sessions[1]?.id}`
  await ask('endOwnSession', 204, eldest, own)
  await ask('endOwnSession', 404, eldest, own)
  await ask('endOwnSession', 400, '/auth/sessions/%00', own)
  await ask('endOwnSessions', 400, '/auth/sessions?x=1', own)
  await ask('endOwnSessions', 204, '/auth/sessions', own)
  for (const [operationId, target] of sessionTargets) await ask(operationId, 401, target, own)
}

const sessionTargets = [
  ['listOwnSessions', '/auth/sessions'],
  ['endOwnSession', '/auth/sessions/none'],
  ['endOwnSessions', '/auth/sessions'],
] as const

/** What a page of the server sends. */
const ofPage = ['Sec-Fetch-Site: same-origin']

const askCookies = async (ask: Ask) => {
  const login = { lines: ofPage, body: ann }
  const begun = await ask('loginWithCookie', 200, '/auth/cookie/login', login)
  await ask('loginWithCookie', 401, '/auth/cookie/login', {
    ...login,
    body: { ...ann, password: 'wrong' },
  })
  await ask('loginWithCookie', 403, '/auth/cookie/login', { body: ann })
  const [cookie = ''] = headerOf(begun, 'Set-Cookie')?.split(';') ?? []
  const lines = [...ofPage, `Cookie: ${cookie}`]
  await ask('refreshWithCookie', 200, '/auth/cookie/refresh', { lines, body: {} })
  await ask('logoutWithCookie', 204, '/auth/cookie/logout', { lines, body: {} })
  const everywhere = '/auth/cookie/logout-everywhere'
  await ask('logoutEverywhereWithCookie', 204, everywhere, { lines, body: {} })
  await ask('refreshWithCookie', 401, '/auth/cookie/refresh', { lines, body: {} })
  await ask('refreshWithCookie', 401, '/auth/cookie/refresh', { lines: ofPage, body: {} })
  for (const [operationId, target] of cookieTargets) {
    await ask(operationId, 403, target, { body: {} })
    await ask(operationId, 400, target, { lines: ofPage, body: '{' })
    await ask(operationId, 413, target, { lines: ofPage, body: 'x'.repeat(bodyBytesMax + 1) })
    const text = [...ofPage, 'Content-Type: text/plain']
    await ask(operationId, 415, target, { lines: text, body: {} })
  }
}

const cookieTargets = [
  ['refreshWithCookie', '/auth/cookie/refresh'],
  ['logoutWithCookie', '/auth/cookie/logout'],
  ['logoutEverywhereWithCookie', '/auth/cookie/logout-everywhere'],
] as const

/** One's own account, of which nothing is left but one that is needed on. */
const askDeletions = async (ask: Ask, sql: Sql, own: { readonly lines: readonly string[] }) => {
  const asked = (status: number, who: { readonly lines: readonly string[] }, body: unknown) =>
    ask('deleteProfile', status, '/api/profile', { ...who, body })
  const { password } = ann
  for (const wrong of ['{', {}, { password: 1 }]) await asked(400, own, wrong)
  await asked(413, own, 'x'.repeat(bodyBytesMax + 1))
  const text = { lines: [...own.lines, 'Content-Type: text/plain'] }
  await asked(415, text, { password })
  await asked(401, { lines: [] }, { password })
  await asked(403, own, { password: 'wrong' })
  await asked(404, { lines: [bearerOf('bob')] }, { password })
  const logIn = async (name: string) => {
    const body = { email: `${name}@gone.example`, password }
    await ask('register', 201, '/auth/register', { body })
    const { access_token } = tokensOf(await ask('login', 200, '/auth/login', { body }))
    return { ...body, lines: [`Authorization: Bearer ${access_token}`] }
  }
  const dan = await logIn('dan')
  const eve = await logIn('eve')
  const made = await ask('createTeam', 201, '/api/teams', { ...dan, body: { name: 'x' } })
  const { id } = JSON.parse(made.body) as { id: string }
  const body = { email: eve.email }
  const sent = await ask('invite', 201, `/api/teams/${id}/invitations`, { ...dan, body })
  const invitation = JSON.parse(sent.body) as { id: string }
  const token = await invitationToken(sql, invitation.id)
  await ask('acceptInvitation', 200, '/api/invitations/accept', { ...eve, body: { token } })
  await asked(409, dan, { password })
  await asked(204, eve, { password })
  await asked(204, dan, { password })
}

const mailTargets = [
  ['requestVerification', '/auth/verify-email/request'],
  ['verifyEmail', '/auth/verify-email'],
  ['forgotPassword', '/auth/forgot-password'],
  ['resetPassword', '/auth/reset-password'],
] as const
const mailBodyOf = (token: string) => ({ ...ann, token })

const askMails = async (ask: Ask, sql: Sql, email: string) => {
  for (const [operationId, target] of mailTargets) {
    const isRequest = /request|forgot/.test(target)
    const body = mailBodyOf('none')
    await ask(operationId, isRequest ? 202 : 400, target, { body })
  }
  // The worker has sent what was asked for: it takes no other token's place any more.
  await eventually(
    () => sql`SELECT FROM mail_outbox`,
    ({ count }) => count === 0,
  )
  for (const [kind, operationId] of [
    ['verify-email', 'verifyEmail'],
    ['reset-password', 'resetPassword'],
  ] as const) {
    const token = `token-of-${kind}`
    const hash = createHash('sha256').update(token).digest()
    await sql`
      INSERT INTO account_tokens
      SELECT id, ${kind}, ${hash}, now() + interval '1 h' FROM users WHERE email = ${email}
      ON CONFLICT (user_id, purpose) DO UPDATE SET hash = excluded.hash`
    await ask(operationId, 204, `/auth/${kind}`, { body: mailBodyOf(token) })
  }
}

/** Each of them once, of a server that answers `status` whatever it is. */
const askEach = async (ask: Ask, status: 429 | 503) => {
  const token = { family: newFamily(), generation: 1 }
  const body = { refresh_token: createRefreshTokens(testSecret).write(token) }
  await ask('register', status, '/auth/register', { body: ann })
  await ask('login', status, '/auth/login', { body: ann })
  await ask('refresh', status, '/auth/refresh', { body })
  await ask('logout', status, '/auth/logout', { body })
  await ask('loginWithCookie', status, '/auth/cookie/login', { lines: ofPage, body: ann })
  const cookie = `Cookie: __Secure-todos-refresh=${body.refresh_token}`
  for (const [operationId, target] of cookieTargets)
    await ask(operationId, status, target, { lines: [...ofPage, cookie], body: {} })
  for (const [operationId, target] of mailTargets)
    await ask(operationId, status, target, { body: mailBodyOf('none') })
  for (const [operationId, target] of sessionTargets)
    await ask(operationId, status, target, { lines: [bearerOf('ann')] })
  await ask('readProfile', status, '/api/profile', { lines: [bearerOf('ann')] })
  await ask('exportProfile', status, '/api/profile/export', { lines: [bearerOf('ann')] })
  await ask('deleteProfile', status, '/api/profile', { lines: [bearerOf('ann')], body: ann })
  await askEachOfAdmins(ask, status, [bearerOf('ann')])
}

export const askAccountsWithout = (ask: Ask): Promise<void> => askEach(ask, 503)
export const askAccountsOverLimit = (ask: Ask): Promise<void> => askEach(ask, 429)
