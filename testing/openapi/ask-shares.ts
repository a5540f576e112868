// Asks for each answer about shared todos that the document describes. For answers.integration.test.ts.

import { bodyBytesMax } from '../../server/http/json-body.ts'
import { bearerOf, type Ask } from './ask.ts'
import { logIn, membersOf } from './log-in.ts'

const anyId = '00000000-0000-4000-8000-000000000000'

/** Each operation, with a body for it. */
const each: readonly (readonly [operationId: string, target: string, body?: object])[] = [
  ['shareTodo', '/api/todos/none/shares', { email: 'x@example.com', role: 'viewer' }],
  ['listShares', '/api/todos/none/shares'],
  ['unshareTodo', `/api/todos/none/shares/${anyId}`],
  ['listSharedTodos', '/api/shared'],
  ['leaveTodo', '/api/shared/none'],
]

/** Of a server where a todo may be shared with two. */
export const askShares = async (ask: Ask) => {
  const ann = await logIn(ask, 'ann@shares.example')
  const bob = await logIn(ask, 'bob@shares.example')
  const cid = await logIn(ask, 'cid@shares.example')
  const made = await ask('createOwnTodo', 201, '/api/todos', { ...ann, body: { title: 'x' } })
  const id = membersOf(made)['id'] ?? ''
  const todo = `/api/todos/${id}`
  const team = await ask('createTeam', 201, '/api/teams', { ...ann, body: { name: 'Flowers' } })

  const share = (status: number, body: object, who = ann) =>
    ask('shareTodo', status, `${todo}/shares`, { ...who, body })
  const shared = membersOf(await share(200, { user_id: bob.id, role: 'viewer' }))
  await share(200, { email: 'nobody@shares.example', role: 'editor' })
  await share(409, { email: cid.email, role: 'editor' })
  const second = membersOf(await ask('listShares', 200, `${todo}/shares?limit=1`, ann))
  const [{ id: waiting = '' } = {}] = second['shares'] as unknown as { id?: string }[]
  await ask('unshareTodo', 204, `${todo}/shares/${waiting}`, ann)
  await ask('unshareTodo', 404, `${todo}/shares/${waiting}`, ann)
  await share(200, { team_id: membersOf(team)['id'], role: 'viewer' })
  await share(404, { team_id: anyId, role: 'viewer' })
  await share(404, { user_id: anyId, role: 'viewer' })
  await share(409, { user_id: ann.id, role: 'viewer' })
  const own = await ask('createOwnTodo', 201, '/api/todos', {
    lines: [bearerOf('ann')],
    body: { title: 'x' },
  })
  await ask('shareTodo', 403, `/api/todos/${membersOf(own)['id']}/shares`, {
    lines: [bearerOf('ann')],
    body: { user_id: bob.id, role: 'viewer' },
  })
  for (const wrong of [
    { role: 'viewer' },
    { role: 'owner', email: 'x@example.com' },
    { role: 'viewer', email: 'x@example.com', user_id: bob.id },
    { role: 'viewer', user_id: 'bob' },
  ]) {
    await share(400, wrong)
  }

  await ask('listShares', 200, `${todo}/shares`, ann)
  await ask('listSharedTodos', 200, '/api/shared', bob)
  await ask('readOwnTodo', 200, todo, bob)

  // A viewer, and a stranger.
  const change = { title: 'y' }
  await ask('updateOwnTodo', 403, todo, { ...bob, body: change })
  await ask('patchOwnTodo', 403, todo, { ...bob, body: change })
  await ask('updateOwnStatus', 403, `${todo}/status`, bob)
  await ask('deleteOwnTodo', 403, todo, bob)
  for (const [who, status] of [
    [bob, 403],
    [cid, 404],
  ] as const) {
    await share(status, { user_id: cid.id, role: 'viewer' }, who)
    await ask('listShares', status, `${todo}/shares`, who)
    await ask('unshareTodo', status, `${todo}/shares/${shared['id']}`, who)
  }
  await ask('leaveTodo', 403, `/api/shared/${id}`, ann)
  await ask('leaveTodo', 404, `/api/shared/${id}`, cid)
  await share(200, { user_id: bob.id, role: 'editor' })
  await ask('patchOwnTodo', 200, todo, { ...bob, body: change })
  const another = await ask('createOwnTodo', 201, '/api/todos', { ...ann, body: { title: 'z' } })
  await ask('shareTodo', 200, `/api/todos/${membersOf(another)['id']}/shares`, {
    ...ann,
    body: { email: bob.email, role: 'viewer' },
  })
  await ask('listSharedTodos', 200, '/api/shared?limit=1', bob)
  await ask('leaveTodo', 204, `/api/shared/${id}`, bob)
  await ask('readOwnTodo', 404, todo, bob)

  for (const [operationId, path, body] of each) {
    for (const lines of [[], ['Authorization: Basic YTpi'], [`${bearerOf('ann')}x`]])
      await ask(operationId, 401, path, { lines, body })
    if (path.includes('none')) {
      await ask(operationId, 400, path.replace('none', 'a.b'), { ...ann, body })
      await ask(operationId, 404, path, { ...ann, body })
    }
    if (!body) {
      await ask(operationId, 400, `${path}?x=1`, ann)
      continue
    }
    await ask(operationId, 400, path, { ...ann, body: '{' })
    await ask(operationId, 413, path, { ...ann, body: 'x'.repeat(bodyBytesMax + 1) })
    const text = [...ann.lines, 'Content-Type: text/plain']
    await ask(operationId, 415, path, { lines: text, body })
  }
}

/** Each of them once, of a server that answers `status` whatever it is. */
const askEach = async (ask: Ask, status: 429 | 503) => {
  for (const [operationId, path, body] of each)
    await ask(operationId, status, path, { lines: [bearerOf('ann')], body })
}
export const askSharesWithout = (ask: Ask): Promise<void> => askEach(ask, 503)
export const askSharesOverLimit = (ask: Ask): Promise<void> => askEach(ask, 429)
