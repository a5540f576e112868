// The commands that writes become: whose id a new todo gets, and of which an outcome is kept.

import t from 'tap'
import type { Command } from '../../../lib/domain/command.ts'
import type { Principal } from '../../http/contract/endpoint.ts'
import { Problem } from '../../http/problem.ts'
import { idFromKey, parsePrefer } from '../../http/write-headers.ts'
import type { Collection, TodoParts } from './parts.ts'
import { anothers, nothingWritten } from './problems.ts'
import { createWriter } from './write.ts'

const collection = (isPersonal: boolean): Collection => ({
  path: isPersonal ? '/api/todos' : '/todos',
  isPersonal,
  waitSec: isPersonal ? 10 : 0,
  read: () => Promise.resolve(undefined),
  forbidden: anothers,
  permit: () => Promise.resolve(false),
  onChanged: () => Promise.resolve(undefined),
})

/** A writer, what it publishes, who it asks ids of new todos for, and which keys it claims. */
const setUp = (one: Collection) => {
  const published: Command[] = []
  const owners: (string | undefined)[] = []
  const keys: string[] = []
  const parts = {
    publisher: {
      newTodoId: (ownerId?: string) => (owners.push(ownerId), 'new'),
      publish(command: Command) {
        published.push(command)
        return Promise.resolve({ kind: 'acknowledged' })
      },
    },
    store: {
      claimIdempotencyKey(_userId: string, key: string) {
        keys.push(key)
        return Promise.resolve('ours')
      },
    },
    applied: { wait: () => Promise.resolve('applied') },
    requiresIfMatch: false,
  }
  return { writer: createWriter(parts as unknown as TodoParts, one), published, owners, keys }
}

const publishedBy = async (
  isPersonal: boolean,
  write: (writer: ReturnType<typeof createWriter>) => Promise<unknown>,
) => {
  const { writer, published, owners } = setUp(collection(isPersonal))
  await write(writer)
  const [command] = published
  t.equal(published.length, 1)
  const { todoId, keepsOutcome, isPersonal: personal } = command as Command
  return { todoId, owners, keepsOutcome, isPersonal: personal }
}

const request = (prefer?: string, idempotencyKey?: string) => ({
  principal: { userId: 'ann' } as Principal,
  requestId: 'r',
  request: {},
  headers: { prefer: parsePrefer(prefer), idempotencyKey, ifMatch: undefined },
  params: { id: 'old' },
  body: { title: 'x', description: '' },
})

t.test('no outcome of a public write is kept, unless one waits for it', async (t) => {
  t.same(await publishedBy(false, (writer) => writer.create(request())), {
    todoId: 'new',
    owners: [undefined],
    keepsOutcome: undefined,
    isPersonal: undefined,
  })
  for (const change of ['update', 'toggle', 'remove'] as const) {
    const sent = (prefer?: string) =>
      publishedBy(false, (writer) => writer[change](request(prefer), { title: 'y' }))
    t.match(await sent(), { todoId: 'old', owners: [], keepsOutcome: undefined })
    t.match(await sent('wait=5'), { todoId: 'old', keepsOutcome: true })
  }
  const waited = await publishedBy(false, (writer) => writer.create(request('wait=5')))
  t.match(waited, { keepsOutcome: true, isPersonal: undefined })
  const notWaited = await publishedBy(false, (writer) => writer.create(request('wait=0')))
  t.match(notWaited, { keepsOutcome: undefined })
})

t.test('a personal todo has an id of its owner, and is waited for', async (t) => {
  t.same(await publishedBy(true, (writer) => writer.create(request())), {
    todoId: 'new',
    owners: ['ann'],
    keepsOutcome: true,
    isPersonal: true,
  })
  const notWaited = await publishedBy(true, (writer) => writer.create(request('respond-async')))
  t.match(notWaited, { keepsOutcome: undefined, isPersonal: true })
})

t.test('under an Idempotency-Key a command can come again: its outcome is kept', async (t) => {
  for (const isPersonal of [false, true]) {
    const keyed = await publishedBy(isPersonal, (writer) =>
      writer.create(request('respond-async', 'key')),
    )
    t.match(keyed, { todoId: idFromKey('ann', 'key'), owners: [], keepsOutcome: true })
  }
})

t.test('who may not change a todo claims no key for it', async (t) => {
  const { writer, published, keys } = setUp({
    ...collection(true),
    permit: () => Promise.reject(new Problem(nothingWritten)),
  })
  for (const change of ['update', 'toggle', 'remove'] as const) {
    const asked = writer[change](request(undefined, 'key'), { title: 'y' })
    await t.rejects(asked, { message: nothingWritten.detail })
  }
  t.same([keys, published], [[], []])
})
