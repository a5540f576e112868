// What stays on the fast path, what it waits for, and that what it holds for a client that reads slowly is
// let go as soon as the client has read it. That it answers as node's parser does: differential test.

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createReady, createReply, type App, type Reply, type Request } from '../engine.ts'
import { piecesMax, type Begun } from './exchange.ts'
import { createFastConnection } from './fast-path.ts'
import type { InPlaceReader } from './in-place-socket.ts'
import { exchange, patientSettings } from '../../../../testing/engines/harness.ts'
import { freePort, loopback } from '../../../../scripts/stack/ports.ts'
import { createNodeEngine } from './node-http.ts'
import { createUnsent, type Holder } from '../unsent.ts'
import { createWires } from './wire.ts'

const request = Buffer.from('GET /todos HTTP/1.1\r\nHost: a\r\n\r\n')

t.test('who has read everything holds nothing, and begins anew', (t) => {
  const taken: (() => void)[] = []
  const socket = new Duplex({
    writableHighWaterMark: 256 * 1024,
    read() {},
    write: (_chunk, _encoding, done) => void taken.push(done),
  }) as unknown as Socket
  const unsent = createUnsent(1_000_000)
  const sinceCalls: Holder[] = []
  let reader: InPlaceReader | undefined
  const wires = createWires(5_000)
  const reply = createReady(createReply(200, [], Buffer.alloc(100_000)))
  const parts = {
    app: { ready: () => () => reply, handle: () => reply },
    headBytesMax: 4_096,
    wires,
    unsent: {
      ...unsent,
      hold(holder: Holder, bytes: Buffer) {
        if (unsent.bytes() === 0) sinceCalls.push(holder)
        unsent.hold(holder, bytes)
      },
    },
    handOver: () => t.fail('handed over'),
    reject: () => t.fail('rejected'),
    isDraining: () => false,
  }
  const inPlace = {
    socket,
    readWith: (next: InPlaceReader | undefined) => void (reader = next),
    stopReading() {},
    startReading() {},
  }
  createFastConnection(inPlace, parts, () => {})
  t.teardown(() => wires.stop())

  for (let i = 1; i <= 3; i++) {
    reader?.(request, request.length)
    t.ok(unsent.bytes() > 0, 'not read yet')
    for (const done of taken.splice(0)) done()
    t.equal(socket.writableLength, 0)
    t.equal(sinceCalls.length, i, 'held since the write that waits, not since one that was read')
  }
  socket.destroy()
  socket.once('close', () => {
    t.equal(unsent.bytes(), 0)
    t.end()
  })
})

/** A connection in memory, whose application is `app`. */
const open = (t: Test, app: App) => {
  let written = ''
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString('latin1')
      done()
    },
  }) as unknown as Socket
  let reader: InPlaceReader | undefined
  const wires = createWires(5_000)
  t.teardown(() => wires.stop())
  const handedOver: { readonly bytes: string; readonly begun: Begun | undefined }[] = []
  const connection = createFastConnection(
    {
      socket,
      readWith: (next) => void (reader = next),
      stopReading() {},
      startReading() {},
    },
    {
      app,
      headBytesMax: 4_096,
      wires,
      unsent: createUnsent(1_000_000),
      handOver: (_, bytes, begun) =>
        void handedOver.push({ bytes: bytes.toString('latin1'), begun }),
      reject: (error) => void (written += String(error.code)),
      isDraining: () => false,
    },
    () => {},
  )
  return {
    connection,
    socket,
    handedOver,
    /** As one read. */
    receive: (text: string) => reader?.(Buffer.from(text, 'latin1'), text.length),
    /** What was written since this was last called. */
    written() {
      const text = written
      written = ''
      return text
    },
  }
}

const bodyText = async (asked: Request): Promise<string> => {
  const body = await asked.body(1_000)
  return body.kind === 'read' ? body.bytes.toString('latin1') : body.kind
}
const small = createReady(createReply(200, [], 'a list'))
const echo: App = {
  ready: (target) => (target === '/list' ? () => small : undefined),
  handle: async (asked) =>
    createReply(200, [], `<${asked.method} ${asked.path} ${await bodyText(asked)}>`),
}
const write = (method: string, id: number, body: string) =>
  `${method} /todos/${id} HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const read = (method: string, target: string, id: number) =>
  `${method} ${target} HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\n\r\n`

void t.test('plain requests, one after the other, never reach the parser', async (t) => {
  const { receive, written, handedOver } = open(t, echo)
  for (let id = 0; id < 50; id++) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      receive(write(method, id, 'x'.repeat(id)))
      await nextTurn()
      t.match(written(), `<${method} /todos/${id} ${'x'.repeat(id)}>`)
    }
    receive(read('GET', '/list', id))
    t.match(written(), /a list$/)
    receive(read('HEAD', '/list', id))
    await nextTurn()
    t.match(written(), /Content-Length: 13\r\n[^]*\r\n\r\n$/)
  }
  t.same(handedOver, [])
})

void t.test('torn behind its first line, a request is as good as whole', async (t) => {
  const { receive, written, handedOver } = open(t, echo)
  const text = write('POST', 1, 'a body')
  for (let at = text.indexOf('\r\n') + 2; at < text.length; at++) {
    receive(text.slice(0, at))
    await nextTurn()
    t.equal(written(), '')
    receive(text.slice(at))
    await nextTurn()
    t.match(written(), /<POST \/todos\/1 a body>$/)
  }
  t.same(handedOver, [])
})

void t.test('what begins as the list before may go on as anything plain', async (t) => {
  const { receive, written, handedOver } = open(t, echo)
  const list = read('GET', '/list', 1)
  for (const other of [
    read('GET', '/lisp', 1),
    read('GET', '/list', 2),
    read('HEAD', '/list', 1),
  ]) {
    receive(list)
    t.match(written(), /a list$/)
    let at = 0
    while (other[at] === list[at]) at++
    receive(other.slice(0, at))
    receive(other.slice(at))
    await nextTurn()
    t.match(written(), /^HTTP\/1.1 200 OK/)
  }
  receive(list + list)
  t.match(written(), /a listHTTP[^]*a list$/)
  t.same(handedOver, [])
})

void t.test('what drips is left to the parser, with all that has come of it', async (t) => {
  const head = 'POST /todos HTTP/1.1\r\nHost: a\r\n'
  for (const [name, begin, drip] of [
    ['a head', `${head}X: `, 'x'],
    ['a body', `${head}Content-Length: 1000\r\n\r\n`, 'x'],
  ] as const) {
    const { receive, handedOver } = open(t, echo)
    receive(begin)
    for (let i = 1; i < piecesMax; i++) {
      t.same(handedOver, [], name)
      receive(drip)
    }
    t.match(handedOver[0]?.bytes, begin + drip.repeat(piecesMax - 1), name)
  }
})

void t.test(
  'what comes behind a request that is being answered is read by the parser',
  async (t) => {
    let answer: (reply: Reply) => void = () => {}
    const { receive, written, handedOver } = open(t, {
      ready: () => undefined,
      handle: () => new Promise((resolve) => (answer = resolve)),
    })
    receive(write('POST', 1, 'one'))
    receive(write('POST', 2, 'two'))
    t.equal(handedOver[0]?.bytes, write('POST', 1, 'one') + write('POST', 2, 'two'))
    const reply = createReply(200, [], 'made for the first')
    answer(reply)
    t.equal(await handedOver[0]?.begun?.reply, reply)
    t.equal(written(), '', 'not here')
  },
)

void t.test(
  'over its limit a client is answered by the application, on the fast path',
  async (t) => {
    let left = 1
    const { receive, written, handedOver } = open(t, {
      ...echo,
      readyLimitOf: () => ({ left: () => left, take: (count) => void (left -= count) }),
    })
    receive(read('GET', '/list', 1))
    t.match(written(), /a list$/)
    receive(read('GET', '/list', 1))
    await nextTurn()
    t.match(written(), /<GET \/list >$/)
    t.same(handedOver, [])
  },
)

void t.test('it knows what it waits for, and whose request is late', async (t) => {
  let answer = () => {}
  const bodies: string[] = []
  const { receive, written, connection, socket } = open(t, {
    ready: () => undefined,
    async handle(asked) {
      bodies.push(await bodyText(asked))
      await new Promise<void>((resolve) => (answer = resolve))
      return createReply(200, [], 'x')
    },
  })
  const text = write('POST', 1, 'a body')
  t.equal(connection.waitsFor(), 'first-request')
  receive(text.slice(0, 40))
  t.equal(connection.waitsFor(), 'rest-of-head')
  receive(text.slice(40, -1))
  t.equal(connection.waitsFor(), 'rest-of-body')
  receive(text.slice(-1))
  await nextTurn()
  t.equal(connection.waitsFor(), 'nothing')
  answer()
  await nextTurn()
  t.equal(connection.waitsFor(), 'next-request')
  t.equal(connection.requests(), 1)

  receive(text.slice(0, -1))
  written()
  connection.timeOut()
  await nextTurn()
  t.equal(written(), 'ERR_HTTP_REQUEST_TIMEOUT')
  t.same(bodies, ['a body', 'cut-short'])
  socket.destroy()
})

void t.test(
  'a client that leaves is not answered, and what was made for it is let go',
  async (t) => {
    let stopped = 0
    const stream: AsyncIterable<Buffer> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error('asked for')),
        return: () =>
          Promise.resolve({ done: true as const, value: undefined }).finally(() => stopped++),
      }),
    }
    let answer: (reply: Reply) => void = () => {}
    const app: App = {
      ready: () => undefined,
      handle: () => new Promise((resolve) => (answer = resolve)),
    }
    for (const leave of [
      (socket: Socket) => void socket.destroy(),
      (socket: Socket) => void socket.emit('end'),
    ]) {
      const { receive, written, handedOver, socket } = open(t, app)
      receive(write('POST', 1, 'x'))
      leave(socket)
      await nextTurn()
      answer({ ...createReply(200, [], ''), stream })
      await nextTurn()
      t.equal(written(), '')
      t.same(handedOver, [])
    }
    t.equal(stopped, 2)
  },
)

void t.test('the setting for the largest head holds, below what is plain too', async (t) => {
  const engine = createNodeEngine(echo, { ...patientSettings, headerBytesMax: 1_024 })
  const port = await freePort()
  await engine.listen(loopback, port)
  t.teardown(() => engine.drain(0))
  const head = (bytes: number) =>
    `POST / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(bytes)}\r\nContent-Length: 0\r\n\r\n`
  t.match(await exchange(port, head(900)), [{ status: 200 }])
  t.match(await exchange(port, head(1_024)), [{ status: 431 }])
})
