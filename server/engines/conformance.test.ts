// Every request of the table against both engines, wired as a server process is, on a real Postgres:
// the same status, the same headers of ours, the same bytes.

import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/jwt.ts'
import { freePort } from '../../scripts/services/ports.ts'
import { seed } from '../../scripts/seed.ts'
import { testConfig, testDatabase, testSecret, testTopic } from '../../scripts/testing.ts'
import { ensureCommandLog } from '../../lib/command-log/open.ts'
import { startFork } from '../fork.ts'
import { quiet } from '../../scripts/testing.ts'
import { conformanceCases, type Case } from './conformance-cases.ts'
import { selfTest } from './uws-self-test.ts'

type Answer = {
  readonly head: string[]
  readonly body: string
  readonly status: number | undefined
}

/** Engine headers: theirs to choose, not ours to compare. */
const isEngines = (line: string) => /^(date|connection|keep-alive|uwebsockets): /i.test(line)

const start = async (t: Test, engine: string, database: string): Promise<number> => {
  const port = await freePort()
  const config = testConfig({
    ...{ COMMAND_LOG: 'postgres', LIST_CACHE: 'postgres', DATABASE_URL: database },
    ...{ HTTP_ENGINE: engine, HTTP_HOST: '127.0.0.1', HTTP_PORT: String(port) },
    ...{ HTTP_PROCESSES: '1', KAFKA_TODO_TOPIC: testTopic(), HTTP_DRAIN_TIMEOUT_MS: '100' },
  })
  const fork = await startFork(config, await ensureCommandLog(config, quiet))
  t.teardown(() => fork.stop())
  return port
}

/** Sends bytes on a connection of their own; reads one answer, or more until `count`. */
const exchange = async (port: number, bytes: string | Buffer, count = 1, isHead = false) => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  let received = Buffer.alloc(0)
  const answers = () => split(received, isHead)
  const done = new Promise<void>((resolve) => {
    socket.on('close', () => resolve())
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (answers().length >= count) resolve()
    })
  })
  await once(socket, 'connect')
  socket.write(bytes)
  await done
  socket.destroy()
  return answers()
}

/** The answer to `next` on a connection that was asked for a HEAD before. */
const exchangeAfterHead = async (port: number, next: string): Promise<Answer | undefined> => {
  const head = next.replace('GET', 'HEAD')
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(head)
  const [first] = (await once(socket, 'data')) as [Buffer]
  socket.write(next)
  let received = Buffer.alloc(0)
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer])
    if (split(received, false).length > 0) break
  }
  return split(first, true).length === 1 ? split(received, false)[0] : undefined
}

/** The whole answers in a stream. */
const split = (stream: Buffer, isHead: boolean): Answer[] => {
  const answers: Answer[] = []
  for (let at = 0; at < stream.length;) {
    const end = stream.indexOf('\r\n\r\n', at)
    if (end === -1) break
    const head = stream.toString('latin1', at, end).split('\r\n')
    const length = head.find((line) => /^content-length: /i.test(line))?.slice(16)
    const bodyEnd = end + 4 + (isHead ? 0 : Number(length ?? 0))
    if (bodyEnd > stream.length) break
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head[0] ?? '')?.[1])
    answers.push({ head, body: stream.toString('utf8', end + 4, bodyEnd), status })
    at = bodyEnd
  }
  return answers
}

const checkCase = (t: Test, one: Case, answer: Answer | undefined) => {
  t.equal(answer?.status, one.status, 'status')
  if (!answer) return
  const lines = answer.head.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))
  for (const header of one.headers ?? []) t.ok(lines.includes(header), header)
  if (one.status === 401) t.ok(lines.some((line) => line.startsWith('www-authenticate: Bearer ')))
  if (one.status >= 400 && one.body !== '') {
    t.match(JSON.parse(answer.body), { type: 'about:blank', title: String, status: one.status })
  }
  if (typeof one.body === 'string') t.equal(answer.body, one.body)
  else if (one.body) t.match(JSON.parse(answer.body), one.body)
  if (one.status === 202) t.match(JSON.parse(answer.body), { id: /^[\w-]+$/, message: String })
}

/** Ids are new for each request. */
const comparable = ({ head, body }: Answer) => ({
  head: head.filter((line) => !isEngines(line)),
  body: body.replace(/"id":"[\w-]{30,}"/, '"id":"…"'),
})

void t.test('both engines answer the table alike', async (t) => {
  const database = await testDatabase(t)
  await seed({ databaseUrl: database, count: 25 }, () => {})
  const [node, uws] = [await start(t, 'node', database), await start(t, 'uws', database)]
  const [all] = await exchange(node, 'GET /todos HTTP/1.1\r\nHost: a\r\n\r\n')
  const todos = JSON.parse(all?.body ?? '') as object[]
  t.equal(todos.length, 25)
  t.same(Object.keys(todos[0] ?? {}), [
    ...['id', 'title', 'description', 'completed', 'user_id', 'created_at', 'updated_at'],
  ])
  const token = signToken(testSecret, 'ann', 600)
  const knownFaults = await selfTest()

  for (const one of conformanceCases(todos, token)) {
    await t.test(one.name, async (t) => {
      const [byNode] = await exchange(node, one.request, 1, one.isHead)
      checkCase(t, one, byNode)
      const [byUws] = await exchange(uws, one.request, 1, one.isHead)
      if (one.uws && knownFaults) {
        t.equal(byUws?.status, one.uws.status, `uws: ${one.uws.why}`)
        return
      }
      checkCase(t, one, byUws)
      if (byNode && byUws) t.same(comparable(byUws), comparable(byNode), 'byte for byte')
    })
  }

  for (const [name, port] of Object.entries({ node, uws })) {
    await t.test(
      `${name}: conditional, compressed, kept alive, pipelined and closed`,
      async (t) => {
        const get = (...headers: string[]) =>
          ['GET /todos?limit=25 HTTP/1.1', 'Host: a', ...headers, '', ''].join('\r\n')
        const header = (answer: Answer | undefined, start: string) =>
          answer?.head.find((line) => line.toLowerCase().startsWith(start))
        const [plain] = await exchange(port, get())
        const etag = header(plain, 'etag')?.slice(6) ?? ''
        const conditional = await exchange(port, get(`If-None-Match: "x", W/${etag}`) + get(), 2)
        t.match(conditional, [{ status: 304, body: '' }, { status: 200 }])
        t.equal(header(conditional[0], 'etag'), header(plain, 'etag'))

        const pair = await exchange(port, get() + get().replace('limit=25', 'limit=1'), 2)
        t.same(
          pair.map(({ body }) => (JSON.parse(body) as object[]).length),
          [25, 1],
          'answered in order',
        )
        const headFirst = await exchangeAfterHead(port, get())
        t.equal(headFirst?.status, 200, 'a HEAD leaves the connection in order')
        const closed = await exchange(port, get('Connection: close') + get(), 2)
        // uWS answers what it has read already; both close.
        if (name === 'node') t.equal(closed.length, 1, 'what follows a close is not answered')
        t.equal(closed[0]?.status, 200)
      },
    )
  }
})
