// What no well-behaved client sends: each ends its connection at most, and others are served as before.
// Deadlines, bounds and the end of the server, too.

import { EventEmitter, once } from 'node:events'
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { status as codes } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { eventually } from '../../testing/eventually.ts'
import { grpcClient, loopback, serveGrpc } from '../../testing/grpc.ts'
import { seeded } from '../../testing/seeded.ts'
import { createReply, createStreamed, type App } from '../http/engines/engine.ts'

const empty: App['handle'] = () => createReply(200, ['Content-Type', 'application/json'], '[]')
const never: App['handle'] = () => new Promise(() => {})
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
const list = 'todos.v1.TodoService/ListTodos'

const session = async (t: Test, port: number): Promise<ClientHttp2Session> => {
  const client = connectHttp2(`http://${loopback}:${port}`)
  client.on('error', () => {})
  t.teardown(() => client.destroy())
  await once(client, 'connect')
  return client
}

const begin = (client: ClientHttp2Session, headers: Record<string, string> = {}) => {
  const stream = client.request({
    ':method': 'POST',
    ':path': `/${list}`,
    'content-type': 'application/grpc',
    ...headers,
  })
  stream.on('error', () => {})
  return stream
}

const isServed = async (t: Test, port: number) =>
  t.match(await grpcClient(t, port)(list, { limit: 1 }), { kind: 'ok' }, 'others are served')

t.test('bytes that are nothing', async (t) => {
  const { port } = await serveGrpc(t, empty)
  const { below } = seeded(t)
  const noise = (length: number) => Buffer.from(Array.from({ length }, () => below(256)))
  const openings = [
    Buffer.alloc(0),
    Buffer.from('P'),
    Buffer.from('PRI'),
    Buffer.from('POST / HTTP/1.1\r\nHost: a b\r\n\r\n'),
    preface,
    Buffer.concat([preface, emptySettings]),
  ]
  for (const opening of openings) {
    for (let i = 0; i < 10; i++) {
      const socket = connect(port, loopback)
      socket.on('error', () => {})
      socket.end(Buffer.concat([opening, noise(1 + below(400))]))
      socket.resume()
      await once(socket, 'close')
    }
  }
  await isServed(t, port)
})

t.test('a head without a host, or with one that is none', async (t) => {
  const { port } = await serveGrpc(t, empty)
  const client = await session(t, port)
  for (const authority of ['', 'a b', '[', '%']) {
    const stream = begin(client, { ':authority': authority })
    stream.end()
    await new Promise((resolve) => stream.once('close', resolve))
  }
  const socket = connect(port, loopback)
  socket.end(`POST /${list} HTTP/1.0\r\nContent-Type: application/json\r\n\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.match(String(answer), /^HTTP\/1\.1 400 /)
  await isServed(t, port)
})

t.test('a message that is none', async (t) => {
  const { port } = await serveGrpc(t, empty)
  const client = await session(t, port)
  for (const [what, bytes, code] of [
    ['nothing', [], codes.INVALID_ARGUMENT],
    ['half a prefix', [0, 0], codes.INVALID_ARGUMENT],
    ['less than it says', [0, 0, 0, 0, 9, 8, 1], codes.INVALID_ARGUMENT],
    ['two messages', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], codes.INVALID_ARGUMENT],
    ['a compressed one', [1, 0, 0, 0, 0], codes.UNIMPLEMENTED],
    ['one of another kind', [0, 0, 0, 0, 2, 255, 255], codes.INVALID_ARGUMENT],
  ] as const) {
    const stream = begin(client)
    stream.end(Buffer.from(bytes))
    stream.resume()
    const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>]
    t.equal(trailers['grpc-status'], String(code), what)
  }
  const late = begin(client, { 'grpc-timeout': 'soon' })
  late.end(Buffer.from([0, 0, 0, 0, 0]))
  late.resume()
  const [trailers] = (await once(late, 'trailers')) as [Record<string, string>]
  t.equal(trailers['grpc-status'], String(codes.INVALID_ARGUMENT), 'a deadline that is none')
})

t.test('streams that are reset as soon as they are begun', async (t) => {
  let handled = 0
  const { port } = await serveGrpc(t, () => {
    handled++
    return new Promise(() => {})
  })
  const client = await session(t, port)
  const gone = once(client, 'goaway')
  for (let i = 0; i < 2_000 && !client.destroyed; i++) {
    const stream = begin(client)
    stream.end(Buffer.from([0, 0, 0, 0, 0]))
    stream.close(constants.NGHTTP2_CANCEL)
    if (i % 50 === 0) await new Promise(setImmediate)
  }
  await gone
  t.ok(handled < 1_000, `${handled} of 2,000 were handled until the connection ended`)
})

t.test('PINGs without end', async (t) => {
  const { port } = await serveGrpc(t, empty)
  const client = await session(t, port)
  const gone = once(client, 'goaway') as Promise<[number]>
  for (let i = 0; i < 300 && !client.destroyed; i++) {
    await new Promise((resolve) => client.ping(resolve) || resolve(undefined))
  }
  t.equal((await gone)[0], constants.NGHTTP2_ENHANCE_YOUR_CALM)
  await isServed(t, port)
})

t.test('more metadata, more calls and larger messages than may be', async (t) => {
  const { port } = await serveGrpc(t, never, { headerBytesMax: 8_192, streamsMax: 3 })
  const call = grpcClient(t, port)
  const large = await call(list, {}, { metadata: { authorization: 'x'.repeat(20_000) } })
  t.equal(large.kind, 'error', 'metadata')
  t.match(await call(list, { after: 'x'.repeat(70_000) }), {
    error: { code: codes.RESOURCE_EXHAUSTED },
  })
  const client = await session(t, port)
  await once(client, 'remoteSettings').catch(() => {})
  t.equal(client.remoteSettings.maxConcurrentStreams, 3)
  t.equal(client.remoteSettings.maxHeaderListSize, 8_192)
})

t.test('more connections than may be, and one that never says what it is', async (t) => {
  const { port, listener } = await serveGrpc(t, empty, {
    connectionsMax: 2,
    headersTimeoutMs: 50,
  })
  await session(t, port)
  await session(t, port)
  const third = connect(port, loopback)
  third.on('error', () => {})
  await once(third, 'close')
  t.equal(listener.connections(), 2)
  const silent = await serveGrpc(t, empty, { headersTimeoutMs: 50 })
  const socket = connect(silent.port, loopback)
  socket.on('error', () => {})
  socket.write('PR')
  await once(socket, 'close')
})

t.test('a client that is idle, or gone without a word', async (t) => {
  const idle = await serveGrpc(t, empty, { idleTimeoutMs: 1 })
  await once(await session(t, idle.port), 'close')
  const dead = await serveGrpc(t, empty, { keepAliveIntervalMs: 1, keepAliveTimeoutMs: 1 })
  const socket = connect(dead.port, loopback)
  socket.write(Buffer.concat([preface, emptySettings]))
  socket.resume()
  await once(socket, 'close')
})

t.test('a client that does not read its answers', async (t) => {
  const body = JSON.stringify(
    Array.from({ length: 500 }, (_, i) => ({ id: String(i), description: 'x'.repeat(2_000) })),
  )
  const { port, listener } = await serveGrpc(t, () => createReply(200, [], body), {
    unsentBytesMax: 2_000_000,
  })
  const client = await session(t, port)
  for (let i = 0; i < 10; i++) begin(client).end(Buffer.from([0, 0, 0, 0, 2, 8, 1]))
  await eventually(
    () => Promise.resolve(listener.connections()),
    (open) => open === 0,
  )
  await isServed(t, port)
})

t.test('a deadline ends the wait', async (t) => {
  const { port } = await serveGrpc(t, never)
  t.match(await grpcClient(t, port)(list, { limit: 1 }, { deadlineMs: 50 }), {
    error: { code: codes.DEADLINE_EXCEEDED },
  })
})

t.test('at its end the server answers what is in flight, and takes nothing new', async (t) => {
  let answer = () => {}
  const asked = new EventEmitter()
  const { port, listener } = await serveGrpc(t, () => {
    asked.emit('call')
    return new Promise((resolve) => {
      answer = () => resolve(createReply(200, [], '[]'))
    })
  })
  const begun = once(asked, 'call')
  const pending = grpcClient(t, port)(list, { limit: 1 })
  await begun
  const client = await session(t, port)
  const notified = once(client, 'goaway') as Promise<[number]>
  const drained = listener.drain(30_000)
  t.equal((await notified)[0], constants.NGHTTP2_NO_ERROR)
  answer()
  t.match(await pending, { kind: 'ok' })
  await drained
  const late = connect(port, loopback)
  await once(late, 'error')
})

t.test('a connection on which nothing comes does not hold a drain', async (t) => {
  const { port, listener } = await serveGrpc(t, () => empty({} as never))
  const silent = connect(port, loopback)
  t.teardown(() => silent.destroy())
  silent.on('error', () => {})
  await eventually(listener.connections, (count) => count === 1)
  const closed = once(silent, 'close')
  await listener.drain(600_000)
  await closed
  t.pass('long before the timeout')
})

t.test('what is not done at the end of the time is cut', async (t) => {
  const asked = new EventEmitter()
  const { port, listener } = await serveGrpc(t, () => {
    asked.emit('call')
    return new Promise(() => {})
  })
  const begun = once(asked, 'call')
  const pending = grpcClient(t, port)(list, { limit: 1 })
  await begun
  await listener.drain(50)
  t.match(await pending, { error: { code: codes.UNAVAILABLE } })
})

for (const whatEnds of ['the client goes', 'the server leaves'] as const) {
  void t.test(`a watcher that reads nothing holds events back until ${whatEnds}`, async (t) => {
    let made = 0
    let isLeft = false
    const part = () => {
      made++
      const data = { kind: 'deleted', by: 'ann', revision: 1, id: 'x'.repeat(1_000) }
      return Buffer.from(`id: e.${made}\ndata: ${JSON.stringify(data)}\n\n`)
    }
    const parts: AsyncIterable<Buffer> = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          Promise.resolve(
            isLeft ? { done: true, value: undefined } : { done: false, value: part() },
          ),
        return() {
          isLeft = true
          return Promise.resolve({ done: true, value: undefined })
        },
      }),
    }
    const { port, drain } = await serveGrpc(t, ({ path }) =>
      path === '/v1/events' ? createStreamed(200, [], parts) : empty({} as never),
    )
    const client = await session(t, port)
    const stream = begin(client, { ':path': '/todos.v1.LiveService/Watch' })
    stream.end(Buffer.from([0, 0, 0, 0, 7, 10, 5, ...Buffer.from('todos')]))
    stream.pause()
    let before = 0
    await eventually(
      () => [before, (before = made)],
      ([last, now]) => last === now && now !== undefined && now > 0,
    )
    t.ok(made < 1_000, `${made} events of 1 KB were asked for`)
    t.notOk(isLeft)
    await isServed(t, port)
    if (whatEnds === 'the client goes') client.destroy()
    else {
      stream.once('close', () => t.equal(stream.rstCode, constants.NGHTTP2_REFUSED_STREAM))
      await drain(600_000)
    }
    await eventually(
      () => isLeft,
      (left) => left,
    )
  })
}
