// Asks for each answer about a team's todos that the document describes. For answers.integration.test.ts.

import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { cursorOf } from '../../server/http/cursor.ts'
import { bodyBytesMax } from '../../server/http/json-body.ts'
import { idFromKey } from '../../server/http/write-headers.ts'
import { headerOf } from '../engines/harness.ts'
import { logIn, membersOf } from './log-in.ts'
import { bearerOf, type Ask } from './ask.ts'

const anyId = '00000000-0000-4000-8000-000000000000'
const route = '/api/teams/:teamId/todos'
const wait = 'Prefer: wait=20'

/** Each operation, with where it is in a team, and a body for it. */
const each: readonly (readonly [operationId: string, path: string, body?: object])[] = [
  ['listTeamTodos', ''],
  ['createTeamTodo', '', { title: 'x' }],
  ['readTeamTodo', '/a'],
  ['updateTeamTodo', '/a', { title: 'y' }],
  ['patchTeamTodo', '/a', { title: 'y' }],
  ['updateTeamStatus', '/a/status', { completed: true }],
  ['deleteTeamTodo', '/a'],
]

export const askTeamTodos = async (ask: Ask, databaseUrl: string) => {
  const admin = await logIn(ask, 'herbs-admin@teams.example')
  const invited = await logIn(ask, 'herbs-invited@teams.example')
  const stranger = await logIn(ask, 'herbs-stranger@teams.example')
  const made = await ask('createTeam', 201, '/api/teams', { ...admin, body: { name: 'Herbs' } })
  const team = `/api/teams/${membersOf(made)['id']}`
  await ask('invite', 201, `${team}/invitations`, { ...admin, body: { email: invited.email } })
  const todos = `${team}/todos`
  const lines = [...admin.lines, wait]
  const first = await ask('createTeamTodo', 201, todos, { ...admin, body: { title: 'x' } })
  const assigned = { title: 'x', assignee_id: admin.id }
  await ask('createTeamTodo', 201, todos, { lines, body: assigned })
  await ask('createTeamTodo', 202, todos, {
    lines: [...admin.lines, 'Prefer: respond-async'],
    body: assigned,
  })
  const keyed = [...admin.lines, 'Idempotency-Key: herbs']
  await ask('createTeamTodo', 201, todos, { lines: keyed, body: assigned })
  await ask('createTeamTodo', 422, todos, { lines: keyed, body: { title: 'y' } })
  const sql = connectPostgres({ url: databaseUrl, poolSize: 1 })
  await sql`
    INSERT INTO todos
    VALUES (${idFromKey(admin.id, 'taken')}, 'x', '', false, 'bob', now(), now(), 1)`
  await sql.end()
  const taken = [...admin.lines, 'Idempotency-Key: taken']
  await ask('createTeamTodo', 409, todos, { lines: taken, body: { title: 'x' } })
  const path = `${todos}/${membersOf(first)['id']}`
  const tag = headerOf(first, 'ETag')
  await ask('readTeamTodo', 200, path, admin)
  await ask('readTeamTodo', 304, path, { lines: [...admin.lines, `If-None-Match: ${tag}`] })
  const list = await ask('listTeamTodos', 200, `${todos}?limit=1`, admin)
  const listTag = `If-None-Match: ${headerOf(list, 'ETag')}`
  await ask('listTeamTodos', 304, `${todos}?limit=1`, { lines: [...admin.lines, listTag] })
  const after = cursorOf(route, { createdAt: new Date('2999-01-01'), id: 'a' })
  await ask('listTeamTodos', 200, `${todos}?limit=1&after=${after}`, admin)
  await ask('listTeamTodos', 400, `${todos}?limit=101`, admin)

  for (const [operationId, suffix, body] of each) {
    if (!body || operationId === 'createTeamTodo') continue
    const target = path + suffix.slice('/a'.length)
    const changed = [...admin.lines, `If-Match: ${tag}`]
    await ask(operationId, 200, target, { lines, body })
    await ask(operationId, 202, target, {
      lines: [...admin.lines, 'Prefer: respond-async'],
      body,
    })
    await ask(operationId, 412, target, { lines: changed, body })
    await ask(operationId, 400, target, { lines: [...changed, 'Prefer: wait=0'], body })
    await ask(operationId, 404, `${todos}/none${suffix.slice('/a'.length)}`, { ...admin, body })
    await ask(operationId, 422, target, { lines: keyed, body })
    if (operationId === 'updateTeamStatus') continue
    await ask(operationId, 422, target, { ...admin, body: { assignee_id: stranger.id } })
  }
  await ask('createTeamTodo', 422, todos, {
    ...admin,
    body: { title: 'x', assignee_id: stranger.id },
  })
  const conditional = [...admin.lines, `If-Match: ${tag}`]
  await ask('deleteTeamTodo', 412, path, { lines: conditional })
  await ask('deleteTeamTodo', 422, path, { lines: keyed })
  await ask('deleteTeamTodo', 204, path, { lines })
  await ask('deleteTeamTodo', 404, path, admin)
  await ask('readTeamTodo', 404, path, admin)
  await ask('deleteTeamTodo', 202, path, { lines: [...admin.lines, 'Prefer: respond-async'] })

  for (const [operationId, suffix, body] of each) {
    await ask(operationId, 403, todos + suffix, { ...invited, body })
    await ask(operationId, 404, todos + suffix, { ...stranger, body })
    const elsewhere = `/api/teams/${anyId}/todos${suffix}`
    await ask(operationId, 404, elsewhere, { ...admin, body })
    await ask(operationId, 400, `/api/teams/a.b/todos${suffix}`, { ...admin, body })
    await ask(operationId, 400, `${todos}${suffix}?x=1`, { ...admin, body })
    for (const none of [[], ['Authorization: Basic YTpi'], [`${bearerOf('ann')}x`]])
      await ask(operationId, 401, todos + suffix, { lines: none, body })
    if (!body) continue
    await ask(operationId, 400, todos + suffix, { ...admin, body: { title: 1, completed: 1 } })
    await ask(operationId, 413, todos + suffix, { ...admin, body: 'x'.repeat(bodyBytesMax + 1) })
    const text = [...admin.lines, 'Content-Type: text/plain']
    await ask(operationId, 415, todos + suffix, { lines: text, body })
  }
  await ask('deleteTeam', 204, team, admin)
}

/** Of a server that wants If-Match. */
export const askTeamTodosWithout = async (ask: Ask): Promise<void> => {
  for (const [operationId, suffix, body] of each) {
    if (suffix === '' || operationId === 'readTeamTodo') continue
    const lines = [bearerOf('ann')]
    await ask(operationId, 428, `/api/teams/${anyId}/todos${suffix}`, { lines, body })
  }
  for (const [operationId, suffix, body] of each) {
    const lines = suffix === '' ? [bearerOf('ann')] : [bearerOf('ann'), 'If-Match: "1"']
    await ask(operationId, 503, `/api/teams/${anyId}/todos${suffix}`, { lines, body })
  }
}
export const askTeamTodosOverLimit = async (ask: Ask): Promise<void> => {
  for (const [operationId, suffix, body] of each) {
    const lines = [bearerOf('ann')]
    await ask(operationId, 429, `/api/teams/${anyId}/todos${suffix}`, { lines, body })
  }
}
