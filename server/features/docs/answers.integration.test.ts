// Every operation of the document asked of a running server and worker, on both engines, so that
// each answer that it describes comes at least once; every answer is held to it.

import t, { type Test } from 'tap'
import { migrate } from '../../../lib/drivers/postgres/migrate.ts'
import { connectPostgres } from '../../../lib/drivers/postgres/client.ts'
import { migrationsDirectory } from '../../../scripts/paths.ts'
import { startServer, startWorker } from '../../../scripts/stack/processes.ts'
import { seed } from '../../../scripts/seed.ts'
import { builtPage } from '../../../testing/built-page.ts'
import { eventually } from '../../../testing/eventually.ts'
import { ownPostgres, testDatabase } from '../../../testing/services.ts'
import { generousTimeouts } from '../../../testing/settings.ts'
import { engineNames, exchange, headerOf, type Answer } from '../../../testing/engines/harness.ts'
import { cursorOf } from '../../http/cursor.ts'
import { bodyBytesMax } from '../../http/json-body.ts'
import { idFromKey } from '../../http/write-headers.ts'
import { createAnswerCheck, type AnswerCheck } from '../../../testing/openapi/answer-check.ts'
import {
  askAccounts,
  askAccountsOverLimit,
  askAccountsWithout,
} from '../../../testing/openapi/ask-accounts.ts'
import { bearerOf, createAsk, environmentOf, page, type Ask } from '../../../testing/openapi/ask.ts'
import { askLive, askLiveOverLimit, askLiveWithout } from '../../../testing/openapi/ask-live.ts'
import {
  askPersonal,
  askPersonalOverLimit,
  askPersonalWithout,
} from '../../../testing/openapi/ask-personal.ts'
import {
  askShares,
  askSharesOverLimit,
  askSharesWithout,
} from '../../../testing/openapi/ask-shares.ts'
import {
  askTeamTodos,
  askTeamTodosOverLimit,
  askTeamTodosWithout,
} from '../../../testing/openapi/ask-team-todos.ts'
import { askTeams, askTeamsOverLimit, askTeamsWithout } from '../../../testing/openapi/ask-teams.ts'
import { document } from '../../../testing/openapi/document.ts'
import { createFaults } from '../../../testing/openapi/document-schemas.ts'
import { operationsOf } from '../../http/contract/openapi.ts'

const operations = operationsOf(document)
const ann = bearerOf('ann')
const wait = 'Prefer: wait=20'
const idOf = ({ body }: Answer) => (JSON.parse(body) as { id: string }).id

const longAgo = { createdAt: new Date(0), id: 'a' }
const lastTarget = `/todos?limit=1&after=${cursorOf('/todos', longAgo)}`
const linkOf = (answer: Answer) =>
  /^<(.*)>; rel="next"$/.exec(headerOf(answer, 'Link') ?? '')?.[1] ?? ''

// The engines side by side: both wait for time-outs.
t.jobs = 2

for (const engine of engineNames) {
  void t.test(`${engine} engine`, async (t) => {
    const databaseUrl = await testDatabase(t)
    await seed({ databaseUrl, count: 100 }, () => {})
    const server = await startServer({
      ...environmentOf(engine, databaseUrl),
      ...generousTimeouts,
      PAGE_DIRECTORY: await builtPage(t),
    })
    t.teardown(() => server.stop())
    const worker = await startWorker(environmentOf(engine, databaseUrl))
    t.teardown(() => worker.stop())
    const check = createAnswerCheck(document)
    await eventually(
      () => fetch(`http://127.0.0.1:${server.port}/ready`),
      ({ status }) => status === 200,
    )

    await t.test('reads', (t) => askReads(createAsk(t, server.port, check), t, server.port, check))
    await t.test('the page', (t) => askPage(createAsk(t, server.port, check)))
    await t.test('writes', (t) => askWrites(createAsk(t, server.port, check), databaseUrl))
    await t.test('accounts', (t) => askAccounts(createAsk(t, server.port, check), databaseUrl))
    await t.test('teams', (t) => askTeams(createAsk(t, server.port, check), databaseUrl))
    await t.test('team todos', (t) => askTeamTodos(createAsk(t, server.port, check), databaseUrl))
    await t.test('shares', (t) => askShares(createAsk(t, server.port, check)))
    await t.test('live updates', (t) =>
      askLive(t, createAsk(t, server.port, check), server.port, check),
    )
    await t.test('before routes', (t) => askAll(t, engine, server.port, check))
    await t.test('what is not described is not there', (t) => askOthers(t, server.port))
    await t.test('over the limit', (t) => askTooMuch(t, engine, databaseUrl, check))
    await t.test('without Postgres', (t) => askWithout(t, engine, check))

    // A fault of ours has no way to be asked for, nor have too many requests in flight: the tests of
    // the router, of pending.ts and of live.ts stage them. Those of mail have servers with other settings.
    const isStaged =
      /^(\w+ 50[01]|(login|listOwnInvitations) 403|(getPing|getIndex|getOpenApi|getAsyncApi|openWebSocket|getDocs|getProblem|getPage|getPageFile) 503)$/
    const isExpected =
      engine === 'node'
        ? isStaged
        : /^(\w+ (500|501|408|431)|(login|listOwnInvitations) 403|(getPing|getIndex|getOpenApi|getAsyncApi|openWebSocket|getDocs|getProblem|getPage|getPageFile) 503)$/
    t.same(
      check.unseen().filter((one) => !isExpected.test(one)),
      [],
      'every answer was seen',
    )
  })
}

const askReads = async (ask: Ask, t: Test, port: number, check: AnswerCheck) => {
  await ask('listTodos', 200, '/todos')
  await ask('listTodos', 200, '/todos?limit=10')
  const list = await ask('listTodos', 200, '/todos?limit=%31', { lines: [`Origin: ${page}`] })
  t.match(headerOf(list, 'X-Request-Id'), /./, 'not ready, so named')
  const tag = `If-None-Match: ${headerOf(await ask('listTodos', 200, '/todos?limit=2'), 'ETag')}`
  await ask('listTodos', 304, '/todos?limit=2', { lines: [tag] })
  await ask('listTodos', 400, '/todos?limit=0')
  await ask('listTodos', 406, '/todos?limit=2', { lines: ['Accept-Encoding: *;q=0'] })
  for (const limit of [10, 1_000]) {
    const after = `/todos?limit=${limit}&after=${cursorOf('/todos', longAgo)}`
    const end = await ask('listTodos', 200, after)
    t.equal(headerOf(end, 'Link'), undefined, 'nothing follows')
  }
  const next = linkOf(await ask('listTodos', 200, '/todos?limit=60'))
  const rest = await ask('listTodos', 200, next)
  t.equal((JSON.parse(rest.body) as object[]).length, 40)
  await ask('listTodos', 304, next, { lines: [`If-None-Match: ${headerOf(rest, 'ETag')}`] })
  await ask('listTodos', 200, next.replace('=60', '=3'))
  for (const [target, field] of [
    ['/todos?limit=10&after=x', 'after'],
    [`/todos?limit=10&after=${cursorOf('/api/todos', longAgo)}`, 'after'],
    [`${next}&after=x`, 'after'],
    [next.replace('limit=60&', ''), 'limit'],
  ] as const) {
    t.match(JSON.parse((await ask('listTodos', 400, target)).body), { field }, target)
  }
  for (const coding of ['gzip', 'br']) {
    // In the background, at the first request for it.
    const compressed = await eventually(
      () => askCompressed(port, coding),
      (answer) => headerOf(answer, 'content-encoding') === coding,
    )
    await t.test(coding, async (t) => check.check(t, 'listTodos', compressed))
  }

  const [{ id }] = JSON.parse(list.body) as [{ id: string }]
  const todo = await ask('readTodo', 200, `/todos/${id}`)
  const todoTag = headerOf(todo, 'ETag')
  for (const tags of [todoTag, `"x", W/${todoTag}`, '*']) {
    await ask('readTodo', 304, `/todos/${id}`, { lines: [`If-None-Match: ${tags}`] })
  }
  await ask('readTodo', 200, `/todos/${id}`, { lines: ['If-None-Match: "x"'] })
  await ask('readTodo', 400, '/todos/a.b')
  await ask('readTodo', 404, '/todos/none')

  await ask('getProblem', 404, '/docs/problems/none')
  await ask('getHealth', 200, '/health')
  await ask('getReady', 200, '/ready')
  await ask('getPing', 200, '/ping')
  for (const [operationId, target, accept] of [
    ['getIndex', '/', 'application/json'],
    ['getOpenApi', '/openapi.json', '*/*'],
    ['getDocs', '/docs', '*/*'],
    ['getProblem', '/docs/problems/no-such-todo', '*/*'],
  ] as const) {
    const accepts = `Accept: ${accept}`
    const answer = await ask(operationId, 200, target, { lines: [accepts] })
    const lines = [accepts, `If-None-Match: ${headerOf(answer, 'ETag')}`]
    await ask(operationId, 304, target, { lines })
    if (operationId === 'getIndex') {
      t.match(answer.body, '/docs')
      const browser = await ask('getIndex', 302, '/', { lines: ['Accept: text/html,*/*;q=0.8'] })
      t.equal(headerOf(browser, 'Location'), '/app')
    }
    if (operationId !== 'getOpenApi') continue
    const servers = [{ url: 'http://a' }]
    t.same(JSON.parse(answer.body), { ...document, servers }, 'what is tested')
  }
}

const askPage = async (ask: Ask) => {
  for (const [operationId, target, status] of [
    ['getPage', '/app', 200],
    ['getPageFile', '/app/todos/7', 200],
    ['getPageFile', '/app/assets/index-a1.js', 200],
    ['getPageFile', '/app/assets/none.js', 404],
  ] as const) {
    const answer = await ask(operationId, status, target)
    if (status === 404) continue
    const lines = [`If-None-Match: ${headerOf(answer, 'ETag')}`]
    await ask(operationId, 304, target, { lines })
    await ask(operationId, 406, target, { lines: ['Accept-Encoding: *;q=0'] })
  }
  await ask('getPageFile', 200, '/app/sw.js')
}

/** Decompressed by the client. */
const askCompressed = async (port: number, coding: string): Promise<Answer> => {
  const response = await fetch(`http://127.0.0.1:${port}/todos?limit=100`, {
    headers: { 'Accept-Encoding': coding },
  })
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`)
  return { status: response.status, head: ['', ...lines], body: await response.text() }
}

const askWrites = async (ask: Ask, databaseUrl: string) => {
  const ofTodos = operations.filter(({ operation }) =>
    /^(Todos|Personal todos)$/.test(operation.tags.join()),
  )
  for (const { method, path, operation } of ofTodos) {
    const { operationId, security, requestBody } = operation
    if (security.length === 0) continue
    const target = path.replaceAll(/\{\w+\}/g, 'none')
    const examples = Object.values(requestBody?.content ?? {})
      .flatMap(({ examples }) => Object.values(examples ?? {}))
      .map(({ value }) => value)
    const [body] = examples
    for (const lines of [[], ['Authorization: Basic YTpi'], [`${ann}x`]]) {
      await ask(operationId, 401, target, { lines, body })
    }
    if (method === 'get') continue
    const lines = [ann, 'Prefer: respond-async']
    if (body === undefined) await ask(operationId, 202, target, { lines })
    for (const value of examples) await ask(operationId, 202, target, { lines, body: value })
    if (body === undefined) continue
    await ask(operationId, 400, target, { lines, body: '{' })
    await ask(operationId, 400, target, { lines, body: { title: '', completed: 1 } })
    const large = { title: 'x'.padEnd(bodyBytesMax) }
    await ask(operationId, 413, target, { lines, body: large })
    const text = [ann, 'Content-Type: text/plain']
    await ask(operationId, 415, target, { lines: text, body })
    const gzip = [ann, 'Content-Encoding: gzip']
    await ask(operationId, 415, target, { lines: gzip, body })
  }

  const own = { lines: [ann, wait] }
  const others = { lines: [bearerOf('bob'), wait] }
  const made = await ask('createTodo', 201, '/todos', { ...own, body: { title: 'x' } })
  const target = `/todos/${idOf(made)}`
  await ask('updateTodo', 200, target, { ...own, body: { completed: true } })
  await ask('updateTodo', 403, target, { ...others, body: { title: 'y' } })
  await ask('updateTodo', 404, '/todos/none', { ...own, body: { title: 'y' } })
  await ask('updateTodo', 400, '/todos/a.b', { ...own, body: { title: 'y' } })
  await ask('patchTodo', 200, target, { ...own, body: { description: 'y' } })
  await ask('patchTodo', 403, target, { ...others, body: { title: 'y' } })
  await ask('patchTodo', 404, '/todos/none', { ...own, body: { title: 'y' } })
  await ask('patchTodo', 400, '/todos/a.b', { ...own, body: { title: 'y' } })
  const unmatched = { lines: [ann, wait, 'If-Match: "1"'] }
  await ask('updateTodo', 412, target, { ...unmatched, body: { title: 'y' } })
  await ask('patchTodo', 412, target, { ...unmatched, body: { title: 'y' } })
  await ask('deleteTodo', 412, target, unmatched)
  await ask('deleteTodo', 403, target, others)
  await ask('deleteTodo', 204, target, own)
  await ask('deleteTodo', 404, target, own)
  await ask('deleteTodo', 400, '/todos/a.b', own)

  const key = (value: string) => ({ lines: [ann, wait, `Idempotency-Key: ${value}`] })
  await ask('createTodo', 201, '/todos', { ...key('k'), body: { title: 'x' } })
  await ask('updateTodo', 422, '/todos/none', { ...key('k'), body: { title: 'y' } })
  await ask('patchTodo', 422, '/todos/none', { ...key('k'), body: { title: 'y' } })
  await ask('deleteTodo', 422, '/todos/none', key('k'))
  await ask('createTodo', 422, '/todos', { ...key('k'), body: { title: 'y' } })
  await ask('createTodo', 400, '/todos', { ...key('a b'), body: { title: 'x' } })
  const sql = connectPostgres({ url: databaseUrl, poolSize: 1 })
  for (const taken of ['taken', 'taken-too']) {
    await sql`
      INSERT INTO todos
      VALUES (${idFromKey('ann', taken)}, 'x', '', false, 'bob', now(), now(), 1)`
  }
  await sql.end()
  await ask('createTodo', 409, '/todos', { ...key('taken'), body: { title: 'x' } })
  await askPersonal(ask)
}

/** What is answered before it is known, or minded, which route it is for. */
const askAll = async (t: Test, engine: string, port: number, check: AnswerCheck) => {
  const ask = createAsk(t, port, check)
  for (const { path, operation } of operations) {
    // Ready lists mind no Host on uws; with another parameter a list is not ready.
    const target = `${path.replaceAll(/\{\w+\}/g, 'none')}?x=1`
    await ask(operation.operationId, 400, target, { host: 'a/b' })
    const preflight = [`Origin: ${page}`, 'Access-Control-Request-Method: PUT']
    for (const [lines, status] of [
      [preflight, 204],
      [[], 204],
    ] as const) {
      const options = [`OPTIONS ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')
      t.match(await exchange(port, options), [{ status }], `OPTIONS ${target}`)
    }
  }
  if (engine === 'uws') return // says them in its own way: see the table of engines/
  await Promise.all(
    operations.map(async ({ method, path, operation }) => {
      const start = `${method.toUpperCase()} ${path} HTTP/1.1\r\nHost: a\r\n`
      const [slow] = await exchange(port, start)
      const [large] = await exchange(port, `${start}X: ${'x'.repeat(17_000)}\r\n\r\n`)
      for (const [answer, status] of [
        [slow, 408],
        [large, 431],
      ] as const) {
        await t.test(`${operation.operationId} ${status}`, async (t) => {
          t.equal(answer?.status, status)
          if (answer) check.check(t, operation.operationId, answer)
        })
      }
    }),
  )
}

/** Other methods and other paths. */
const askOthers = async (t: Test, port: number) => {
  const faults = createFaults(document)
  const { Problem } = document.components.schemas
  const { paths } = document
  const checkProblem = (status: number, answer: Answer | undefined, isHead = false) => {
    t.equal(answer?.status, status, answer?.head[0] ?? 'an answer')
    if (!isHead && Problem) t.same(faults(Problem, JSON.parse(answer?.body ?? '')), [])
  }
  for (const [path, item] of Object.entries(paths)) {
    const described = Object.keys(item).map((method) => method.toUpperCase())
    const allowed = [...described, ...(described.includes('GET') ? ['HEAD'] : []), 'OPTIONS']
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE']) {
      if (allowed.includes(method)) continue
      const target = path.replaceAll(/\{\w+\}/g, 'none')
      const isHead = method === 'HEAD'
      const request = `${method} ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`
      const [answer] = await exchange(port, request, { isHead })
      checkProblem(405, answer, isHead)
      const allow = headerOf(answer, 'Allow')?.split(', ').sort()
      t.same(allow, allowed.sort(), `${method} ${path}`)
    }
  }
  for (const path of ['/todo', '/todos/', '/todos/a/b', '/openapi', '/docs/', '/metrics']) {
    t.notOk(path in paths)
    checkProblem(404, (await exchange(port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`))[0])
  }
}

/** Two lists, each with GET and HEAD, before the page; probes have a limit as large. */
const listsAsked = 4

const askTooMuch = async (t: Test, engine: string, databaseUrl: string, check: AnswerCheck) => {
  const server = await startServer({
    ...environmentOf(engine, databaseUrl),
    ...generousTimeouts,
    LIMIT_ADDRESS_BURST: '1',
    LIMIT_LIST_BURST: String(listsAsked),
    LIMIT_READ_BURST: '1',
    LIMIT_WRITE_BURST: '1',
    LIMIT_ADDRESS_REFILL_SEC: '86400',
    LIMIT_LIST_REFILL_SEC: '86400',
    LIMIT_READ_REFILL_SEC: '86400',
    LIMIT_USER_REQUESTS: '1',
    LIMIT_WRITE_REFILL_SEC: '86400',
    LIMIT_TIMEOUT_MS: '10000',
  })
  t.teardown(() => server.stop())
  // HEAD has what GET leaves: nothing.
  const first = await exchange(server.port, 'GET /ping HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal(first[0]?.status, 200)
  await exchange(server.port, 'GET /docs HTTP/1.1\r\nHost: a\r\n\r\n')
  await exchange(server.port, `GET /api/profile HTTP/1.1\r\nHost: a\r\n${ann}\r\n\r\n`)
  for (let i = 0; i < listsAsked; i++)
    await exchange(server.port, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n')
  const ask = createAsk(t, server.port, check)
  await ask('getHealth', 429, '/health')
  await ask('getReady', 429, '/ready')
  const body = { title: 'x' }
  await ask('createTodo', 202, '/todos', { lines: [ann], body })
  await ask('createTodo', 429, '/todos', { lines: [ann], body })
  await ask('updateTodo', 429, '/todos/a', { lines: [ann], body })
  await ask('patchTodo', 429, '/todos/a', { lines: [ann], body })
  await ask('deleteTodo', 429, '/todos/a', { lines: [ann] })
  await ask('getPing', 429, '/ping')
  await askAccountsOverLimit(ask)
  await askPersonalOverLimit(ask)
  await askTeamsOverLimit(ask)
  await askTeamTodosOverLimit(ask)
  await askSharesOverLimit(ask)
  await askLiveOverLimit(ask)
  await ask('readTodo', 429, '/todos/a')
  await ask('listTodos', 429, lastTarget)
  await ask('listTodos', 200, '/todos?limit=1')
  await ask('listTodos', 200, '/todos?limit=%31')
  await ask('getIndex', 429, '/')
  await ask('getPage', 429, '/app?x')
  await ask('getPageFile', 429, '/app/todos')
  await ask('getOpenApi', 429, '/openapi.json')
  await ask('getDocs', 429, '/docs')
  await ask('getProblem', 429, '/docs/problems/no-such-todo')
}

const askWithout = async (t: Test, engine: string, check: AnswerCheck) => {
  const postgres = await ownPostgres(t)
  await migrate(postgres.url, migrationsDirectory)
  const server = await startServer({
    ...environmentOf(engine, postgres.url),
    WRITE_IF_MATCH: 'required',
    PAGE_DIRECTORY: '/none',
  })
  t.teardown(() => server.stop())
  postgres.kill('SIGKILL')
  await postgres.exited
  const ask = createAsk(t, server.port, check)
  // Beside each other: each waits for the database as long as it may.
  await Promise.all([
    askTodosWithout(ask),
    askChangesWithout(ask),
    askPersonalWithout(ask),
    askAccountsWithout(ask),
    askTeamsWithout(ask),
    askTeamTodosWithout(ask),
    askSharesWithout(ask),
    askLiveWithout(ask),
  ])
  await ask('getReady', 503, '/ready')
  await ask('getPage', 404, '/app')
}

const askTodosWithout = async (ask: Ask) => {
  await ask('listTodos', 503, '/todos')
  await ask('listTodos', 503, lastTarget)
  await ask('readTodo', 503, '/todos/a')
  const body = { title: 'x' }
  await ask('createTodo', 503, '/todos', { lines: [ann], body })
  await ask('createTodo', 503, '/todos', { lines: [ann, 'Idempotency-Key: k'], body })
}

const askChangesWithout = async (ask: Ask) => {
  const body = { title: 'x' }
  await ask('updateTodo', 428, '/todos/a', { lines: [ann], body })
  await ask('patchTodo', 428, '/todos/a', { lines: [ann], body })
  await ask('deleteTodo', 428, '/todos/a', { lines: [ann] })
  const lines = [ann, wait, 'If-Match: "1"']
  await ask('updateTodo', 503, '/todos/a', { lines, body })
  await ask('patchTodo', 503, '/todos/a', { lines, body })
  await ask('deleteTodo', 503, '/todos/a', { lines })
}
