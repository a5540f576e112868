// What one connection may have unanswered, and all of them together, however much they pipeline: every
// request is answered once, in order, and nobody waits for another's pipeline.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { eventually } from '../../scripts/testing.ts'
import { patientSettings } from './conformance-harness.ts'
import { createReply, type App, type EngineSettings } from './engine.ts'
import { createNodeEngine } from './node-http.ts'
import { freePort } from '../../scripts/services/ports.ts'

/** Answers with the request's path when it is let to, and knows how many wait for that. */
const createSlowApp = () => {
  const waiting: (() => void)[] = []
  let highest = 0
  let isOpen = false
  const app: App = {
    ready: () => undefined,
    async handle(request) {
      const body = request.method === 'POST' ? await request.body(1_000) : undefined
      if (!isOpen) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          highest = Math.max(highest, waiting.length)
        })
      } else await new Promise<void>((resolve) => setImmediate(resolve))
      const text = body?.kind === 'read' ? ` ${body.bytes.toString()}` : ''
      return createReply(200, [], `<${request.path}${text}>`)
    },
  }
  return {
    app,
    waiting,
    highest: () => highest,
    answerAll() {
      isOpen = true
      for (const answer of waiting.splice(0)) answer()
    },
  }
}

const listen = async (t: Test, app: App, settings: Partial<EngineSettings>) => {
  const engine = createNodeEngine(app, { ...patientSettings, ...settings })
  const port = await freePort()
  await engine.listen('127.0.0.1', port)
  t.teardown(() => engine.drain(100))
  return port
}

type Client = {
  readonly socket: Socket
  readonly text: () => string
  /** The end of it. */
  readonly tail: () => string
}

const open = async (t: Test, port: number): Promise<Client> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  return {
    socket,
    text: () => Buffer.concat(chunks).toString('latin1'),
    tail: () => Buffer.concat(chunks.slice(-2)).toString('latin1'),
  }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
const post = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const bodiesIn = (text: string) => text.match(/<[^>]*>/g) ?? []
const many = (count: number, of: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => of(i))

void t.test('4 MB of pipelined reads: few are begun, all are answered in order', async (t) => {
  const slow = createSlowApp()
  const port = await listen(t, slow.app, { pipelineMax: 64 })
  const { socket, text, tail } = await open(t, port)
  const paths = many(100_000, (i) => `/todos/${i}`)
  socket.write(`${paths.map(get).join('')}${post('/last', 'x')}`)
  await eventually(
    () => slow.waiting.length,
    (count) => count === 64,
  )
  const other = await open(t, port)
  other.socket.write(get('/other'))
  await eventually(
    () => slow.waiting.length,
    (count) => count === 65,
  )
  t.equal(slow.highest(), 65)
  slow.answerAll()
  await eventually(tail, (received) => received.includes('</last x>'))
  t.same(bodiesIn(text()), [...paths.map((path) => `<${path}>`), '</last x>'])
  t.same(bodiesIn(other.text()), ['</other>'])
})

void t.test('past the bound of all, each connection has one', async (t) => {
  const slow = createSlowApp()
  const port = await listen(t, slow.app, { pipelineMax: 10, pendingMax: 15 })
  const first = await open(t, port)
  first.socket.write(many(100, (i) => get(`/a${i}`)).join(''))
  await eventually(
    () => slow.waiting.length,
    (count) => count === 10,
  )
  const second = await open(t, port)
  second.socket.write(many(100, (i) => get(`/b${i}`)).join(''))
  await eventually(
    () => slow.waiting.length,
    (count) => count === 15,
  )
  const third = await open(t, port)
  third.socket.write(many(100, (i) => get(`/c${i}`)).join(''))
  await eventually(
    () => slow.waiting.length,
    (count) => count === 16,
  )
  t.equal(slow.highest(), 16)
  slow.answerAll()
  for (const [{ text }, name] of [
    [first, 'a'],
    [second, 'b'],
    [third, 'c'],
  ] as const) {
    await eventually(
      () => bodiesIn(text()).length,
      (count) => count === 100,
    )
    t.same(
      bodiesIn(text()),
      many(100, (i) => `</${name}${i}>`),
    )
  }
})

void t.test('what stands behind a bound is what it would be without one', async (t) => {
  for (const [name, last, answer] of [
    ['a write with a body in several packets', post('/w', 'y'.repeat(900)), /<\/w y{900}>$/],
    ['what is not HTTP', 'this is not HTTP\r\n\r\n', /HTTP\/1\.1 400 /],
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', /HTTP\/1\.1 501 /],
    [
      'Upgrade, which is ignored',
      'GET /u HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n' + post('/v', 'z'),
      /<\/u>[^<]*<\/v z>$/,
    ],
    ['half a request, and the end', 'GET /half HT', /HTTP\/1\.1 400 /],
  ] as const) {
    const slow = createSlowApp()
    const port = await listen(t, slow.app, { pipelineMax: 3 })
    const { socket, text } = await open(t, port)
    socket.write(many(20, (i) => get(`/${i}`)).join('') + last)
    if (name.startsWith('half')) socket.end()
    await eventually(
      () => slow.waiting.length,
      (count) => count === 3,
    )
    slow.answerAll()
    await eventually(text, (received) => answer.test(received))
    t.same(
      bodiesIn(text()).slice(0, 20),
      many(20, (i) => `</${i}>`),
      name,
    )
  }
})
