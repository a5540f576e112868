// The limits of a running server: exact over all its processes, however many ask at once; what clients are
// told; who counts as whom; and that nothing else is limited.

import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { startServer } from '../../scripts/stack/processes.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import { eventually } from '../../testing/eventually.ts'
import { ownRedis, testDatabase, testTopic } from '../../testing/services.ts'
import { generousTimeouts, testSecret } from '../../testing/settings.ts'
import {
  engineNames,
  exchange,
  headerOf,
  open,
  read,
  type Answer,
} from '../../testing/engines/harness.ts'

/** Hardly anything comes back while a test runs; and a loaded machine is not a store that is down. */
const patient = {
  LIMIT_ADDRESS_REFILL_SEC: '86400',
  LIMIT_WRITE_REFILL_SEC: '86400',
  LIMIT_READ_REFILL_SEC: '86400',
  LIMIT_TIMEOUT_MS: '10000',
}

const start = async (t: Test, settings: Record<string, string>) => {
  const server = await startServer({
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: await testDatabase(t),
    KAFKA_TODO_TOPIC: testTopic(),
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'warn',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    HTTP_PROCESSES: '2',
    ...generousTimeouts,
    ...patient,
    ...settings,
  })
  t.teardown(() => server.stop())
  return server
}

const head = (method: string, target: string, ...lines: string[]) =>
  [`${method} ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')
const ping = (...lines: string[]) => head('GET', '/ping', ...lines)
const bearer = (user: string) => `Authorization: Bearer ${signToken(testSecret, user, 3_600)}`
const post = (...lines: string[]) =>
  head('POST', '/todos', 'Content-Type: application/json', 'Content-Length: 13', ...lines) +
  '{"title":"x"}'

const ask = async (port: number, request: string, isHead = false): Promise<Answer> => {
  const [answer] = await exchange(port, request, { isHead })
  if (!answer) throw new Error('no answer')
  return answer
}

/** On `connections` connections at once, one request after another on each. */
const askMany = async (port: number, request: string, count: number, connections: number) => {
  let left = count
  const statuses: Record<number, number> = {}
  const one = async () => {
    const socket = await open(port)
    while (left > 0) {
      left--
      socket.write(request)
      const [answer] = await read(socket)
      const status = answer?.status ?? 0
      statuses[status] = (statuses[status] ?? 0) + 1
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: connections }, one))
  return statuses
}

// They wait most of the time: behind a refusal, a connection is read slowly.
t.jobs = 2

/** More than a server reads at once, 64 KiB. Each second answers some fifty: behind a refusal it is in no hurry. */
const burstRequests = 300
const longPing = ping(`X: ${'x'.repeat(250)}`)

void t.test('a burst on one connection is no way past', async (t) => {
  const redis = await ownRedis(t)
  if (!redis) return
  const burst = async (stack: Record<string, string>) => {
    const { port, metricsPort } = await start(t, {
      HTTP_PROCESSES: '1',
      LIMIT_TIMEOUT_MS: '5000',
      ...stack,
    })
    const answers = await exchange(port, longPing.repeat(burstRequests), { count: burstRequests })
    const passed = answers.filter(({ status }) => status === 200).length
    t.equal(passed, 100)
    t.equal(answers.filter(({ status }) => status === 429).length, burstRequests - 100)
    const page = await scrape(metricsPort)
    t.equal(page.total('todos_limit_decisions_total', { store: 'none' }), 0)
  }
  await Promise.all([burst({ LIST_CACHE: 'redis', REDIS_URL: redis.url }), burst({})])
})

/** Twelve lists and twelve probes of a client pass, however they are asked for. */
const checkLists = async (
  t: Test,
  { port, metricsPort }: { readonly port: number; readonly metricsPort: number },
) => {
  const list = (address: string, method = 'GET', target = '/todos?limit=1') =>
    head(method, target, `X-Forwarded-For: ${address}`)
  // Ready bytes, in bursts that the limit cuts; node's parser, a HEAD and an odd query count too.
  const burst = await exchange(port, list('3.3.3.3').repeat(10), { count: 10 })
  t.ok(burst.every(({ status }) => status === 200))
  t.equal(headerOf(burst[0], 'RateLimit'), undefined, 'ready bytes are the same for all')
  t.equal((await ask(port, list('3.3.3.3', 'HEAD'), true)).status, 200)
  const rest = await exchange(port, list('3.3.3.3').repeat(30), { count: 30 })
  t.same(
    rest.map(({ status }) => status),
    [200, ...Array<number>(29).fill(429)],
  )
  const refused = rest[29]
  t.match(headerOf(refused, 'RateLimit-Policy'), /^"list";q=12;w=86400$/)
  t.match(headerOf(refused, 'RateLimit'), /^"list";r=0;t=\d+$/)
  t.match(headerOf(refused, 'Retry-After'), /^\d+$/)
  t.match(JSON.parse(refused?.body ?? ''), { status: 429 })
  t.equal((await ask(port, list('3.3.3.3', 'GET', '/todos?limit=01'))).status, 429)
  t.equal((await ask(port, list('3.3.3.4'))).status, 200, 'another client')
  const probes = [...Array(12).keys()].map((i) => (i % 2 ? '/health' : '/ready'))
  for (const target of probes)
    t.equal((await ask(port, list('3.3.3.3', 'GET', target))).status, 200, 'probes count apart')
  const last = await ask(port, list('3.3.3.3', 'GET', '/health'))
  t.equal(last.status, 429)
  t.match(headerOf(last, 'RateLimit-Policy'), /^"probe";/)
  const seen = await scrape(metricsPort)
  const decided = (policy: string, outcome: string) =>
    seen.total('todos_limit_decisions_total', { store: 'process', policy, outcome })
  t.equal(decided('list', 'allowed'), 13)
  t.equal(decided('list', 'refused'), 30)
  t.equal(decided('probe', 'allowed'), 12)
}

for (const engine of engineNames) {
  void t.test(`${engine}: exactly 100 of 1,000 at once pass, over four processes`, async (t) => {
    const redis = await ownRedis(t)
    if (!redis) return
    const { port, metricsPort } = await start(t, {
      HTTP_ENGINE: engine,
      HTTP_PROCESSES: '4',
      LIST_CACHE: 'redis',
      REDIS_URL: redis.url,
      LIMIT_WRITE_BURST: '100',
    })
    t.same(await askMany(port, ping(), 1_000, 200), { 200: 100, 429: 900 }, 'an address')
    t.same(await askMany(port, post(bearer('ann')), 1_000, 200), { 202: 100, 429: 900 }, 'a user')
    t.same(await askMany(port, post(bearer('bob')), 10, 10), { 202: 10 }, 'another user')

    const page = await scrape(metricsPort)
    const of = (policy: string, outcome: string, store = 'redis') =>
      page.total('todos_limit_decisions_total', { policy, store, outcome })
    t.same([of('address', 'allowed'), of('address', 'refused')], [100, 900])
    t.same([of('write', 'allowed'), of('write', 'refused')], [110, 900])
    t.equal(page.total('todos_limit_store_unavailable'), 0)
    const client = new Redis(redis.url)
    const keys = await client.keys('todos:rate:*')
    t.equal(keys.length, 3, keys.join())
    for (const key of keys) t.ok((await client.pttl(key)) > 0, `${key} ends`)
    client.disconnect()
  })

  void t.test(`${engine}: what clients are told`, async (t) => {
    const { port } = await start(t, {
      HTTP_ENGINE: engine,
      LIMIT_ADDRESS_BURST: '3',
      LIMIT_WRITE_BURST: '2',
    })
    const first = await ask(port, ping())
    t.same(JSON.parse(first.body), { status: 'pong' })
    t.equal(headerOf(first, 'Cache-Control'), 'no-store')
    t.equal(headerOf(first, 'RateLimit-Policy'), '"address";q=3;w=86400')
    t.match(headerOf(first, 'RateLimit'), /^"address";r=2;t=28(800|799)$/)
    t.match(headerOf(await ask(port, head('HEAD', '/ping'), true), 'RateLimit'), /;r=1;t=/)
    t.match(headerOf(await ask(port, ping()), 'RateLimit'), /;r=0;t=/)
    const refused = await ask(port, ping())
    t.equal(refused.status, 429)
    const seconds = Number(headerOf(refused, 'Retry-After'))
    t.ok(seconds > 28_000 && seconds <= 28_800, `${seconds} s`)
    t.equal(headerOf(refused, 'RateLimit'), `"address";r=0;t=${seconds}`)
    t.equal(headerOf(refused, 'Content-Type'), 'application/problem+json')
    t.match(JSON.parse(refused.body), { status: 429, title: 'Too Many Requests' })

    // What a user is told: whatever comes of the request, but for a 401, which counts nothing.
    for (const lines of [[], ['Authorization: Bearer x'], [`${bearer('ann')}x`]]) {
      const unknown = await ask(port, post(...lines))
      t.equal(unknown.status, 401)
      t.equal(headerOf(unknown, 'RateLimit'), undefined)
    }
    t.match(headerOf(await ask(port, post(bearer('ann'))), 'RateLimit'), /^"write";r=1;/)
    const wrong = await ask(port, head('PUT', '/todos/a', bearer('ann'), 'Content-Length: 0'))
    t.equal(wrong.status, 415)
    t.match(headerOf(wrong, 'RateLimit'), /^"write";r=0;/)
    t.equal((await ask(port, head('DELETE', '/todos/a', bearer('ann')))).status, 429)
    t.equal((await ask(port, post(bearer('ann')))).status, 429)
    if (engine === 'uws') return // closes a connection on which more comes while an answer is pending
    const both = post(bearer('ann')) + head('GET', '/health')
    const answers = await exchange(port, both, { count: 2 })
    t.same(
      answers.map(({ status }) => status),
      [429, 200],
      'a refused body is read past',
    )
  })

  void t.test(`${engine}: who counts as whom`, async (t) => {
    const from = (address: string) => ping(`X-Forwarded-For: ${address}`)
    const direct = await start(t, { HTTP_ENGINE: engine, LIMIT_ADDRESS_BURST: '2' })
    for (const [address, status] of [
      ['1.1.1.1', 200],
      ['1.1.1.2', 200],
      ['1.1.1.3', 429],
    ] as const) {
      t.equal(
        (await ask(direct.port, from(address))).status,
        status,
        'what a client says is nothing',
      )
    }
    const proxied = await start(t, {
      HTTP_ENGINE: engine,
      LIMIT_ADDRESS_BURST: '2',
      TRUSTED_PROXIES: '127.0.0.1',
    })
    for (const [address, status] of [
      ['1.1.1.1', 200] as const,
      ['1.1.1.1', 200] as const,
      ['1.1.1.1', 429] as const,
      ['9.9.9.9, 1.1.1.1', 429] as const,
      ['1.1.1.2', 200] as const,
      ['2001:db8::1', 200] as const,
      ['2001:db8::2', 200] as const,
      ['2001:db8::3', 429] as const,
      ['2001:db8:0:1::1', 200],
    ] as const) {
      t.equal((await ask(proxied.port, from(address))).status, status, address)
    }
    // A connection that the fast path has had for a while.
    const list = head('GET', '/todos?limit=1')
    const late = await exchange(proxied.port, list + list + from('1.1.1.1'), { count: 3 })
    t.same(
      late.map(({ status }) => status),
      [200, 200, 429],
    )
  })

  void t.test(`${engine}: lists, health and what is off have no limit`, async (t) => {
    const { port, metricsPort } = await start(t, { HTTP_ENGINE: engine, LIMIT_ADDRESS_BURST: '1' })
    for (const target of [
      '/todos',
      '/todos?limit=1',
      '/health',
      '/ready',
      '/docs',
      '/openapi.json',
    ]) {
      for (let i = 0; i < 5; i++) {
        const answer = await ask(port, head('GET', target))
        t.equal(answer.status, 200)
        t.equal(headerOf(answer, 'RateLimit-Policy'), undefined, target)
      }
    }
    t.same(await askMany(port, post(bearer('ann')), 50, 5), { 202: 50 }, 'writes: off here')
    t.equal((await scrape(metricsPort)).total('todos_limit_decisions_total'), 0)
    const on = await start(t, {
      HTTP_ENGINE: engine,
      HTTP_PROCESSES: '1',
      LIMIT_READ_BURST: '3',
      LIMIT_LIST_BURST: '12',
      LIMIT_LIST_REFILL_SEC: '86400',
      TRUSTED_PROXIES: '127.0.0.1',
    })
    const statuses = []
    for (const target of ['/docs', '/openapi.json', '/todos/none', '/docs', '/openapi.json']) {
      statuses.push((await ask(on.port, head('GET', target))).status)
    }
    t.same(statuses, [200, 200, 404, 429, 429], 'read: one for all of them')
    await checkLists(t, on)
  })
}

t.test(
  'without what counts, all pass and are told the policy alone; then limits hold',
  async (t) => {
    const redis = await ownRedis(t)
    if (!redis) return
    const { port, metricsPort } = await start(t, {
      LIST_CACHE: 'redis',
      REDIS_URL: redis.url,
      LIMIT_TIMEOUT_MS: '500',
      HTTP_PROCESSES: '1',
      LIMIT_ADDRESS_BURST: '5',
    })
    t.same(await askMany(port, ping(), 20, 5), { 200: 5, 429: 15 })
    redis.kill('SIGKILL')
    await redis.exited
    // What Redis refused is remembered for a second at most. Then Postgres counts anew.
    await eventually(
      () => ask(port, ping()),
      ({ status }) => status === 200,
    )
    t.same(await askMany(port, ping(), 20, 5), { 200: 4, 429: 16 })
    const page = await eventually(
      async () => {
        await ask(port, ping())
        return scrape(metricsPort)
      },
      (seen) => seen.total('todos_limit_store_unavailable', { store: 'redis' }) === 1,
    )
    t.equal(page.total('todos_limit_store_circuit_opened_total', { store: 'redis' }), 1)
    t.ok(page.total('todos_limit_decisions_total', { store: 'postgres', outcome: 'refused' }) >= 15)
  },
)
