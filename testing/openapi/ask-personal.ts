// Asks for each answer about personal todos that the document describes. For answers.integration.test.ts.

import { headerOf, type Answer } from '../engines/harness.ts'
import { cursorOf } from '../../server/http/cursor.ts'
import { bearerOf, type Ask } from './ask.ts'

const ann = bearerOf('ann')
const wait = 'Prefer: wait=20'
const idOf = ({ body }: Answer) => (JSON.parse(body) as { id: string }).id

/** After `createTodo` has used the key `k`, and `taken-too` was taken by another. */
export const askPersonal = async (ask: Ask) => {
  const own = { lines: [ann] }
  const others = { lines: [bearerOf('bob')] }
  const made = await ask('createOwnTodo', 201, '/api/todos', { ...own, body: { title: 'x' } })
  const target = `/api/todos/${idOf(made)}`
  const tag = { lines: [ann, `If-None-Match: ${headerOf(made, 'ETag')}`] }
  await ask('readOwnTodo', 200, target, own)
  await ask('readOwnTodo', 304, target, tag)
  await ask('readOwnTodo', 404, target, others)
  await ask('readOwnTodo', 400, '/api/todos/a.b', own)
  const list = await ask('listOwnTodos', 200, '/api/todos', own)
  await ask('listOwnTodos', 200, '/api/todos?limit=1&page=2', own)
  const listTag = { lines: [ann, `If-None-Match: ${headerOf(list, 'ETag')}`] }
  await ask('listOwnTodos', 304, '/api/todos', listTag)
  await ask('listOwnTodos', 400, '/api/todos?limit=101', own)
  const after = cursorOf('/api/todos', { createdAt: new Date('2999-01-01'), id: 'a' })
  await ask('createOwnTodo', 201, '/api/todos', { ...own, body: { title: 'x' } })
  for (const limit of [1, 100]) {
    const rest = `/api/todos?limit=${limit}&after=${after}`
    const restTag = `If-None-Match: ${headerOf(await ask('listOwnTodos', 200, rest, own), 'ETag')}`
    await ask('listOwnTodos', 304, rest, { lines: [ann, restTag] })
  }
  await ask('listOwnTodos', 400, '/api/todos?after=x', own)
  await ask('updateOwnTodo', 200, target, { ...own, body: { title: 'y' } })
  await ask('updateOwnTodo', 200, target, { lines: [ann, wait], body: { title: 'z' } })
  await ask('updateOwnTodo', 404, target, { ...others, body: { title: 'y' } })
  await ask('updateOwnTodo', 400, '/api/todos/a.b', { ...own, body: { title: 'y' } })
  const done = { completed: true }
  await ask('updateOwnStatus', 200, `${target}/status`, { ...own, body: done })
  await ask('updateOwnStatus', 404, `${target}/status`, { ...others, body: done })
  await ask('updateOwnStatus', 400, '/api/todos/a.b/status', { ...own, body: done })
  await ask('updateOwnStatus', 200, `${target}/status`, own)
  await ask('patchOwnTodo', 200, target, { ...own, body: { description: null } })
  const merge = [ann, 'Content-Type: application/merge-patch+json']
  await ask('patchOwnTodo', 200, target, { lines: merge, body: { title: 'x' } })
  await ask('patchOwnTodo', 404, target, { ...others, body: { title: 'y' } })
  await ask('patchOwnTodo', 400, '/api/todos/a.b', { ...own, body: { title: 'y' } })
  const unmatched = { lines: [ann, 'If-Match: "1", W/"2"'] }
  await ask('updateOwnTodo', 412, target, { ...unmatched, body: { title: 'y' } })
  await ask('patchOwnTodo', 412, target, { ...unmatched, body: { title: 'y' } })
  await ask('updateOwnStatus', 412, `${target}/status`, { ...unmatched, body: done })
  await ask('deleteOwnTodo', 412, target, unmatched)
  const keyed = { lines: [ann, 'Idempotency-Key: k'] }
  await ask('updateOwnTodo', 422, target, { ...keyed, body: { title: 'y' } })
  await ask('patchOwnTodo', 422, target, { ...keyed, body: { title: 'y' } })
  await ask('updateOwnStatus', 422, `${target}/status`, { ...keyed, body: done })
  await ask('deleteOwnTodo', 422, target, keyed)
  await ask('deleteOwnTodo', 404, target, others)
  await ask('deleteOwnTodo', 204, target, own)
  await ask('deleteOwnTodo', 400, '/api/todos/a.b', own)

  const key = (value: string) => ({ lines: [ann, `Idempotency-Key: ${value}`] })
  await ask('createOwnTodo', 422, '/api/todos', { ...key('k'), body: { title: 'x' } })
  await ask('createOwnTodo', 409, '/api/todos', { ...key('taken-too'), body: { title: 'x' } })
}

/** Each of them once, of a server that answers `status` whatever it is; `more`: headers of changes. */
const askEach = async (ask: Ask, status: 428 | 429 | 503, ...more: readonly string[]) => {
  const own = { lines: [ann, ...more] }
  await ask('updateOwnTodo', status, '/api/todos/a', { ...own, body: { title: 'x' } })
  await ask('patchOwnTodo', status, '/api/todos/a', { ...own, body: { title: 'x' } })
  await ask('updateOwnStatus', status, '/api/todos/a/status', { ...own, body: { completed: true } })
  await ask('deleteOwnTodo', status, '/api/todos/a', own)
  if (status === 428) return // the others change no todo
  await ask('listOwnTodos', status, '/api/todos', { lines: [ann] })
  await ask('createOwnTodo', status, '/api/todos', { lines: [ann], body: { title: 'x' } })
  await ask('readOwnTodo', status, '/api/todos/a', { lines: [ann] })
}

/** Where changes need If-Match, and there is no database. */
export const askPersonalWithout = async (ask: Ask): Promise<void> => {
  await askEach(ask, 428)
  await askEach(ask, 503, 'If-Match: "1"')
}
export const askPersonalOverLimit = (ask: Ask): Promise<void> => askEach(ask, 429)
