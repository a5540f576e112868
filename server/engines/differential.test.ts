// The fast path against plain node:http with the same application: the same bytes, cut at the same
// places, must be answered with the same bytes (the Date aside), whatever they are. CASES=… runs more.

import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import t from 'tap'
import { seeded } from '../../scripts/testing.ts'
import { createReply, type App, type EngineSettings, type Reply } from './engine.ts'
import { createFastConnection } from './fast-path.ts'
import { randomStream } from './hostile-streams.ts'
import { createParser, rejectMalformed } from './node-http.ts'
import { createWires } from './wire.ts'

const cases = Number(process.env['CASES'] ?? 200_000)

const settings: EngineSettings = {
  headersTimeoutMs: 60_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  writeStallTimeoutMs: 60_000,
  headerBytesMax: 16_384,
  connectionsMax: 1_000,
  backlog: 1,
}

const list = (body: string): Reply => createReply(200, ['ETag', '"1"'], body)
const small = list('[{"id":1}]')
const large = list(`[${'"a todo",'.repeat(2_000)}0]`)
const compressed = createReply(200, ['ETag', '"1-gzip"', 'Content-Encoding', 'gzip'], 'squeezed')
const notModified: Reply = {
  status: 304,
  headers: ['ETag', '"1"'],
  body: Buffer.alloc(0),
  close: false,
}

const app: App = {
  ready(target, acceptEncoding, ifNoneMatch) {
    if (target !== '/todos?limit=10' && target !== '/todos?limit=1000') return undefined
    if (ifNoneMatch === '"1"') return () => notModified
    if (acceptEncoding === 'gzip') return () => compressed
    return () => (target === '/todos?limit=10' ? small : large)
  },
  async handle(request) {
    const seen = [request.method, request.path, request.query, request.header('host')]
    const body = request.method === 'POST' ? await request.body(16) : { kind: 'none' as const }
    const text = body.kind === 'read' ? body.bytes.toString('latin1') : body.kind
    return createReply(
      text === 'too-large' ? 413 : 404,
      ['X-Seen', 'it'],
      [...seen, text].join(' '),
      {
        close: text === 'too-large',
      },
    )
  },
}

/** The server's end of a connection in memory: takes chunks, keeps what is written, never blocks. */
const createEnd = () => {
  const written: Buffer[] = []
  const end = new Duplex({
    allowHalfOpen: true,
    read() {},
    write(chunk: Buffer, _encoding, callback) {
      written.push(chunk)
      callback()
    },
  })
  end.on('error', () => end.destroy())
  const closed = new Promise<void>((resolve) => {
    end.once('finish', () => resolve())
    end.once('close', () => resolve())
  })
  return { end: end as unknown as Socket, written, closed }
}

const parser = createParser(app, settings, () => false)
const wires = createWires(settings.keepAliveTimeoutMs)
t.teardown(() => {
  parser.close()
  wires.stop()
})

const plain = (socket: Socket) => parser.emit('connection', socket)
let handedOver = 0
const fast = (socket: Socket) =>
  createFastConnection(
    socket,
    {
      ...{ app, wires, reject: rejectMalformed, isDraining: () => false },
      handOver(one) {
        handedOver++
        plain(one)
      },
    },
    () => {},
  )

const answersOf = async (open: (socket: Socket) => unknown, chunks: readonly Buffer[]) => {
  const { end, written, closed } = createEnd()
  open(end)
  for (const chunk of chunks) {
    if (end.destroyed || end.writableEnded) break
    end.push(chunk)
    // As the kernel would: one chunk is one read, with a turn of the event loop between.
    await new Promise((resolve) => setImmediate(resolve))
  }
  end.push(null)
  await closed
  end.destroy()
  return (
    Buffer.concat(written)
      .toString('latin1')
      .replace(/Date: [^\r]*/g, 'Date: -')
      // Node itself puts an interim answer behind the head of the final one when it is pipelined
      // behind an answer that is not flushed yet: where it lands depends on the turn of the loop.
      .replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '')
  )
}

void t.test(`${cases} random streams are answered as plain node:http answers them`, async (t) => {
  const random = seeded(t)
  let answered = 0
  for (let i = 0; i < cases; i++) {
    const chunks = randomStream(random)
    const [expected, actual] = await Promise.all([
      answersOf(plain, chunks),
      answersOf(fast, chunks),
    ])
    if (expected !== actual) {
      t.same(
        actual,
        expected,
        `case ${i}: ${JSON.stringify(chunks.map((one) => one.toString('latin1')))}`,
      )
      return
    }
    if (expected.startsWith('HTTP/1.1 200')) answered++
  }
  t.comment(`${answered} began with a 200, ${handedOver} were handed to node's parser`)
  // A generator of nothing but garbage, or of nothing but repeats, would prove little.
  t.ok(answered > cases / 4)
  t.ok(handedOver > cases / 4 && handedOver < cases * 0.95)
})
