// A draining engine: what it answers, what it leaves undone and says so, and that nobody can hold it.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePort, loopback } from '../../../scripts/stack/ports.ts'
import { get, startSteadyClients } from '../../../testing/steady-clients.ts'
import { eventually } from '../../../testing/eventually.ts'
import { silentLog, testConfig } from '../../../testing/settings.ts'
import {
  engineNames,
  headerOf,
  open,
  patientSettings,
  read,
  type EngineName,
} from '../../../testing/engines/harness.ts'
import { httpPortOf, openListeningSockets } from '../../process/listening-sockets.ts'
import { createReady, createReply, type App, type BoundSocket } from './engine.ts'
import { createNodeEngine } from './node/node-http.ts'
import { createUwsEngine } from './uws/uws.ts'

const small = createReady(createReply(200, ['Content-Type', 'text/plain'], 'small'))
const large = createReady(createReply(200, [], Buffer.alloc(16_000_000, 'x')))

const settings = { ...patientSettings, writeStallTimeoutMs: 600_000 }

/** An application that remembers what it was asked, and answers /slow when it is told to. */
const serve = async (
  t: Test,
  name: EngineName,
  port?: number,
  sockets?: readonly BoundSocket[],
) => {
  const handled: string[] = []
  const looked: string[] = []
  let answerSlow = () => {}
  const slow = new Promise<void>((resolve) => (answerSlow = resolve))
  const app: App = {
    ready: (target) => {
      looked.push(target)
      return target === '/small' ? () => small : target === '/large' ? () => large : undefined
    },
    async handle(request) {
      handled.push(`${request.method} ${request.path}`)
      const body = await request.body(1_000_000)
      if (request.path === '/slow') await slow
      if (request.path === '/large') return large
      return createReply(200, [], `${request.path} ${body.kind}`)
    },
  }
  const engine =
    name === 'node'
      ? createNodeEngine(app, settings)
      : await createUwsEngine(app, settings, silentLog)
  port ??= await freePort()
  await engine.listen(loopback, port, sockets)
  let isDrained = false
  let drained: Promise<void> | undefined
  const drain = (timeoutMs: number, idleMs?: number) => {
    drained = engine.drain(timeoutMs, idleMs).then(() => {
      isDrained = true
    })
    return drained
  }
  t.teardown(() => drained ?? drain(0))
  return { port, handled, looked, drain, answerSlow, isDrained: () => isDrained }
}

const plain = (target: string) => get(target).bytes
const post = (target: string, body: string, length = body.length) =>
  `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`

const refused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, loopback)
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', () => resolve(true))
  })

const untilClosed = (socket: Socket) =>
  socket.closed ? Promise.resolve() : once(socket, 'close').then(() => {})

for (const engine of engineNames) {
  void t.test(
    `${engine}: a request in flight is answered, and its connection closed`,
    async (t) => {
      const { port, drain, answerSlow, isDrained } = await serve(t, engine)
      const [busy, kept] = [await open(port), await open(port)]
      busy.write(post('/slow', 'x'))
      kept.write(plain('/small'))
      t.match(await read(kept), [{ status: 200 }])
      const drained = drain(20_000, 20_000)
      await eventually(
        () => refused(port),
        (is) => is,
      )
      t.equal(isDrained(), false)
      const answer = read(busy)
      answerSlow()
      const [slow] = await answer
      t.match(slow, { status: 200, body: '/slow read' })
      t.match(headerOf(slow, 'Connection'), 'close')
      await untilClosed(busy)
      await delay(100)

      kept.write(plain('/small'))
      const [last] = await read(kept)
      t.match(last, { status: 200, body: 'small' }, 'an idle connection is answered once more')
      t.match(headerOf(last, 'Connection'), 'close')
      await untilClosed(kept)
      await drained
    },
  )

  void t.test(`${engine}: idle connections are closed after their time`, async (t) => {
    const { port, drain } = await serve(t, engine)
    const [used, silent] = [await open(port), await open(port)]
    used.write(plain('/small') + plain('/odd'))
    t.equal((await read(used, { count: 2 })).length, 2)
    await drain(20_000, 100)
    await Promise.all([untilClosed(used), untilClosed(silent)])
    t.pass('and the drain is over')
  })

  void t.test(
    `${engine}: an idle client that never closes its half does not hold it`,
    async (t) => {
      const { port, drain } = await serve(t, engine)
      // As browsers do: they keep a connection that the server has closed until they need it again.
      const lazy = connect({ port, host: loopback, allowHalfOpen: true })
      t.teardown(() => lazy.destroy())
      lazy.on('error', () => {})
      await once(lazy, 'connect')
      lazy.write(plain('/small'))
      await once(lazy, 'data')
      const ended = once(lazy, 'end')
      await drain(600_000)
      await ended
      t.pass('long before the timeout')
    },
  )

  void t.test(`${engine}: nobody holds the drain beyond its timeout`, async (t) => {
    const { port, drain } = await serve(t, engine)
    const bytes = {
      'never reads': plain('/large').repeat(5),
      'half a request': 'GET /small HT',
      'half a body': post('/odd', 'half', 1_000),
      'never answered': post('/slow', 'x'),
      silent: '',
    }
    const sockets = await Promise.all(
      Object.values(bytes).map(async (text) => {
        const socket = await open(port)
        socket.pause()
        socket.write(text)
        return socket
      }),
    )
    // It closes its half only: it reads on to what is already in its kernel.
    t.teardown(() => sockets.forEach((socket) => socket.destroy()))
    await delay(100)
    await drain(300, 100)
    t.ok(await refused(port))
    for (const socket of sockets) socket.resume()
    await Promise.all(sockets.map(untilClosed))
  })

  for (const target of ['/large', '/large?by=handler']) {
    void t.test(`${engine}: the drain waits for ${target} to be read`, async (t) => {
      const { port, drain, handled, looked } = await serve(t, engine)
      const socket = await open(port)
      socket.pause()
      socket.write(plain(target))
      await eventually(
        () => (target === '/large' ? looked : handled).length,
        (count) => count === 1,
      )
      const drained = drain(20_000, engine === 'node' ? 100 : 20_000)
      await delay(300)
      const [answer] = await read(socket.resume())
      t.equal(answer?.body.length, large.body.length)
      socket.end()
      await drained
    })
  }
}

void t.test('node: all that was parsed is answered, the close is in the last answer', async (t) => {
  const targets = ['/small', '/odd', '/small', '/odd', '/odd']
  for (const [name, requests] of Object.entries({
    'the fast path': plain('/small').repeat(5),
    'its parser, ready answers':
      plain('/small').repeat(4) + plain('/large').replace('large', 'small?'),
    'its parser': targets.map(plain).join(''),
    'with bodies': ['a', 'b', 'c', 'd', 'e'].map((path) => post(`/${path}`, 'body')).join(''),
  })) {
    await t.test(name, async (t) => {
      const { port, drain } = await serve(t, 'node')
      const socket = await open(port)
      const drained = drain(20_000, 20_000)
      socket.write(requests)
      const answers = await read(socket, { count: 6 })
      t.equal(answers.length, 5)
      const last = answers.pop()
      for (const answer of answers) t.not(headerOf(answer, 'Connection'), 'close')
      t.equal(headerOf(last, 'Connection'), 'close')
      await drained
    })
  }
})

void t.test('node: what comes behind an announced close has no effect', async (t) => {
  const { port, drain, handled, answerSlow } = await serve(t, 'node')
  const socket = await open(port)
  socket.write(post('/slow', 'x'))
  await eventually(
    () => handled.length,
    (count) => count === 1,
  )
  const drained = drain(20_000, 20_000)
  // Answered before the first one is, and behind it: it says close, and is the last.
  socket.write(post('/quick', 'x'))
  await eventually(
    () => handled.length,
    (count) => count === 2,
  )
  await delay(50)
  socket.write(post('/late', 'x').repeat(3))
  await delay(50)
  const answers = read(socket, { count: 3 })
  answerSlow()
  t.match(await answers, [{ body: '/slow read' }, { body: '/quick read' }])
  await drained
  t.same(handled, ['POST /slow', 'POST /quick'])
})

void t.test('node: the last answer arrives, however much is sent behind it', async (t) => {
  for (const target of ['/small', '/odd']) {
    const { port, drain } = await serve(t, 'node')
    const socket = await open(port)
    let failed: Error | undefined
    socket.on('error', (error) => (failed = error))
    socket.write(plain(target))
    t.match(await read(socket), [{ status: 200 }])
    const drained = drain(600_000, 600_000)
    let received = ''
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
    const ended = once(socket, 'end')
    // More than the kernel's buffers take: unread when the connection is closed, it would reset it.
    for (let i = 0; i < 20 && socket.writable; i++) socket.write(plain(target).repeat(2_000))
    await ended
    const [before, last, ...more] = received.split('Connection: close\r\n')
    t.ok(before)
    t.equal(last, target === '/small' ? '\r\nsmall' : '\r\n/odd read')
    t.same(more, [])
    await drained
    t.equal(failed, undefined)
  }
})

for (const engine of engineNames) {
  void t.test(`${engine}: those who are about to be accepted are answered`, async (t) => {
    // Two on one port, as two processes are.
    const sockets = await openListeningSockets(
      httpPortOf(
        testConfig({
          HTTP_ENGINE: engine,
          HTTP_HOST: loopback,
          HTTP_PORT: '0',
          HTTP_PROCESSES: '2',
        }),
      ),
    )
    t.teardown(sockets.close)
    const port = sockets.portOf(0)
    const { drain } = await serve(t, engine, port, sockets.of(0))
    await serve(t, engine, port, sockets.of(1))
    const clients = Array.from({ length: 200 }, () => connect(port, loopback))
    const answered = clients.map(
      (socket) =>
        new Promise<string>((resolve) => {
          socket.on('connect', () => socket.write(plain('/small')))
          socket.on('data', () => resolve('answered'))
          socket.on('error', (error) => resolve(error.message))
          socket.on('close', () => resolve('closed'))
        }),
    )
    await new Promise((resolve) => process.nextTick(resolve)) // node connects in the next tick
    // They are in the kernel's queues, and this loop has not seen one: closed at once, those in this
    // one's are reset.
    const drained = drain(20_000, 20_000)
    const outcomes = await Promise.all(answered)
    t.same(new Set(outcomes), new Set(['answered']))
    for (const client of clients) client.destroy()
    await drained
  })
}

void t.test('uws: known: a write pipelined behind an announced close is carried out', async (t) => {
  const { port, drain, handled } = await serve(t, 'uws')
  const socket = await open(port)
  const drained = drain(20_000, 20_000)
  await eventually(
    () => refused(port),
    (is) => is,
  )
  socket.write(plain('/small') + post('/behind', 'x'))
  const [first] = await read(socket)
  t.equal(headerOf(first, 'Connection'), 'close')
  socket.end()
  await drained
  t.same(handled, ['POST /behind'])
})

for (const engine of engineNames) {
  void t.test(`${engine}: a drain under load loses no request`, async (t) => {
    const { port, drain } = await serve(t, engine)
    const client = (name: string, depth: number, target: string) => ({
      name,
      depth,
      pauseMs: 1,
      next: () => get(target),
    })
    const clients = startSteadyClients(port, [
      ...Array.from({ length: 20 }, () => client('keep-alive', 1, '/small')),
      ...Array.from({ length: 5 }, () => client('pipelined', 8, '/small')),
      // uWebSockets.js closes a connection with two of these.
      ...Array.from({ length: 5 }, () => client('handled', engine === 'node' ? 4 : 1, '/odd')),
      ...Array.from({ length: 5 }, () => client('handled, one by one', 1, '/odd')),
    ])
    await eventually(clients.answered, (count) => count > 1_000)
    const stopped = drain(20_000, 20_000)
    await eventually(clients.closed, (count) => count >= 35)
    const { failures } = clients
    // The others are refused from here on: nobody else listens.
    const lost = failures.filter(({ reason }) => !reason.includes('ECONNREFUSED'))
    t.same(lost, [])
    await clients.stop()
    await stopped
  })
}
