// The fast path against plain node:http with the same application: the same bytes, cut at the same
// places, must be answered with the same bytes (the Date aside), whatever they are. CASES=… runs more.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { createAuthority } from '../../../../scripts/stack/certificates.ts'
import { freePort, loopback } from '../../../../scripts/stack/ports.ts'
import { seeded } from '../../../../testing/seeded.ts'
import { testDirectory } from '../../../../testing/services.ts'
import {
  createReady,
  createReply,
  createStreamed,
  largeBytesMin,
  type App,
  type EngineSettings,
  type Tally,
} from '../engine.ts'
import { createFastConnection } from './fast-path.ts'
import { randomStream } from '../../../../testing/engines/hostile-streams.ts'
import { answeredAtOnce, randomWrites } from '../../../../testing/engines/hostile-writes.ts'
import type { InPlaceReader, InPlaceSocket } from './in-place-socket.ts'
import { createPipeline, endOfHead } from './pipeline.ts'
import { plainHeadBytesMax } from './plain-request.ts'
import { closeInStages, createNodeEngine, createParser, rejectMalformed } from './node-http.ts'
import { createUnsent } from '../unsent.ts'
import { createWires } from './wire.ts'

const cases = Number(process.env['CASES'] ?? 100_000)
const casesOverTcp = cases / 100
/** Each shakes hands. */
const casesOverTls = cases / 1_000

const settings: EngineSettings = {
  headersTimeoutMs: 60_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  writeStallTimeoutMs: 60_000,
  headerBytesMax: 16_384,
  connectionsMax: 1_000,
  backlog: 1,
  pipelineMax: 64,
  pendingMax: 1_000,
  unsentBytesMax: 16_000_000,
  wireBytesMax: 16_000_000,
}

type TestApp = App & {
  readonly tally: Tally
  /** What it was asked, with what body. */
  readonly handled: string[]
  /** Requests that came whole, as far as it reads them, and are not answered. */
  answering(): number
  /** Those that take turns of the loop are not answered before the returned function is called. */
  hold(): () => void
}

const createApp = (): TestApp => {
  const tally = { requests: 0 }
  const handled: string[] = []
  let answering = 0
  let held: Promise<void> | undefined
  const turn = () => held ?? nextTurn()
  const list = (body: string) => createReady(createReply(200, ['ETag', '"1"'], body), tally)
  const small = list('[{"id":1}]')
  const large = list(`[${'"a todo",'.repeat(2_000)}0]`)
  const gzip = ['ETag', '"1-gzip"', 'Content-Encoding', 'gzip']
  const compressed = createReady(createReply(200, gzip, 'squeezed'), tally)
  const notModified = createReady(
    { status: 304, headers: ['ETag', '"1"'], body: Buffer.alloc(0), close: false },
    tally,
  )
  const big = Buffer.alloc(largeBytesMin, 'x')
  async function* parts() {
    answering++
    try {
      yield Buffer.from('a part')
      await turn()
      yield Buffer.from('another')
    } finally {
      answering--
    }
  }
  return {
    tally,
    handled,
    answering: () => answering,
    hold() {
      let release = () => {}
      held = new Promise((resolve) => (release = resolve))
      return () => {
        held = undefined
        release()
      }
    },
    ready(target, acceptEncoding, ifNoneMatch) {
      if (target !== '/todos?limit=10' && target !== '/todos?limit=1000') return undefined
      if (ifNoneMatch === '"1"') return () => notModified
      if (acceptEncoding === 'gzip') return () => compressed
      return () => (target === '/todos?limit=10' ? small : large)
    },
    async handle(request) {
      const { method, path, query, decided } = request
      const seen = [method, path, query, request.header('host'), request.header('x-request-id')]
      // Broken chunks of a body that is not waited for meet its answer: the turn of the loop decides which wins.
      const isChunked = request.header('transfer-encoding') !== undefined
      if (decided && !isChunked) return decided
      const isRead = method === 'POST' || isChunked
      const body = isRead ? await request.body(50) : { kind: 'none' as const }
      const text = body.kind === 'read' ? body.bytes.toString('latin1') : body.kind
      if (decided) return decided
      // Of a connection that has gone: it may come in the time of the next.
      if (text !== 'cut-short') handled.push([...seen, text].join(' '))
      answering++
      for (let i = Number(/turns=(\d)/.exec(query)?.[1] ?? 0); i > 0; i--) await turn()
      answering--
      if (path === '/stream') return createStreamed(200, ['Content-Type', 'a/b'], parts())
      if (path === '/big') return createReply(200, [], big)
      if (method === 'OPTIONS')
        return { status: 204, headers: ['Allow', 'GET'], body: Buffer.alloc(0), close: false }
      const close = text === 'too-large' || path === '/closes'
      return createReply(
        text === 'too-large' ? 413 : 404,
        ['X-Seen', 'it'],
        [...seen, text].join(' '),
        { close },
      )
    },
  }
}

/** The server's end of a connection in memory: takes chunks, keeps what is written, never blocks. */
const createEnd = () => {
  const written: Buffer[] = []
  const end = new Duplex({
    allowHalfOpen: true,
    // As of a connection: a smaller one pauses both sides, and not in the same turn.
    writableHighWaterMark: 256 * 1024,
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

/** One for each of the two that are compared, so that what they count is compared too. */
const createSide = (pipelineMax = settings.pipelineMax) => {
  const app = createApp()
  const pipeline = createPipeline({ ...settings, pipelineMax })
  const parser = createParser(app, settings, () => false, pipeline)
  t.teardown(() => parser.close())
  return { app, parser, pipeline }
}
type Side = ReturnType<typeof createSide>
const plainSide = createSide()
const fastSide = createSide()
/** Most streams are held up here. */
const heldUpSide = createSide(2)
const wires = createWires(settings.keepAliveTimeoutMs)
const unsent = createUnsent(settings.unsentBytesMax)
t.teardown(() => wires.stop())

/** Its client ends before it is answered, or not: that depends on the kernel. */
const takesTurns = (text: string) => /turns=[1-9]|\/stream/.test(text)
const atOnce = (chunk: Buffer) => Buffer.from(answeredAtOnce(chunk.toString('latin1')), 'latin1')

const hasUpgrade = (text: string) => /upgrade/i.test(text)
/** One in so many of those, because byte by byte they take long. */
const upgradesEvery = 8

/**
 * Node destroys a connection when its parser has just taken a PRI, which it does when no HTTP version
 * follows: the turn of the loop decides whether answers leave before that.
 */
const hasBarePri = (text: string) => /PRI [^ \r\n]*\r?\n/.test(text)

/** Turns in which an answer that is made is sent, a streamed one part by part. */
const sendingTurns = 4

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await nextTurn()
}

/** What the client waits for before it sends more, and before it ends. */
const waits = ['each answer', 'each answer', 'all answers', 'nothing'] as const

type Case = {
  readonly chunks: readonly Buffer[]
  /** It comes byte by byte. */
  readonly isTorn: boolean
  readonly waitsFor: (typeof waits)[number] | undefined
}

const answersOf = async (
  open: (end: End) => void,
  { app }: Side,
  { chunks, isTorn, waitsFor }: Case,
): Promise<Buffer> => {
  const connection = createEnd()
  const { end, written, closed } = connection
  const release = waitsFor === 'nothing' ? app.hold() : () => {}
  // Node's parser drops what comes in one chunk with an Upgrade: so that comes byte by byte. Of others, a head
  // in each chunk, as the pipeline gives them: behind broken ones it depends on that what is still answered.
  const push = (chunk: Buffer) => {
    for (let rest = chunk; rest.length > 0;) {
      const headEnd = isTorn ? 1 : endOfHead(rest)
      const length = headEnd === -1 ? rest.length : headEnd
      end.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  }
  const deliver = { to: push, isReading: true }
  open({ socket: end, deliver })
  const isOver = () => end.destroyed || end.writableEnded
  const answered = async () => {
    if (app.answering() === 0) return
    while (app.answering() > 0 && !isOver()) await nextTurn()
    await turns(sendingTurns)
  }
  for (const chunk of chunks) {
    if (isOver()) break
    deliver.to(chunk)
    // As the kernel would: one chunk is one read, with a turn of the event loop between.
    do await nextTurn()
    while (!deliver.isReading && !isOver())
    if (waitsFor === 'each answer') await answered()
  }
  if (waitsFor === 'all answers') await answered()
  end.push(null)
  end.read(0) // as a socket does: 'end' is told even if nobody reads the stream
  if (waitsFor === 'nothing') await turns(sendingTurns)
  release()
  await closed
  end.destroy()
  return Buffer.concat(written)
}

type End = {
  readonly socket: Socket
  readonly deliver: { to: (chunk: Buffer) => void; isReading: boolean }
}

const plain = ({ socket }: { socket: Socket }) => void plainSide.parser.emit('connection', socket)

let handedOver = 0
const fast = (side: Side) => (end: End) => {
  createFastConnection(
    inPlace(end),
    {
      app: side.app,
      headBytesMax: plainHeadBytesMax,
      wires,
      unsent,
      reject: rejectMalformed,
      isDraining: () => false,
      handOver(one, unanswered, begun) {
        handedOver++
        side.parser.emit('connection', one.socket)
        side.pipeline.feed(one, unanswered, begun)
      },
    },
    () => {},
  )
}

/** One buffer for all connections, as in readInPlace, spoilt as soon as it was looked at. */
const shared = Buffer.alloc(64 * 1024)
const inPlace = ({ socket, deliver }: End): InPlaceSocket => {
  const push = deliver.to
  return {
    socket,
    readWith(reader: InPlaceReader | undefined) {
      deliver.to = reader
        ? (chunk) => {
            reader(shared, chunk.copy(shared))
            shared.fill('#', 0, chunk.length)
          }
        : push
    },
    stopReading() {
      deliver.isReading = false
    },
    startReading() {
      deliver.isReading = true
    },
  }
}

const normal = (bytes: Buffer): string =>
  bytes
    .toString('latin1')
    .replace(/Date: [^\r]*/g, 'Date: -')
    // Node itself puts an interim answer behind the head of the final one when it is pipelined
    // behind an answer that is not flushed yet: where it lands depends on the turn of the loop.
    .replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '')

/** Of the place where they part: whole answers are megabytes. */
const shownBytes = 500

const firstDifference = (wanted: string, found: string) => {
  let at = 0
  while (wanted[at] !== undefined && wanted[at] === found[at]) at++
  const from = Math.max(0, at - shownBytes)
  return {
    differsAt: at,
    wanted: wanted.slice(from, at + shownBytes),
    found: found.slice(from, at + shownBytes),
  }
}

const shown = (chunks: readonly Buffer[]) =>
  JSON.stringify(chunks.map((one) => one.toString('latin1')))

/** What the application was asked for meanwhile. */
const watchEffects = ({ app }: Side) => {
  const [ready, handled] = [app.tally.requests, app.handled.length]
  return () => ({ ready: app.tally.requests - ready, handled: app.handled.slice(handled) })
}

/** A case takes a millisecond: this long, it would be waited for until the test runs out, and not named. */
const stuckMs = 30_000

const saysClose = (text: string) => /Connection: close/i.test(text)

/**
 * A client that ends while answers are due gets no more of them. Where one of them closes, it depends on the
 * turn of the loop whether its end or that answer is seen first.
 */
const isSame = (wanted: string, found: string, { waitsFor }: Case) =>
  waitsFor === 'nothing' && (saysClose(wanted) || saysClose(found))
    ? wanted.startsWith(found) || found.startsWith(wanted)
    : wanted === found

/** Those of `some` that are not in `all`, each as often as it is missing: their order may differ. */
const without = (some: readonly string[] = [], all: readonly string[] = []) => {
  const left = [...all]
  return some.filter((one) => {
    const at = left.indexOf(one)
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
}

/** A case that is not answered as by plain node:http fails the test; undefined then. */
const compare = async (t: Test, name: string, one: Case, isHeldUp: boolean) => {
  const side = isHeldUp ? heldUpSide : fastSide
  const [wantedEffects, foundEffects] = [watchEffects(plainSide), watchEffects(side)]
  const about = () =>
    `${name}, held up ${isHeldUp}, waits for ${one.waitsFor}: ${shown(one.chunks)}`
  const stuck = setTimeout(() => t.bailout(`not answered: ${about()}`), stuckMs)
  const [expected, actual] = await Promise.all([
    answersOf(plain, plainSide, one),
    answersOf(fast(side), side, one),
  ])
  clearTimeout(stuck)
  // Most are the same to the last byte: then nothing has to be made text of, and whole answers are megabytes.
  if (!expected.equals(actual) && !isSame(normal(expected), normal(actual), one)) {
    // Not in its name: a stream is long, and what prints it may cut it, and the seed with it.
    t.fail(name, { stream: about(), ...firstDifference(normal(expected), normal(actual)) })
    return undefined
  }
  const [wanted, found] = [wantedEffects(), foundEffects()]
  if (isDeepStrictEqual(wanted, found)) return expected
  // Behind an answer that closes, it depends on the turn of the loop which are still made, and dropped.
  const isDropped = one.waitsFor === 'nothing' || saysClose(normal(expected))
  const [fewer, more] = [wanted.handled, found.handled].sort((a, b) => a.length - b.length)
  const strange = isDropped
    ? without(fewer, more)
    : [...without(fewer, more), ...without(more, fewer)]
  if (strange.length > 0) {
    t.same(found.handled, wanted.handled, name, { stream: about() })
    return undefined
  }
  if (!isHeldUp && wanted.ready !== found.ready && !isDropped) {
    t.equal(found.ready, wanted.ready, name, { stream: about() })
    return undefined
  }
  return expected
}

if (!process.env['ONLYTLS'])
  void t.test(`${cases} random streams are answered as plain node:http answers them`, async (t) => {
    for (const [name, stream] of [
      ['reads', randomStream],
      ['writes', randomWrites],
    ] as const) {
      await t.test(name, async (t) => {
        const random = seeded(t)
        handedOver = 0
        let answered = 0
        for (let i = 0; i < cases / 2; i++) {
          const chunks = stream(random)
          const text = Buffer.concat(chunks).toString('latin1')
          const isTorn = hasUpgrade(text)
          if (i % upgradesEvery > 0 && isTorn) continue
          if (hasBarePri(text)) continue
          const isHeldUp = random.below(2) === 1
          // Held up, as behind a large answer, the end would wait for the answers.
          const mayEndEarly = !isHeldUp && !text.includes('/big')
          const waitsFor = waits[random.below(mayEndEarly ? waits.length : waits.length - 1)]
          const expected = await compare(
            t,
            `case ${i} of SEED=${random.seed}`,
            { chunks, isTorn, waitsFor },
            isHeldUp,
          )
          if (!expected) return
          if (/^HTTP\/1\.1 [24]0[04] /.test(expected.toString('latin1', 0, 13))) answered++
        }
        t.comment(`${answered} were answered, ${handedOver} were handed to node's parser`)
        // A generator of nothing but garbage, or of nothing but plain requests, would prove little.
        t.ok(answered > cases / 8)
        t.ok(handedOver > cases / 8 && handedOver < (cases / 2) * 0.95)
      })
    }
  })

/**
 * What a real client reads until the connection is closed. A server that closes with input unread
 * resets the connection, and what was on its way to the client is lost.
 */
const answersOver = async (connecting: Promise<Socket>, chunks: readonly Buffer[]) => {
  const socket = await connecting
  let wasReset = false
  socket.on('error', () => (wasReset = true))
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const read: Buffer[] = []
  socket.on('data', (data) => read.push(data))
  for (const chunk of chunks) {
    if (!socket.writable) break
    socket.write(chunk)
    await nextTurn()
  }
  // Who ends while answers are on their way gets what has left: over TLS, that takes some turns.
  for (let heard = -1; heard < read.length;) {
    heard = read.length
    await turns(sendingTurns)
  }
  socket.end()
  await closed
  return { text: withoutLastWord(normal(Buffer.concat(read))), wasReset }
}

/**
 * Behind an answer that closes the connection (a 417, say) node's parser refuses what follows, or never
 * sees it: the turn of the loop decides, and with it whether a 400 is the last word.
 */
const withoutLastWord = (text: string): string =>
  text.replace(/HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n[^]*$/, '')

const portOf = (server: Server) => (server.address() as AddressInfo).port

/** How the engine is spoken to. Plain node is not encrypted: over TLS it stops after some large answers. */
type Transport = {
  readonly settings: EngineSettings
  connect(port: number): Promise<Socket>
}

const plainSockets: Transport = {
  settings,
  connect: (port) =>
    Promise.resolve(connect({ port, host: loopback, noDelay: true, allowHalfOpen: true })),
}

const encrypted = async (t: Test): Promise<Transport> => {
  const authority = await createAuthority(await testDirectory(t), 'authority')
  const files = await authority.issue('api')
  const ca = await readFile(authority.certFile)
  return {
    settings: { ...settings, tls: { ...files, ticketKeys: undefined } },
    async connect(port) {
      // Over a socket of its own: a TLS client has no allowHalfOpen else.
      const socket = connectTls({ socket: await plainSockets.connect(port), ca, host: loopback })
      // Else all chunks would wait for the handshake, and go in one.
      await once(socket, 'secureConnect')
      return socket
    },
  }
}

const compareOver = async (t: Test, transport: Transport, count: number) => {
  const random = seeded(t)
  const plainServer = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    // Plain node closes with input unread, and then the kernel drops answers that are on their way,
    // once in a few thousand streams, and not always with a reset that the client hears of.
    socket.destroySoon = () => closeInStages(socket)
    plain({ socket })
  })
  await once(plainServer.listen(0, loopback), 'listening')
  t.teardown(() => plainServer.close())
  const engine = createNodeEngine(createApp(), transport.settings)
  const enginePort = await freePort()
  await engine.listen(loopback, enginePort)
  t.teardown(() => engine.drain(0))
  let whole = 0
  const bothAnswers = async (chunks: readonly Buffer[]) => {
    const [expected, actual] = await Promise.all([
      answersOver(plainSockets.connect(portOf(plainServer)), chunks),
      answersOver(transport.connect(enginePort), chunks),
    ])
    const length = Math.min(
      expected.wasReset ? expected.text.length : Infinity,
      actual.wasReset ? actual.text.length : Infinity,
    )
    return {
      isWhole: length === Infinity,
      wanted: expected.text.slice(0, length),
      got: actual.text.slice(0, length),
    }
  }
  for (let i = 0; i < count; i++) {
    const chunks = random.below(2) === 1 ? randomStream(random) : randomWrites(random).map(atOnce)
    // The plain server's parser reads for itself, and drops what comes with an Upgrade.
    const text = Buffer.concat(chunks).toString('latin1')
    if (hasUpgrade(text) || hasBarePri(text) || takesTurns(text)) continue
    let both = await bothAnswers(chunks)
    // Where broken input meets a pending answer, the turn of the loop decides; a fault always shows.
    for (let again = 0; again < 10 && both.wanted !== both.got; again++) {
      both = await bothAnswers(chunks)
    }
    if (both.isWhole) whole++
    if (both.wanted === both.got) continue
    const difference = firstDifference(both.wanted, both.got)
    t.fail(`case ${i} of SEED=${random.seed}`, { stream: shown(chunks), ...difference })
    return
  }
  t.ok(whole > count / 2, `${whole} without a reset`)
}

void t.test(`${casesOverTcp} of them over real sockets`, (t) =>
  compareOver(t, plainSockets, casesOverTcp),
)

void t.test(`${casesOverTls} of them over TLS`, async (t) =>
  compareOver(t, await encrypted(t), casesOverTls),
)
