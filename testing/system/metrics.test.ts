// The server's page of metrics, against what was really sent to two forks on each engine. Counts are
// exact, and totals stand while forks are killed, stopped and frozen.

import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { forksOf, startServer } from '../../scripts/stack/processes.ts'
import { scrape, type Scrape } from '../../scripts/stack/scrape.ts'
import { seed } from '../../scripts/seed.ts'
import { eventually } from '../eventually.ts'
import { generousTimeouts, testSecret } from '../settings.ts'
import { testDatabase, testTopic } from '../services.ts'
import { engineNames, exchange, headerOf } from '../engines/harness.ts'
import { endpoints } from '../openapi/document.ts'

const environmentFor = async (t: Test, engine: string) => {
  const databaseUrl = await testDatabase(t)
  await seed({ databaseUrl, count: 25 }, () => {})
  return {
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: databaseUrl,
    KAFKA_TODO_TOPIC: testTopic(),
    HTTP_ENGINE: engine,
    HTTP_PROCESSES: '2',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'warn',
    ...generousTimeouts,
  }
}

const token = signToken(testSecret, 'ann', 3_600)
const head = (method: string, target: string, ...lines: string[]) =>
  [`${method} ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')
const post = (...lines: string[]) =>
  head('POST', '/todos', 'Content-Type: application/json', 'Content-Length: 13', ...lines) +
  '{"title":"x"}'
const authorized = `Authorization: Bearer ${token}`
const list = head('GET', '/todos?limit=10')

const requests = 'http_server_requests_total'
const ready = 'http_server_ready_requests_total'
const of = (method: string, route: string, status: number) => ({
  http_request_method: method,
  http_route: route,
  http_response_status_code: status,
})

/** A server of two processes exports no more, whatever it is asked: by what there is to ask for. */
const seriesMax = 35 * endpoints.length

/** Every method on every path that there is, and on one that is not: bare, with a wrong body, with a right one. */
const askEverything = async (port: number) => {
  const paths = new Set([...endpoints.map(({ path }) => path), '/nowhere'])
  const offered = endpoints.map(({ method }) => method)
  const methods = new Set([...offered, 'HEAD', 'OPTIONS', 'TRACE', 'PURGE', 'MKCOL'])
  const withBody = [authorized, 'Prefer: respond-async', 'Content-Length: 13']
  for (const path of paths) {
    const target = path.replaceAll(/:\w+/g, 'missing')
    for (const method of methods) {
      const ask = (lines: readonly string[], body = '') =>
        exchange(port, head(method, target, ...lines) + body, { isHead: method === 'HEAD' })
      await ask([])
      if (!endpoints.some((one) => one.path === path && one.method === method)) continue
      await ask([authorized])
      await ask([...withBody, 'Content-Type: text/plain'], '{"title":"x"}')
      await ask([...withBody, 'Content-Type: application/json'], '{"title":"x"}')
    }
  }
}

/** Fails for each series of a counter that is less than it was, or gone. */
const notGoneBack = (t: Test, before: Scrape, after: Scrape) => {
  const isTotal = (name: string) =>
    before.types.get(name) === 'counter' || /_(bucket|sum|count)$/.test(name)
  const back = before.samples
    .filter(({ name }) => isTotal(name))
    .filter(({ name, labels, value }) => after.total(name, labels) < value)
  t.same(back, [], 'no total has gone back')
}

// Each has a server of its own, and waits for its processes most of the time.
t.jobs = 2

for (const engine of engineNames) {
  void t.test(`${engine}: what was asked is what is counted`, async (t) => {
    const server = await startServer(await environmentFor(t, engine))
    t.teardown(() => server.stop())
    const { port, metricsPort } = server
    /** On one connection each time, all of its requests at once. */
    const ask = async (times: number, request: string, count = 1) => {
      for (let i = 0; i < times; i++) {
        t.equal((await exchange(port, request, { count })).length, count)
      }
    }
    const [plain] = await exchange(port, list)
    const conditional = head('GET', '/todos?limit=10', `If-None-Match: ${headerOf(plain, 'ETag')}`)
    await ask(6, list.repeat(200), 200)
    await ask(4, list + head('GET', '/todos?limit=7') + list, 3)
    await ask(2, conditional.repeat(25), 25)
    await ask(7, head('GET', '/todos?limit=%32'))
    await ask(3, head('GET', '/todos?limit=0'))
    await ask(5, post(authorized))
    await ask(2, post())
    await ask(1, head('GET', '/todos/missing'))
    await ask(3, head('GET', '/nowhere/at/all'))
    await ask(2, head('PURGE', '/health'))
    await ask(1, head('GET', '/health', 'Host: b'))

    const page = await scrape(metricsPort)
    const listRoute = ['GET', '/todos'] as const
    t.equal(page.total(ready, of(...listRoute, 200)), 1 + 6 * 200 + 4 * 3)
    t.equal(page.total(ready, of(...listRoute, 304)), 2 * 25)
    for (const [count, method, route, status] of [
      [7, ...listRoute, 200] as const,
      [3, ...listRoute, 400] as const,
      [5, 'POST', '/todos', 202] as const,
      [2, 'POST', '/todos', 401] as const,
      [1, 'GET', '/todos/:id', 404] as const,
      [3, 'GET', '', 404] as const,
    ]) {
      t.equal(
        page.total(requests, of(method, route, status)),
        count,
        `${method} ${route} ${status}`,
      )
    }
    t.equal(page.total(requests, { http_route: '/health', http_response_status_code: 400 }), 1)
    t.equal(page.total(requests, of('_OTHER', '/health', 405)), 2)
    t.equal(
      page.total('todos_list_reads_total', { result: 'hit' }),
      page.total(ready) + 7,
      'all of them from memory',
    )
    t.equal(page.total('todos_list_reads_total', { result: 'miss' }), 0)
    t.equal(page.total('todos_publish_duration_seconds_count', { outcome: 'acknowledged' }), 5)
    t.equal(page.total('todos_list_stale_seconds', { list: 'newest' }), 0)
    t.equal(page.total('todos_list_processes', { list: 'newest', state: 'fresh' }), 2)
    t.ok(page.total('todos_list_refreshes_total', { list: 'newest', result: 'done' }) >= 2)
    t.equal(page.total('todos_server_processes'), 2)
    for (const place of ['primary', '0', '1']) {
      t.ok(page.total('process_cpu_seconds_total', { process: place }) > 0, place)
      t.ok(page.total('process_resident_memory_bytes', { process: place }) > 10_000_000, place)
      t.ok(page.total('nodejs_eventloop_time_seconds_total', { process: place }) > 0, place)
    }
    t.same(
      [...page.types.keys()].filter((name) => !/^(http_server|todos|process|nodejs)_/.test(name)),
      [],
    )

    await t.test('a list that has to be fetched first is a miss', async (t) => {
      await exchange(port, head('GET', '/todos'))
      const after = await scrape(metricsPort)
      t.equal(after.total('todos_list_reads_total', { result: 'miss' }), 1)
      t.equal(after.total(requests, of(...listRoute, 200)), 8)
    })

    await t.test('whatever is asked, the page stays small', async (t) => {
      await askEverything(port)
      const { samples } = await scrape(metricsPort)
      t.ok(samples.length <= seriesMax, `${samples.length} series`)
      t.equal(
        new Set(samples.map(({ name, labels }) => name + JSON.stringify(labels))).size,
        samples.length,
      )
    })

    await t.test('a request pipelined behind a pending answer', async (t) => {
      await exchange(port, post(authorized) + post(authorized), { count: 2 })
      const after = await eventually(
        () => scrape(metricsPort),
        (seen) => engine === 'node' || seen.total('http_server_lost_connections_total') > 0,
      )
      t.equal(after.total('http_server_lost_connections_total'), engine === 'uws' ? 1 : 0)
    })
  })

  void t.test(`${engine}: totals stand while forks come and go`, async (t) => {
    const server = await startServer(await environmentFor(t, engine))
    t.teardown(() => server.stop())
    const { port, metricsPort } = server
    let asked = 0
    const askSome = async () => {
      for (let i = 0; i < 20; i++) {
        asked += (await exchange(port, list.repeat(10), { count: 10 })).length
      }
    }
    const replaced = (restarts: number) =>
      eventually(
        () => scrape(metricsPort),
        (seen) =>
          seen.total('todos_server_process_restarts_total') === restarts &&
          seen.total('todos_list_processes', { list: 'newest' }) === 2,
      )

    await askSome()
    const first = await scrape(metricsPort)
    t.equal(first.total(ready), asked)

    await t.test('one is killed', async (t) => {
      process.kill(forksOf(server)[0] as number, 'SIGKILL')
      await eventually(
        () => scrape(metricsPort),
        (seen) => seen.total('todos_server_process_crashes_total') === 1,
      )
      const after = await scrape(metricsPort)
      notGoneBack(t, first, after)
      t.equal(after.total(ready), asked, 'what it had said of itself stands')
      notGoneBack(t, after, await replaced(1))
      await askSome()
      t.equal((await scrape(metricsPort)).total(ready), asked)
    })

    await t.test('one leaves in order, and nobody had asked it since', async (t) => {
      await askSome()
      process.kill(forksOf(server)[0] as number, 'SIGTERM')
      const after = await replaced(2)
      t.equal(after.total(ready), asked, 'it had a last word')
      t.equal(after.total('todos_server_process_crashes_total'), 1)
    })

    await t.test('one is frozen', async (t) => {
      const before = await scrape(metricsPort)
      const frozen = forksOf(server)[0] as number
      process.kill(frozen, 'SIGSTOP')
      const [during, atOnce] = await Promise.all([scrape(metricsPort), scrape(metricsPort)])
      process.kill(frozen, 'SIGCONT')
      t.same(during, atOnce, 'two who scrape at once get one answer')
      notGoneBack(t, before, during)
      t.equal(during.total(ready), asked)
      // An overloaded machine may keep the other one from answering, too.
      const silent = 'todos_metrics_unanswered_total'
      t.ok(during.total(silent) > before.total(silent))
      t.ok(during.total('todos_list_processes', { list: 'newest' }) < 2, 'no gauges of it')
      const after = await eventually(
        () => scrape(metricsPort),
        (seen) => seen.total('todos_list_processes', { list: 'newest' }) === 2,
      )
      notGoneBack(t, during, after)
      t.equal(after.total(ready), asked)
    })
  })

  void t.test(`${engine}: refused writes are counted by cause`, async (t) => {
    const environment = { ...(await environmentFor(t, engine)), PUBLISH_QUEUE_MAX: '1' }
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => exchange(server.port, post(authorized))),
    )
    const refused = answers.filter(([answer]) => answer?.status === 503).length
    t.ok(refused > 0)
    const page = await scrape(server.metricsPort)
    t.equal(page.total('todos_publish_refused_total', { cause: 'queue-full' }), refused)
    t.equal(page.total('todos_publish_refused_total'), refused)
    t.equal(page.total('todos_publish_duration_seconds_count', { outcome: 'refused' }), refused)
    t.equal(page.total(requests, of('POST', '/todos', 503)), refused)
    t.equal(page.total('todos_publish_queue_commands'), 0)
  })
}

void t.test(
  'a port that is taken is one line that names the setting; off opens none',
  async (t) => {
    const environment = await environmentFor(t, 'node')
    const taken = createServer()
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port))
    })
    t.teardown(() => taken.close())
    const started = startServer({ ...environment, METRICS_PORT: String(port) })
    await t.rejects(started, {
      message: new RegExp(`\\(1\\): port ${port} is in use: .* METRICS_PORT .*\\n$`),
    })
    const server = await startServer({ ...environment, METRICS_PORT: 'off' })
    t.equal(server.metricsPort, 0)
    t.equal((await exchange(server.port, list))[0]?.status, 200)
    await server.stop()
  },
)
