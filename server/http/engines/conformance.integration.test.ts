// Every request of the table against both engines, wired as a server process is, on a real Postgres:
// the same status, the same headers of ours, the same bytes. Only failures are staged.

import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { decodeCommand } from '../../../lib/domain/command.ts'
import type { CommandPublisher, PublishOutcome } from '../../../lib/command-log/command-log.ts'
import { createTokenVerifier, signToken } from '../../../lib/accounts/access-token.ts'
import type { ListCache } from '../../../lib/list-cache/list-cache.ts'
import { noPageCache } from '../../../lib/page-cache/page-cache.ts'
import { connectPostgres } from '../../../lib/drivers/postgres/client.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import { seed } from '../../../scripts/seed.ts'
import { nobody } from '../../../testing/endpoint.ts'
import { silentLog, testSecret } from '../../../testing/settings.ts'
import { testDatabase, testTopic } from '../../../testing/services.ts'
import type { Dependency } from '../../../lib/runtime/parts.ts'
import type { AccountParts } from '../../features/accounts/parts.ts'
import type { ShareParts } from '../../features/shares/parts.ts'
import type { WatchParts } from '../../features/live/parts.ts'
import type { OperationParts } from '../../features/operations/endpoints.ts'
import type { Page } from '../../features/page/open.ts'
import type { TeamParts } from '../../features/teams/parts.ts'
import { createAppliedCommands } from '../../features/todos/applied-commands.ts'
import { createClientOf } from '../client-address.ts'
import { createHotLists } from '../../features/public-lists/hot-list.ts'
import { createRouter } from '../router.ts'
import { createReadQueue } from '../pending.ts'
import { createEndpoints } from '../../features/index.ts'
import { createAuthenticate } from '../../identity/authenticate.ts'
import {
  conformanceCases,
  malformedCases,
  newRequestId,
  noRequestId,
  type Case,
} from '../../../testing/engines/conformance-cases.ts'
import {
  comparable,
  type EngineName,
  engineNames,
  exchange,
  headerOf,
  open,
  read,
  serve,
  serveAll,
  type Answer,
} from '../../../testing/engines/harness.ts'
import {
  corsAnyCases,
  corsOffCases,
  corsSomeCases,
  moreHeaders,
  ours,
  someOrigins,
} from '../../../testing/engines/cors-cases.ts'
import { problems } from '../../../testing/openapi/document.ts'
import { typeUrl } from '../problem.ts'
import { selfTest } from './uws/self-test.ts'

const statusByType = new Map(problems.map(({ type }) => [typeUrl(type), type.status]))

const token = signToken(testSecret, 'ann', 3_600)
const get = (target: string, ...headers: string[]) =>
  [`GET ${target} HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n')

/** Good from this second on. */
const tokenFrom = (nbf: number): string => {
  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${base64({ alg: 'HS256' })}.${base64({ sub: 'ann', nbf })}`
  return `${input}.${createHmac('sha256', testSecret).update(input).digest('base64url')}`
}

const inert = "default-src 'none'; frame-ancestors 'none'"

const checkCase = (t: Test, one: Case, answer: Answer | undefined) => {
  t.equal(answer?.status, one.status, 'status')
  if (!answer) return
  const lines = answer.head.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))
  for (const header of one.headers ?? []) t.ok(lines.includes(header), header)
  for (const name of one.absent ?? []) t.equal(headerOf(answer, name), undefined, name)
  if (one.isCompressed) return
  if (![204, 304].includes(one.status)) t.ok(lines.includes('x-content-type-options: nosniff'))
  if (one.status >= 400 && !one.isHead && headerOf(answer, 'Content-Type') !== 'application/json') {
    const { status } = one
    t.match(headerOf(answer, 'Content-Type'), 'application/problem+json')
    t.equal(headerOf(answer, 'Cache-Control'), 'no-store', 'an error does not outlive its cause')
    t.equal(headerOf(answer, 'Content-Security-Policy'), inert)
    const body = JSON.parse(answer.body) as { type: string }
    t.match(body, { title: /\w/, status, detail: /\w/ })
    t.equal(statusByType.get(body.type), status, `${body.type} has a page`)
  }
  checkRequestId(t, one, answer)
  if (typeof one.body === 'string') t.equal(answer.body, one.body)
  else if (one.body) t.match(JSON.parse(answer.body), one.body)
  if (one.status === 202) {
    const body = JSON.parse(answer.body) as Record<string, unknown>
    t.same(Object.keys(body), ['id', 'message'])
    t.match(body, { id: /^[\w-]{1,64}$/, message: /^the todo will be / })
  }
}

/** Whatever the case is about, the answer says what the request is called. */
const checkRequestId = (t: Test, one: Case, answer: Answer) => {
  const ids = answer.head
    .filter((line) => /^x-request-id: /i.test(line))
    .map((line) => line.slice(14))
  const isReadyList =
    /^GET \/todos(\?(limit=\d+)?)? /.test(one.request.toString('latin1')) &&
    (one.status === 200 || one.status === 304)
  // Refused before it was a request.
  const isEngines = (one.status === 400 || one.status === 431) && one.body === undefined
  const expected = one.requestId ?? (isReadyList || isEngines ? noRequestId : newRequestId)
  if (expected === noRequestId) t.same(ids, [])
  else if (expected === newRequestId) t.match(ids, [/^[\w-]{33}$/])
  else t.same(ids, [expected])
}

/** One request to both engines: as the table says, and the same bytes. */
const checkBoth = async (t: Test, one: Case, ports: Ports, uwsIsFaulty: boolean) => {
  const isHead = one.isHead ?? false
  const [byNode] = await exchange(ports.node, one.request, { isHead })
  checkCase(t, one, byNode)
  // Where no answer is expected, a FIN tells the server not to wait for more.
  const end = one.uws !== undefined && one.uws.status === undefined
  const [byUws] = await exchange(ports.uws, one.request, { isHead, end })
  if (one.uws && (uwsIsFaulty || byUws?.status === one.uws.status)) {
    t.equal(byUws?.status, one.uws.status, `known of uws: ${one.uws.why}`)
    return
  }
  checkCase(t, one, byUws)
  if (byNode && byUws) t.same(comparable(byUws), comparable(byNode), 'byte for byte')
}

type Ports = { readonly node: number; readonly uws: number }

void t.test('both engines, as they run in production', async (t) => {
  const databaseUrl = await testDatabase(t)
  await seed({ databaseUrl, count: 25 }, () => {})
  const logs = { node: testTopic(), uws: testTopic() }
  const ports = {
    node: await serveAll(t, { engine: 'node', databaseUrl, log: logs.node }),
    uws: await serveAll(t, { engine: 'uws', databaseUrl, log: logs.uws }),
  }
  await exchange(ports.uws, get('/todos')) // so that both have the whole list ready
  const [all] = await exchange(ports.node, get('/todos'))
  const todos = JSON.parse(all?.body ?? '') as object[]
  t.equal(todos.length, 25)
  t.same(Object.keys(todos[0] ?? {}), [
    'id',
    'title',
    'description',
    'completed',
    'user_id',
    'created_at',
    'updated_at',
  ])
  const uwsIsFaulty = (await selfTest()) !== undefined

  const logged = async (log: string) => {
    const sql = connectPostgres({ url: databaseUrl, poolSize: 1 })
    const rows = await sql<{ record: Buffer }[]>`SELECT record FROM command_log WHERE log = ${log}`
    await sql.end()
    return rows.map(({ record }) => decodeCommand(record))
  }

  const cases = conformanceCases(todos, token)
  for (const one of cases) await t.test(one.name, (t) => checkBoth(t, one, ports, uwsIsFaulty))

  await t.test(
    'a token of a clock that is 4 s ahead is good, of one 60 s ahead it is not',
    async (t) => {
      for (const engine of engineNames) {
        for (const [aheadSec, status] of [
          [4, 404],
          [60, 401],
        ] as const) {
          const bearer = `Authorization: Bearer ${tokenFrom(Date.now() / 1_000 + aheadSec)}`
          const [answer] = await exchange(ports[engine], get('/api/todos/none', bearer))
          t.equal(answer?.status, status, `${engine}: ${aheadSec} s`)
        }
      }
    },
  )

  await t.test('the log holds each write that got a 202, and nothing else', async (t) => {
    for (const engine of engineNames) {
      const isTaken = (one: Case) =>
        (engine === 'uws' && uwsIsFaulty && one.uws ? one.uws.status : one.status) === 202
      const decoded = await logged(logs[engine])
      t.equal(decoded.length, cases.filter(isTaken).length, engine)
      t.ok(decoded.every((one) => one.kind === 'command' && one.command.userId === 'ann'))
      const titles = decoded.map((one) =>
        one.kind === 'command' && one.command.kind === 'create' ? one.command.title : undefined,
      )
      t.ok(titles.includes('\u{1F600}'.repeat(200)), 'as it was sent')
      t.ok(titles.includes('a\u0001\t\r\n\u007f\u2028'), 'as it was sent')
    }
  })

  for (const one of malformedCases(token)) {
    await t.test(one.name, (t) => checkBoth(t, one, ports, uwsIsFaulty))
  }

  for (const one of corsOffCases) await t.test(one.name, (t) => checkBoth(t, one, ports, false))

  for (const engine of engineNames) await t.test(engine, (t) => checkConnections(t, engine, ports))
})

void t.test('CORS', async (t) => {
  const databaseUrl = await testDatabase(t)
  await seed({ databaseUrl, count: 25 }, () => {})
  for (const [corsOrigins, cases] of [
    ['*', corsAnyCases],
    [someOrigins, corsSomeCases],
  ] as const) {
    const start = (engine: EngineName) =>
      serveAll(t, {
        engine,
        databaseUrl,
        log: testTopic(),
        more: { CORS_ORIGINS: corsOrigins, CORS_REQUEST_HEADERS: moreHeaders },
      })
    const ports = { node: await start('node'), uws: await start('uws') }
    // So that the whole list is ready.
    for (const engine of engineNames) await exchange(ports[engine], get('/todos'))
    await t.test(corsOrigins, async (t) => {
      for (const one of cases) await t.test(one.name, (t) => checkBoth(t, one, ports, false))
      for (const engine of engineNames) {
        const page = corsOrigins === '*' ? '*' : ours
        await t.test(engine, (t) => checkOrigins(t, ports[engine], page, corsOrigins === '*'))
      }
    })
  }
})

/** Pages and others by turns on one connection: what was learned from one is not told the other. */
const checkOrigins = async (t: Test, port: number, allowed: string, isAny: boolean) => {
  const plain = get('/todos?limit=10')
  const byPage = get('/todos?limit=10', `Origin: ${ours}`)
  const byStranger = get('/todos?limit=10', 'Origin: https://b.example')
  for (const requests of [
    [plain, plain, byPage, byPage, plain, byStranger, byPage],
    [byPage, byPage, byPage, plain, byStranger, byStranger, plain],
    [byStranger, byStranger, byPage, plain, plain],
  ]) {
    const expected = requests.map((one) => (isAny || one === byPage ? allowed : undefined))
    const answers = await exchange(port, requests.join(''), { count: requests.length })
    const seen = answers.map((one) => headerOf(one, 'Access-Control-Allow-Origin'))
    t.same(seen, expected, 'in one packet')
    const socket = await open(port)
    for (const [i, request] of requests.entries()) {
      socket.write(request)
      const [answer] = await read(socket)
      t.equal(answer?.status, 200)
      t.equal(headerOf(answer, 'Access-Control-Allow-Origin'), expected[i], 'one by one')
    }
    socket.destroy()
  }
}

const checkConnections = async (t: Test, engine: keyof Ports, ports: Ports) => {
  const port = ports[engine]
  const lengths = (answers: readonly Answer[]) =>
    answers.map(({ body }) => (JSON.parse(body) as object[]).length)

  await t.test('a list that the client has is not sent again', async (t) => {
    const [plain] = await exchange(port, get('/todos?limit=25'))
    const etag = headerOf(plain, 'ETag') ?? ''
    const conditional = get('/todos?limit=25', `If-None-Match: "x", W/${etag}`)
    const answers = await exchange(port, conditional + get('/todos?limit=25'), { count: 2 })
    t.match(answers, [{ status: 304, body: '' }, { status: 200 }])
    t.equal(headerOf(answers[0], 'ETag'), etag)
  })

  await t.test('a connection is kept for the next request', async (t) => {
    const socket = await open(port)
    const post = 'POST /todos HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}'
    const list = [get('/todos?limit=2'), 200] as const
    for (const [request, status] of [
      list,
      list,
      [get('/todos?limit=3'), 200],
      [get('/health'), 200],
      [post, 401],
      [get('/nothing'), 404],
      list,
      list,
    ] as const) {
      socket.write(request)
      t.match(await read(socket), [{ status }], request.split('\r\n')[0] as string)
    }
    socket.destroy()
  })

  await t.test('requests in one segment are answered in order', async (t) => {
    const limits = [25, 1, 1, 7, 25, 25, 25, 2]
    const requests = limits.map((limit) => get(`/todos?limit=${limit}`)).join('')
    t.same(lengths(await exchange(port, requests, { count: limits.length })), limits)
  })

  await t.test('an Upgrade is ignored: all that comes with it is answered, in order', async (t) => {
    const upgrade = (target: string, what: string) =>
      get(target, 'Connection: Upgrade, HTTP2-Settings', `Upgrade: ${what}`, 'HTTP2-Settings: AAMA')
    for (const what of ['h2c', 'websocket', 'TLS/1.0, HTTP/2.0', 'h2c\r\nUpgrade: websocket']) {
      const burst = [
        get('/todos?limit=1'),
        upgrade('/todos?limit=2', what),
        get('/todos?limit=3'),
        upgrade('/todos?limit=4', what),
        upgrade('/todos?limit=%35', what),
        get('/todos?limit=6'),
      ]
      const answers = await exchange(port, burst.join(''), { count: burst.length })
      t.same(lengths(answers), [1, 2, 3, 4, 5, 6], what)
      t.ok(answers.every((one) => headerOf(one, 'Upgrade') === undefined))
      const post = `POST /todos HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`
      const withWrite = await exchange(port, upgrade('/todos?limit=2', what) + post, { count: 2 })
      t.match(withWrite, [{ status: 200 }, { status: 401 }], `${what}, then a write`)
      const socket = await open(port)
      for (const target of ['/todos?limit=2', '/health', '/todos?limit=2']) {
        socket.write(upgrade(target, what))
        t.match(await read(socket), [{ status: 200 }], `${what}, one by one`)
      }
      socket.destroy()
    }
  })

  await t.test('a header in two lines is what it is in one', async (t) => {
    const [plain] = await exchange(port, get('/todos?limit=3'))
    const etag = headerOf(plain, 'ETag') ?? ''
    for (const target of ['/todos?limit=3', '/todos?limit=%33']) {
      for (const tags of [
        ['"x"', etag],
        [etag, '"x"'],
        ['"x"', '"y"', `W/${etag}`],
      ]) {
        const lines = tags.map((one) => `If-None-Match: ${one}`)
        const [answer] = await exchange(port, get(target, ...lines))
        t.equal(answer?.status, 304, `${target} ${tags.join()}`)
      }
      const none = get(target, 'If-None-Match: "x"', 'If-None-Match: "y"')
      t.match(await exchange(port, none), [{ status: 200 }])
    }
  })

  await t.test('a connection of HTTP/1.0 is kept when it asks for it', async (t) => {
    const old = (target: string) => `GET ${target} HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n`
    const socket = await open(port)
    const closed = once(socket, 'close')
    const requests = ['/todos?limit=1', '/todos?limit=1', '/health', '/todos?limit=2']
    if (engine === 'uws') {
      socket.write(old('/health'))
      t.match(await read(socket), [{ status: 505 }], 'refused once, at the door')
      await closed
      return
    }
    for (const target of requests) {
      socket.write(old(target))
      const [answer] = await read(socket)
      t.equal(answer?.status, 200, target)
      t.equal(headerOf(answer, 'Connection'), 'keep-alive', target)
    }
    socket.write(old('/todos?limit=1').repeat(5))
    t.same(lengths(await read(socket, { count: 5 })), [1, 1, 1, 1, 1])
    socket.write('GET /todos?limit=1 HTTP/1.0\r\n\r\n')
    t.match(await read(socket), [{ status: 200 }])
    await closed
  })

  await t.test('a HEAD leaves the connection in order', async (t) => {
    for (const target of ['/todos?limit=25', '/todos?limit=0', '/nothing', '/health']) {
      const socket = await open(port)
      socket.write(get(target).replace('GET', 'HEAD'))
      const [head] = await read(socket, { isHead: true })
      socket.write(get(target))
      const [full] = await read(socket)
      t.equal(head?.status, full?.status)
      t.equal(headerOf(head, 'Content-Length'), String(Buffer.byteLength(full?.body ?? '')))
      t.equal(headerOf(head, 'Content-Type'), headerOf(full, 'Content-Type'))
      socket.destroy()
    }
  })

  await t.test('Connection: close is honoured', async (t) => {
    for (const target of ['/todos?limit=25', '/todos', '/health', '/nothing']) {
      for (const value of ['close', 'Close']) {
        const socket = await open(port)
        const closed = once(socket, 'close')
        socket.write(get(target, `Connection: ${value}`))
        const answers = await read(socket)
        t.equal(answers.length, 1)
        // uWS closes without a word.
        if (engine === 'node') t.equal(headerOf(answers[0], 'Connection'), 'close', target)
        await closed
      }
    }
    const both = get('/todos?limit=25', 'Connection: close') + get('/todos?limit=25')
    const answers = await exchange(port, both, { count: 2 })
    // uWS answers what it has read already; both close.
    if (engine === 'node') t.equal(answers.length, 1, 'what follows a close is not answered')
    t.equal(answers[0]?.status, 200)
  })

  await t.test('a body that is too large closes the connection', async (t) => {
    const socket = await open(port)
    const closed = once(socket, 'close')
    const lines = [`Authorization: Bearer ${token}`, 'Content-Type: application/json']
    socket.write(
      get('/todos', ...lines, 'Content-Length: 99999999').replace('GET', 'POST') + '{"title":"x"}',
    )
    t.match(await read(socket), [{ status: 413 }])
    await closed
  })
}

const never = () => Promise.reject(new Error('it is away'))
const cacheAway: ListCache = {
  get: never,
  fill: never,
  announce: never,
  known: never,
  overrule: never,
  reconnect: () => {},
  watch: () => {},
  ping: never,
  close: () => Promise.resolve(),
}

/** An application without a list to show, whose publisher answers `outcome`. */
const failing = (t: Test, outcome: PublishOutcome, dependencies: readonly Dependency[] = []) => {
  const publisher: CommandPublisher = {
    newTodoId: () => 'new',
    publish: () => Promise.resolve(outcome),
    pending: () => 0,
    ping: never,
    close: () => Promise.resolve(),
  }
  const store = { readList: never, readTodo: never, outcomesOf: never } as unknown as TodoStore
  const lists = createHotLists({
    sources: [{ cache: cacheAway, store }],
    settings: {
      ttlMs: 1_000,
      refreshIntervalMs: 0,
      refreshTimeoutMs: 100,
      staleIfErrorMs: 0,
      memoryBytesMax: 1_000_000,
    },
    log: silentLog,
  })
  t.teardown(() => lists.close())
  const verifyToken = createTokenVerifier(testSecret)
  const applied = createAppliedCommands(store)
  const endpoints = createEndpoints({
    publicUrl: '',
    lists,
    publisher,
    store,
    applied,
    pages: noPageCache,
    reads: createReadQueue({ waitingMax: 100, connections: 4, waitMsMax: 30_000 }),
    requiresIfMatch: false,
    accounts: {} as AccountParts, // nobody logs in here
    ...({} as TeamParts), // nor has a team
    ...({} as ShareParts), // nor shares anything
    watch: {} as WatchParts, // nor watches
    page: {} as Page, // nor opens the page
    operations: {} as OperationParts['operations'], // nor looks after it
    dependencies,
    isDraining: () => false,
  })
  const handle = createRouter({
    endpoints,
    authenticate: createAuthenticate(verifyToken),
    requireSystemAdmin: nobody.requireSystemAdmin,
    clientOf: createClientOf(''),
    limits: {},
    log: silentLog,
  })
  return { ready: lists.sourceOfTarget, handle }
}

const unavailable = (name: string, request: string, body: Case['body']): Case => ({
  name,
  request,
  status: 503,
  body: body ?? {},
  headers: ['retry-after: 1', 'content-type: application/problem+json'],
})
const text = '{"title":"x"}'
const write = (method: string, target: string) =>
  get(
    target,
    ...[`Authorization: Bearer ${token}`, 'Content-Type: application/json'],
    `Content-Length: ${text.length}`,
  ).replace('GET', method) + text
const writes = [write('POST', '/todos'), write('PUT', '/todos/a'), write('DELETE', '/todos/a')]

const serveBoth = async (t: Test, ...staged: [PublishOutcome, (readonly Dependency[])?]) => ({
  node: await serve(t, 'node', failing(t, ...staged)),
  uws: await serve(t, 'uws', failing(t, ...staged)),
})

void t.test(
  'a write that is not acknowledged is a 503 that says whether it was sent',
  async (t) => {
    // The client is not told what the driver said: hosts and ports are in it.
    const reason = 'connect ECONNREFUSED 10.0.0.7:9092'
    for (const [outcome, publish, detail] of [
      [
        { kind: 'refused', cause: 'log-unavailable', reason },
        'not-attempted',
        /accepted: .* is unavailable$/,
      ],
      [{ kind: 'unknown', reason }, 'unknown', /accepted: no acknowledgement arrived$/],
    ] as const) {
      const ports = await serveBoth(t, outcome)
      for (const request of writes) {
        const one = unavailable(publish, request, { publish, detail })
        await checkBoth(t, one, ports, false)
      }
    }
  },
)

void t.test(
  'a write that the log takes in no batch is a 413, and not to be repeated',
  async (t) => {
    const reason = 'it has 9000 bytes, topic todos takes 4000'
    const ports = await serveBoth(t, { kind: 'refused', cause: 'too-large', reason })
    for (const request of writes) {
      const detail = /larger than the command log accepts$/
      const one: Case = {
        name: 'too large',
        request,
        status: 413,
        body: { publish: 'not-attempted', detail },
        headers: ['content-type: application/problem+json'],
      }
      await checkBoth(t, one, ports, false)
    }
  },
)

void t.test('lists that can not be had are a 503, in time', async (t) => {
  const ports = await serveBoth(t, { kind: 'acknowledged' })
  for (const target of ['/todos', '/todos?limit=1', '/todos?limit=1000']) {
    const one = unavailable(target, get(target), { detail: /be read now$/ })
    await checkBoth(t, one, ports, false)
    const head = { ...one, request: get(target).replace('GET', 'HEAD'), isHead: true, body: '' }
    await checkBoth(t, head, ports, false)
  }
  const [health] = await exchange(ports.node, get('/health'))
  t.equal(health?.status, 200, 'the process lives')
})

void t.test('/ready names each dependency', async (t) => {
  const good = () => Promise.resolve()
  const dependency = (name: string, without: Dependency['without'], check = good) => ({
    name,
    without,
    check,
  })
  const fails = 'fails: it is away'
  for (const [postgres, redis, status, word] of [
    [good, good, 200, 'ready'],
    [good, never, 200, 'degraded'],
    [never, good, 503, 'unready'],
    [never, never, 503, 'unready'],
  ] as const) {
    const dependencies = [
      dependency('postgres', 'unready', postgres),
      dependency('redis', 'degraded', redis),
    ]
    const ports = await serveBoth(t, { kind: 'acknowledged' }, dependencies)
    const states = [postgres, redis].map((check) => (check === good ? 'ok' : fails))
    const one: Case = {
      name: word,
      request: get('/ready'),
      status,
      body: `{"status":"${word}","dependencies":{"postgres":"${states[0]}","redis":"${states[1]}"}}`,
      headers: ['cache-control: no-store', ...(status === 503 ? ['retry-after: 1'] : [])],
    }
    await checkBoth(t, one, ports, false)
  }
})
