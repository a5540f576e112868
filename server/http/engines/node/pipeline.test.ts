// What one connection may have unanswered, and all of them together, however much they pipeline: every
// request is answered once, in order, and nobody waits for another's pipeline.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { eventually } from '../../../../testing/eventually.ts'
import { patientSettings } from '../../../../testing/engines/harness.ts'
import { createReply, type App, type EngineSettings } from '../engine.ts'
import { createNodeEngine } from './node-http.ts'
import { endOfHead } from './pipeline.ts'
import { freePort } from '../../../../scripts/stack/ports.ts'

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
const many = <T>(count: number, of: (i: number) => T): T[] =>
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

void t.test('behind a refusal requests are read one at a time, and all are answered', async (t) => {
  let atOnce = 0
  let answered = 0
  const depths: number[] = []
  const app: App = {
    ready: () => undefined,
    async handle(request) {
      atOnce++
      // Long after the first refusal, and those that were read before it.
      if (answered > 40) depths.push(atOnce)
      await delay(1)
      atOnce--
      // The first ten pass, and the last two again.
      const isRefused = ++answered > 10 && !request.path.startsWith('/last')
      return createReply(isRefused ? 429 : 200, [], `<${request.path}>`)
    },
  }
  const port = await listen(t, app, { pipelineMax: 10 })
  const { socket, text } = await open(t, port)
  const paths = [...many(60, (i) => `/${i}`), '/last-1', '/last-2']
  socket.write(paths.map(get).join(''))
  await eventually(text, (received) => received.includes('</last-2>'))
  t.same(
    bodiesIn(text()),
    paths.map((path) => `<${path}>`),
  )
  t.equal(Math.max(...depths), 1)
})

void t.test('after a refusal each other answer lets one more be read', async (t) => {
  const waiting: ((status: number) => void)[] = []
  const app: App = {
    ready: () => undefined,
    handle: ({ path }) =>
      new Promise((resolve) => {
        waiting.push((status) => resolve(createReply(status, [], `<${path}>`)))
      }),
  }
  const port = await listen(t, app, { pipelineMax: 3 })
  const { socket, text } = await open(t, port)
  const paths = many(20, (i) => `/${i}`)
  socket.write(paths.map(get).join(''))
  // What may be read is read in one turn: no number is one on the way to another.
  const comesTo = (count: number) =>
    eventually(
      () => waiting.length,
      (found) => found === count,
    )
  const answer = (status: number) => waiting.shift()?.(status)
  await comesTo(3)
  for (const status of [200, 200, 429]) answer(status)
  await comesTo(1)
  answer(200)
  await comesTo(2)
  answer(200)
  await comesTo(3)
  answer(200)
  await comesTo(3)
  await eventually(
    () => {
      answer(200)
      return bodiesIn(text()).length
    },
    (count) => count === paths.length,
  )
  t.same(
    bodiesIn(text()),
    paths.map((path) => `<${path}>`),
  )
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

void t.test(
  'Upgrade is ignored however the packets are cut, with a body and without',
  async (t) => {
    const slow = createSlowApp()
    const port = await listen(t, slow.app, {})
    slow.answerAll()
    const asks = 'Connection: upgrade\r\nUpgrade: h2c\r\n'
    for (const [name, first, answer] of [
      ['no body', `GET /u HTTP/1.1\r\nHost: a\r\n${asks}\r\n`, '</u>'],
      ['a body', post('/u', 'hello').replace('Host', `${asks}Host`), '</u hello>'],
      [
        'chunks',
        `POST /u HTTP/1.1\r\nHost: a\r\n${asks}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
        '</u hello>',
      ],
    ] as const) {
      const stream = first + post('/v', 'z') + get('/w')
      const received = await Promise.all(
        many(first.length, async (at) => {
          const { socket, text } = await open(t, port)
          socket.setNoDelay(true)
          if (at > 0) socket.write(stream.slice(0, at))
          await delay(5)
          socket.write(stream.slice(at))
          const bodies = await eventually(
            () => bodiesIn(text()),
            (found) => found.length === 3,
          ).catch(() => bodiesIn(text()))
          socket.destroy()
          return bodies
        }),
      )
      const lost = received.flatMap((bodies, at) => (bodies.length === 3 ? [] : [at]))
      t.same(lost, [], `${name}: every cut is answered`)
      t.ok(
        received.every((bodies) => bodies.join() === `${answer},</v z>,</w>`),
        name,
      )
    }
  },
)

void t.test('empty lines cost what they are long', (t) => {
  // Each was once looked for to the end of what had come: 20 s for these, where 20 ms will do.
  const boundMs = 5_000
  const startedMs = performance.now()
  for (const line of ['\n', '\r\n', 'ab\n\n', 'ab\n\r\n']) {
    let left = Buffer.alloc(128 * 1024, line)
    while (left.length > 0 && performance.now() - startedMs < boundMs) {
      const end = endOfHead(left)
      left = left.subarray(end === -1 ? left.length : end)
    }
    t.equal(left.length, 0, JSON.stringify(line))
  }
  t.end()
})

/** Sends one more request for each answer, so that some are always unanswered; how many were answered. */
const keepAsking = async (t: Test, port: number, depth: number, path = '/x') => {
  const client = await open(t, port)
  let answered = 0
  let isClosed = false
  let saidClose = false
  let seam = ''
  client.socket.on('data', (chunk: Buffer) => {
    const received = seam + chunk.toString('latin1')
    const heads = received.match(/HTTP\/1\.1 200/g)?.length ?? 0
    saidClose ||= received.includes('Connection: close')
    seam = received.slice(-20).replaceAll('HTTP/1.1 200', '')
    answered += heads
    if (!saidClose) client.socket.write(get(path).repeat(heads))
  })
  client.socket.on('close', () => (isClosed = true))
  client.socket.write(get(path).repeat(depth))
  return {
    answered: () => answered,
    isClosed: () => isClosed,
    saidClose: () => saidClose,
    stop: () => client.socket.destroy(),
  }
}

void t.test('who always has requests on the way, and reads every answer, is not cut', async (t) => {
  // Of three that wait the second is answered first, then the first, and the third is left.
  const waiting = new Map<string, (() => void)[]>()
  const app: App = {
    ready: () => undefined,
    async handle({ path }) {
      await new Promise<void>((resolve) => {
        const [first, second] = waiting.get(path) ?? []
        waiting.set(path, second ? [resolve] : [...(waiting.get(path) ?? []), resolve])
        second?.()
        if (second && first) setImmediate(first)
      })
      return createReply(200, [], Buffer.alloc(32 * 1024, 'x'))
    },
  }
  const port = await listen(t, app, { unsentBytesMax: 1_000_000 })
  const clients = await Promise.all(many(4, (i) => keepAsking(t, port, 3, `/${i}`)))
  await eventually(
    () => clients.map((client) => client.isClosed() || client.answered() > 200),
    (each) => each.every(Boolean),
  )
  t.same(
    clients.map((client) => client.isClosed()),
    [false, false, false, false],
  )
  for (const client of clients) client.stop()
})

void t.test('draining, who always has requests on the way is told of the close', async (t) => {
  for (const depth of [4, 100]) {
    let begun = 0
    const app: App = {
      ready: () => undefined,
      handle: () => delay(1 + (begun++ % 5)).then(() => createReply(200, [], 'x')),
    }
    const engine = createNodeEngine(app, { ...patientSettings, pipelineMax: 16 })
    const port = await freePort()
    await engine.listen('127.0.0.1', port)
    const client = await keepAsking(t, port, depth)
    await eventually(client.answered, (count) => count > depth * 2)
    const startedMs = performance.now()
    // Milliseconds. Whoever waits in vain waits for all of `idleMs`, which no loaded machine takes.
    const idleMs = 30_000
    await engine.drain(2 * idleMs, idleMs)
    t.ok(client.saidClose(), `${depth}: the last answer says so`)
    t.ok(performance.now() - startedMs < idleMs, `${depth}: nothing was waited for in vain`)
  }
})
