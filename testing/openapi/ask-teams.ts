// Asks for each answer about teams that the document describes. For answers.integration.test.ts.

import type { Sql } from 'postgres'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { cursorOf } from '../../server/http/cursor.ts'
import { bodyBytesMax } from '../../server/http/json-body.ts'
import { bearerOf, type Ask } from './ask.ts'
import { invitationToken } from './invitation-token.ts'
import { logIn, membersOf } from './log-in.ts'

const anyId = '00000000-0000-4000-8000-000000000000'

/** Each operation, with a body for it. */
const each: readonly (readonly [operationId: string, target: string, body?: object])[] = [
  ['createTeam', '/api/teams', { name: 'x' }],
  ['listTeams', '/api/teams'],
  ['readTeam', `/api/teams/${anyId}`],
  ['renameTeam', `/api/teams/${anyId}`, { name: 'x' }],
  ['deleteTeam', `/api/teams/${anyId}`],
  ['listMembers', `/api/teams/${anyId}/members`],
  ['setRole', `/api/teams/${anyId}/members/${anyId}`, { role: 'admin' }],
  ['removeMember', `/api/teams/${anyId}/members/${anyId}`],
  ['invite', `/api/teams/${anyId}/invitations`, { email: 'x@example.com' }],
  ['listInvitations', `/api/teams/${anyId}/invitations`],
  ['withdrawInvitation', `/api/teams/${anyId}/invitations/${anyId}`],
  ['listOwnInvitations', '/api/invitations'],
  ['acceptInvitation', '/api/invitations/accept', { token: 'x' }],
  ['declineInvitation', '/api/invitations/decline', { token: 'x' }],
  ['readTeamAudit', `/api/teams/${anyId}/audit`],
]

/** Of a server where an account may be in two teams. */
export const askTeams = async (ask: Ask, databaseUrl: string) => {
  const sql = connectPostgres({ url: databaseUrl, poolSize: 1 })
  const ann = await logIn(ask, 'ann@teams.example')
  const bob = await logIn(ask, 'bob@teams.example')
  const cid = await logIn(ask, 'cid@teams.example')

  const made = await ask('createTeam', 201, '/api/teams', { ...ann, body: { name: 'Flowers' } })
  const target = `/api/teams/${membersOf(made)['id']}`
  const second = await ask('createTeam', 201, '/api/teams', { ...ann, body: { name: 'Trees' } })
  await ask('createTeam', 409, '/api/teams', { ...ann, body: { name: 'One too many' } })
  await ask('createTeam', 403, '/api/teams', { lines: [bearerOf('ann')], body: { name: 'x' } })
  await ask('listTeams', 200, '/api/teams', ann)
  await ask('listTeams', 200, '/api/teams?limit=1', ann)
  await ask('readTeam', 200, target, ann)
  await ask('renameTeam', 200, target, { ...ann, body: { name: 'Roses' } })

  const invite = async (email: string) => {
    const body = { email }
    const sent = await ask('invite', 201, `${target}/invitations`, { ...ann, body })
    const { id = '' } = membersOf(sent)
    const token = await invitationToken(sql, id)
    return { target: `${target}/invitations/${id}`, body: { token } }
  }
  const accept = (status: number, who: typeof ann, { body }: { body: object }) =>
    ask('acceptInvitation', status, '/api/invitations/accept', { ...who, body })
  const forBob = await invite(bob.email)
  await ask('listInvitations', 200, `${target}/invitations`, ann)
  await ask('listOwnInvitations', 200, '/api/invitations', bob)
  await accept(403, cid, forBob)
  await ask('declineInvitation', 403, '/api/invitations/decline', { ...cid, ...bodyOf(forBob) })
  await accept(200, bob, forBob)
  await accept(404, bob, forBob)
  await ask('invite', 409, `${target}/invitations`, { ...ann, body: { email: bob.email } })
  await accept(409, ann, await inviteAnnElsewhere(ask, sql, bob, ann))
  const forCid = await invite(cid.email)
  await ask('declineInvitation', 204, '/api/invitations/decline', { ...cid, ...bodyOf(forCid) })
  await ask('declineInvitation', 404, '/api/invitations/decline', { ...cid, ...bodyOf(forCid) })
  const withdrawn = await invite(cid.email)
  await ask('withdrawInvitation', 204, withdrawn.target, ann)
  await ask('withdrawInvitation', 404, withdrawn.target, ann)

  await ask('listMembers', 200, `${target}/members`, bob)
  await ask('listMembers', 200, `${target}/members?limit=1`, bob)
  const [annIn, bobIn] = [`${target}/members/${ann.id}`, `${target}/members/${bob.id}`]
  await ask('setRole', 409, annIn, { ...ann, body: { role: 'member' } })
  await ask('removeMember', 409, annIn, ann)

  // A member, and who is invited; then a stranger, and of what is not there.
  for (const [operationId, path, body] of each) {
    if (!path.includes(anyId)) continue
    const asked = path.replace(`teams/${anyId}`, target.slice('/api/'.length))
    const isForMembers = ['readTeam', 'listMembers'].includes(operationId)
    if (!isForMembers) await ask(operationId, 403, asked, { ...bob, body })
    await ask(operationId, 404, asked, { ...cid, body })
    await ask(operationId, 404, path, { ...ann, body })
    await ask(operationId, 400, path.replace(anyId, 'a.b'), { ...ann, body })
  }
  await invite(cid.email)
  await ask('readTeam', 403, target, cid)
  await ask('listMembers', 403, `${target}/members`, cid)

  await ask('setRole', 200, bobIn, { ...ann, body: { role: 'admin' } })
  await ask('setRole', 400, bobIn, { ...ann, body: { role: 'owner' } })
  await ask('readTeamAudit', 200, `${target}/audit`, bob)
  await ask('readTeamAudit', 200, `${target}/audit?limit=1`, bob)
  const noEntry = cursorOf('/api/teams/:id/audit', { createdAt: new Date(), id: 'x' })
  await ask('readTeamAudit', 400, `${target}/audit?after=${noEntry}`, bob)
  await ask('removeMember', 204, bobIn, ann)
  await ask('deleteTeam', 204, target, ann)
  await ask('deleteTeam', 204, `/api/teams/${membersOf(second)['id']}`, ann)

  await sql.end()
  for (const [operationId, path, body] of each) {
    for (const lines of [[], ['Authorization: Basic YTpi'], [`${bearerOf('ann')}x`]])
      await ask(operationId, 401, path, { lines, body })
    if (!body) {
      await ask(operationId, 400, `${path}?x=1`, ann)
      continue
    }
    for (const wrong of ['{', {}, { name: '', role: 1, email: 'x', token: '.' }])
      await ask(operationId, 400, path, { ...ann, body: wrong })
    await ask(operationId, 413, path, { ...ann, body: 'x'.repeat(bodyBytesMax + 1) })
    const text = [...ann.lines, 'Content-Type: text/plain']
    await ask(operationId, 415, path, { lines: text, body })
  }
}

const bodyOf = ({ body }: { readonly body: object }) => ({ body })

/** Who is in as many teams as one may be. */
const inviteAnnElsewhere = async (
  ask: Ask,
  sql: Sql,
  bob: { readonly lines: readonly string[] },
  ann: { readonly email: string },
) => {
  const made = await ask('createTeam', 201, '/api/teams', { ...bob, body: { name: 'x' } })
  const target = `/api/teams/${membersOf(made)['id']}/invitations`
  const sent = await ask('invite', 201, target, { ...bob, body: { email: ann.email } })
  return { body: { token: await invitationToken(sql, membersOf(sent)['id'] ?? '') } }
}

/** Each of them once, of a server that answers `status` whatever it is. */
const askEach = async (ask: Ask, status: 429 | 503) => {
  // At once: without a database each waits for it as long as it may.
  await Promise.all(
    each.map(([operationId, path, body]) =>
      ask(operationId, status, path, { lines: [bearerOf('ann')], body }),
    ),
  )
}
export const askTeamsWithout = (ask: Ask): Promise<void> => askEach(ask, 503)
export const askTeamsOverLimit = (ask: Ask): Promise<void> => askEach(ask, 429)
