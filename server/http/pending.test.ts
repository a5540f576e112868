// What is in flight in a process is bounded, and one client's share of what waits for Postgres.

import t from 'tap'
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
  const reads = createReadQueue(8)
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
