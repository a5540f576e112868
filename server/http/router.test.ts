// What the router leaves in the log: failures, once each, under the id that the client was told; floods
// of them in a bounded number of lines; nothing else. What it answers is in engines/conformance-cases.ts.

import { pino } from 'pino'
import t from 'tap'
import { string } from '../../lib/domain/shape.ts'
import { nobody, publicEndpoint } from '../../testing/endpoint.ts'
import { withoutBody } from './contract/answer.ts'
import { endpoint } from './contract/endpoint.ts'
import type { Reply, Request } from './engines/engine.ts'
import { Problem, unavailable } from './problem.ts'
import { invalid } from './problems.ts'
import { createRouter, type Answered } from './router.ts'

const setUp = (handler: () => Reply | Promise<Reply>) => {
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { base: null, timestamp: false },
    {
      write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>),
    },
  )
  const answered: Answered[] = []
  const handle = createRouter({
    ...nobody,
    endpoints: [publicEndpoint('GET', '/a', handler)],
    log,
    onAnswered: (one) => answered.push(one),
  })
  const ask = (requestId: string, path = '/a') => {
    const header = (name: string) => (name === 'x-request-id' ? requestId : undefined)
    return handle({ method: 'GET', path, query: '', header } as Request)
  }
  return { ask, lines, answered }
}

const failed = (status: number, id: string) => ({
  request_id: id,
  'http.request.method': 'GET',
  'http.route': '/a',
  'http.response.status_code': status,
})

for (const [kind, fail] of [
  [
    'throws',
    () => {
      throw new TypeError('broken')
    },
  ],
  ['rejects', () => Promise.reject(new TypeError('broken'))],
] as const) {
  t.test(`a handler that ${kind} is one line, with its error and the request's id`, async (t) => {
    const { ask, lines, answered } = setUp(fail)
    t.match(await ask('mine'), { status: 500, headers: ['X-Request-Id', 'mine'] })
    t.match(lines, [
      {
        ...failed(500, 'mine'),
        level: 50,
        'error.type': 'TypeError',
        'error.message': 'broken',
        'error.stack': /router\.test/,
      },
    ])
    t.match(answered, [{ method: 'GET', route: '/a', status: 500 }])
  })
}

t.test('a client at fault is not logged', async (t) => {
  const { ask, lines, answered } = setUp(() => {
    throw new Problem(invalid('no', 'a'))
  })
  t.match(await ask('mine'), { status: 400 })
  t.match(await ask('mine', '/nowhere'), { status: 404 })
  t.same(lines, [])
  t.match(answered, [
    { route: '/a', status: 400 },
    { route: '', status: 404 },
  ])
})

t.test('an outage is told with the ids of a few', async (t) => {
  const cause = new Error('connect ECONNREFUSED 10.0.0.7:9092')
  const { ask, lines } = setUp(() =>
    Promise.reject(
      new Problem(
        unavailable({ slug: 'x', when: 'Down.', remedy: 'Wait.' }, 'the log is unavailable'),
        { cause },
      ),
    ),
  )
  for (let i = 0; i < 1_000; i++) t.match(await ask(`mine-${i}`), { status: 503 })
  const reasons = { reason: 'the log is unavailable', cause: cause.message }
  t.match(lines[0], { ...failed(503, 'mine-0'), level: 40, ...reasons })
  t.ok(lines.length < 500, `${lines.length} lines`)
})

t.test(
  'a parameter in a path is decoded once, and left as it is where it is no encoding',
  async (t) => {
    const seen: string[] = []
    const echo = endpoint({
      method: 'GET',
      path: '/a/:id',
      operationId: 'echo',
      summary: 'For a test',
      tag: { name: 'Tests', description: 'For tests.' },
      auth: 'none',
      responses: [],
      params: { id: { shape: string(), description: 'Any.', example: 'x' } },
      handler({ params }) {
        seen.push(params.id)
        return withoutBody(204)
      },
    })
    const handle = createRouter({ ...nobody, endpoints: [echo], log: pino({ enabled: false }) })
    const header = (): string | undefined => undefined
    for (const [id, decoded] of [
      ['ann%40example.com', 'ann@example.com'],
      ['%F0%9F%98%80', '\u{1F600}'],
      ['a%2Fb', 'a/b'],
      ['a%2540b', 'a%40b'],
      ['a+b', 'a+b'],
      ['%zz', '%zz'],
      ['%e2%82', '%e2%82'],
    ] as const) {
      const request: Partial<Request> = { method: 'GET', path: `/a/${id}`, query: '', header }
      await handle(request as Request)
      t.equal(seen.at(-1), decoded, id)
    }
  },
)

t.test('a path has two parameters, each by its own name', async (t) => {
  const seen: string[] = []
  const any = (example: string) => ({ shape: string(), description: 'Any.', example })
  const about = {
    method: 'GET',
    summary: 'For a test',
    tag: { name: 'Tests', description: 'For tests.' },
    auth: 'none',
    responses: [],
  } as const
  const endpoints = [
    endpoint({
      ...about,
      path: '/a/:id/b/:key',
      operationId: 'inner',
      params: { id: any('x'), key: any('y') },
      handler({ params: { id, key } }) {
        seen.push(`${id} ${key}`)
        return withoutBody(204)
      },
    }),
    endpoint({
      ...about,
      path: '/a/:id/b',
      operationId: 'outer',
      params: { id: any('x') },
      handler({ params: { id } }) {
        seen.push(id)
        return withoutBody(204)
      },
    }),
  ]
  const routes: string[] = []
  const handle = createRouter({
    ...nobody,
    endpoints,
    log: pino({ enabled: false }),
    onAnswered: ({ route }) => routes.push(route),
  })
  const header = (): string | undefined => undefined
  const statusOf = async (path: string) => {
    const request: Partial<Request> = { method: 'GET', path, query: '', header }
    return (await handle(request as Request)).status
  }
  t.equal(await statusOf('/a/1/b/%32'), 204)
  t.equal(await statusOf('/a/1/b'), 204)
  t.same(seen, ['1 2', '1'])
  t.same(routes, ['/a/:id/b/:key', '/a/:id/b'])
  t.equal(await statusOf('/a/:id/b/:key'), 204, 'as they are spelled in the definition')
  t.equal(seen.at(-1), ':id :key')
  for (const path of ['/a//b/2', '/a/1/b/', '/a/1/c/2', '/a/1/b/2/', '/1/b/2', 'b/2'])
    t.equal(await statusOf(path), 404, path)
  t.equal(seen.length, 3)
})
