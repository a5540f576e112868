// What is in flight in a process is bounded, and one client's share of what waits for Postgres.

import { mock } from 'node:test'
import t from 'tap'
import { eventually } from '../../testing/eventually.ts'
import { createReply, type Request } from './engines/engine.ts'
import { boundInFlight, createReadQueue } from './pending.ts'
import { Problem } from './problem.ts'

const request = (path: string): Request => ({
  method: 'GET',
  path,
  query: '',
  header: () => undefined,
  body: () => Promise.resolve({ kind: 'cut-short' }),
  remoteAddress: () => '',
})
const ok = createReply(200, [], 'ok')

t.test('past the bound a request gets a 503 that says when to come again', async (t) => {
  const waiting: (() => void)[] = []
  const handle = boundInFlight(
    ({ path, decided }) =>
      decided ?? (path === '/now' ? ok : new Promise((resolve) => waiting.push(() => resolve(ok)))),
    2,
    ['/health', '/ready'],
  )
  const first = [handle(request('/a')), handle(request('/b'))]
  const refused = await handle(request('/c'))
  t.match(refused, { status: 503, headers: ['Content-Type', 'application/problem+json'] })
  t.equal(refused.headers[refused.headers.indexOf('Retry-After') + 1], '1')
  t.equal(waiting.length, 2)
  const probes = [handle(request('/ready')), handle(request('/health'))]
  t.equal(waiting.length, 4, 'probes are asked all the same')
  for (const answer of waiting.splice(0)) answer()
  t.same(await Promise.all([...first, ...probes]), [ok, ok, ok, ok])
  t.equal(await handle(request('/now')), ok, 'there is room again')
})

t.test('one client has a quarter of the places, all together have all', async (t) => {
  const reads = createReadQueue({ waitingMax: 8, connections: 8, waitMsMax: 60_000 })
  const waiting: (() => void)[] = []
  const read = () => new Promise<string>((resolve) => waiting.push(() => resolve('read')))
  const asked = ['a', 'a', 'a', 'b', 'b', 'c', 'c', 'd', 'd', 'e'].map((client) =>
    reads.run(client, read).catch((error: unknown) => {
      t.ok(error instanceof Problem && error.reply.status === 503)
      return client
    }),
  )
  t.equal(waiting.length, 8)
  for (const answer of waiting.splice(0)) answer()
  t.same(
    (await Promise.all(asked)).filter((one) => one !== 'read'),
    ['a', 'e'],
  )
  const failed = Array.from({ length: 3 }, () =>
    reads.run('a', () => Promise.reject(new Error('lost'))),
  )
  const outcomes = await Promise.allSettled(failed)
  t.match(outcomes[0], { reason: { message: 'lost' } })
  const again = reads.run('a', read)
  waiting[0]?.()
  t.equal(await again, 'read', 'what failed has left its place')
})

/** Reads that end when they are let to; who has one at work. */
const createSlowReads = () => {
  const atWork: { readonly name: string; readonly end: () => void }[] = []
  return {
    names: () => atWork.map(({ name }) => name),
    read: (name: string) => () =>
      new Promise<string>((resolve) => atWork.push({ name, end: () => resolve(name) })),
    endFirst: () => atWork.shift()?.end(),
  }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('of one client a quarter of the connections is at work, in order', async (t) => {
  const reads = createReadQueue({ waitingMax: 100, connections: 8, waitMsMax: 60_000 })
  const slow = createSlowReads()
  const ask = (client: string, name: string) => reads.run(client, slow.read(name))
  const flood = ['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => ask('a', name))
  const other = ask('b', 'b1')
  await turn()
  t.same(slow.names(), ['a1', 'a2', 'b1'], 'another waits for none of them')
  slow.endFirst()
  await eventually(slow.names, (names) => names.join() === 'a2,b1,a3')
  slow.endFirst()
  await eventually(slow.names, (names) => names.join() === 'b1,a3,a4')
  slow.endFirst()
  t.equal(await other, 'b1')
  slow.endFirst()
  await eventually(slow.names, (names) => names.join() === 'a4,a5')
  slow.endFirst()
  slow.endFirst()
  t.same(await Promise.all(flood), ['a1', 'a2', 'a3', 'a4', 'a5'])
  await turn()
  void ask('a', 'a6')
  await turn()
  t.same(slow.names(), ['a6'], 'and nothing is left of them')
})

t.test('a client rests between two reads only while others wait', async (t) => {
  const inFlight = { count: 0 }
  const bounds = { waitingMax: 100, connections: 4, waitMsMax: 60_000 }
  const reads = createReadQueue(bounds, inFlight)
  const slow = createSlowReads()
  // A read of no time makes a rest of a millisecond, and a turn may take longer.
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  for (const name of ['a1', 'a2', 'a3']) {
    inFlight.count++
    void reads.run('a', slow.read(name)).finally(() => inFlight.count--)
  }
  await turn()
  slow.endFirst()
  await turn()
  t.same(slow.names(), ['a2'], 'alone it does not')
  inFlight.count++
  slow.endFirst()
  await turn()
  t.same(slow.names(), [], 'with a write in flight it does')
  mock.timers.tick(10)
  await turn()
  t.same(slow.names(), ['a3'])
})

t.test('who waits behind reads that fail or hang is answered in bounded time', async (t) => {
  const reads = createReadQueue({ waitingMax: 100, connections: 4, waitMsMax: 0 })
  const slow = createSlowReads()
  let begun = 0
  const lost = reads.run('a', async () => {
    await slow.read('a1')()
    throw new Error('lost')
  })
  const late = Array.from({ length: 3 }, () =>
    reads.run('a', () => {
      begun++
      return Promise.resolve('read')
    }),
  )
  await new Promise((resolve) => setTimeout(resolve, 2))
  slow.endFirst()
  await t.rejects(lost, { message: 'lost' })
  for (const outcome of await Promise.allSettled(late)) {
    t.match(outcome, { status: 'rejected', reason: { reply: { status: 503 } } })
  }
  t.equal(begun, 0, 'nothing is begun for who has waited too long')
  t.equal(await reads.run('a', () => Promise.resolve('again')), 'again')
})
