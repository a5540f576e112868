// Bodies that are made while they are sent, on both engines: what makes them is asked only as fast as
// the client reads, and let go however that ends; what is cut short never looks complete.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePort, loopback } from '../../../scripts/stack/ports.ts'
import { nobody, publicEndpoint } from '../../../testing/endpoint.ts'
import {
  createEngine,
  engineNames,
  headerOf,
  open,
  patientSettings,
  read,
  type EngineName,
} from '../../../testing/engines/harness.ts'
import { eventually } from '../../../testing/eventually.ts'
import { seeded } from '../../../testing/seeded.ts'
import { silentLog } from '../../../testing/settings.ts'
import { boundInFlight } from '../pending.ts'
import { Problem, unavailable } from '../problem.ts'
import { createRouter, type Answered } from '../router.ts'
import { streamsOfClientMax } from '../streams.ts'
import { createReply, createStreamed, type EngineSettings } from './engine.ts'

const down = unavailable({ slug: 'down', when: 'Down.', remedy: 'Wait.' }, 'down')
const partBytes = 100_000
const longParts = 80
const longBytes = partBytes * longParts

/** An application that remembers which sources are open, and how many parts they were asked for. */
const serve = async (t: Test, name: EngineName, overrides: Partial<EngineSettings> = {}) => {
  const sources = { open: 0, opened: 0, parts: 0, ended: 0 }
  const inFlight = { count: 0 }
  const answered: Answered[] = []
  let makeLate = () => {}
  const late = new Promise<void>((resolve) => (makeLate = resolve))

  async function* source(count: number, bytes: number, failsAt = Infinity, error = new Error()) {
    sources.open++
    sources.opened++
    try {
      for (let i = 0; i < count; i++) {
        await turn()
        if (i === failsAt) throw error
        sources.parts++
        yield Buffer.alloc(bytes, 'a'.charCodeAt(0) + (i % 26))
      }
    } finally {
      sources.open--
    }
  }
  async function* lateSource() {
    sources.open++
    try {
      await late
      yield Buffer.from('late')
    } finally {
      sources.open--
    }
  }
  async function* atOnce() {
    try {
      yield await Promise.resolve(Buffer.alloc(4_000, 'a'))
      yield Buffer.alloc(4_000, 'b')
    } finally {
      sources.ended++
    }
  }
  const streamed = (path: string, body: () => AsyncIterable<Buffer>) => ({
    ...publicEndpoint('GET', path, () => createStreamed(200, ['Content-Type', 'a/b'], body())),
    isStreamed: true,
  })
  const handle = createRouter({
    ...nobody,
    endpoints: [
      streamed('/short', () => source(3, 2)),
      streamed('/nothing', () => source(0, 0)),
      streamed('/long', () => source(longParts, partBytes)),
      streamed('/endless', () => source(Infinity, partBytes)),
      streamed('/heavy', () => source(Infinity, 1_000_000)),
      streamed('/late', lateSource),
      streamed('/at-once', atOnce),
      streamed('/down', () => source(3, 2, 0, new Problem(down))),
      streamed('/broken', () => source(3, 2, 0)),
      streamed('/breaks', () => source(longParts, partBytes, 20)),
      publicEndpoint('GET', '/plain', () => createReply(200, [], 'plain')),
      publicEndpoint('GET', '/corkful', () => createReply(200, [], Buffer.alloc(15_000, 'c'))),
    ],
    log: silentLog,
    onAnswered: (one) => answered.push(one),
  })
  const app = { ready: () => undefined, handle: boundInFlight(handle, 10_000, [], inFlight) }
  const settings = { ...patientSettings, ...overrides }
  const engine = await createEngine(name, app, settings)
  const port = await freePort()
  await engine.listen(loopback, port)
  let drained: Promise<void> | undefined
  const drain = (timeoutMs: number, idleMs?: number) => (drained = engine.drain(timeoutMs, idleMs))
  t.teardown(() => drained ?? drain(0))
  const settled = () =>
    eventually(
      () => ({ open: sources.open, inFlight: inFlight.count }),
      (now) => now.open === 0 && now.inFlight === 0,
    )
  return { port, sources, inFlight, answered, makeLate, drain, settled }
}

const ask = (path: string, method = 'GET', version = '1.1') =>
  `${method} ${path} HTTP/${version}\r\nHost: a\r\n\r\n`

const connectTo = async (t: Test, port: number, bytes: string): Promise<Socket> => {
  const socket = await open(port)
  t.teardown(() => void socket.destroy())
  socket.write(bytes)
  return socket
}

// Not once(): that rejects when an error comes first.
const untilClosed = (socket: Socket) =>
  new Promise<void>((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })

/** What comes until the connection closes. */
const allOf = async (socket: Socket): Promise<string> => {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await untilClosed(socket)
  return Buffer.concat(chunks).toString('latin1')
}

const isLong = (body: string) =>
  body.length === longBytes &&
  Array.from({ length: longParts }, (_, i) => body.charCodeAt(i * partBytes + 1) - 97).every(
    (letter, i) => letter === i % 26,
  )

/** Resolves when the source is asked for no more: nothing says that but time. */
const untilHeldUp = async ({ parts }: { readonly parts: () => number }) => {
  let last = -1
  let unchanged = 0
  await eventually(
    () => {
      unchanged = parts() === last ? unchanged + 1 : 0
      last = parts()
      return unchanged
    },
    (polls) => polls >= 10,
  )
}

for (const engine of engineNames) {
  void t.test(`${engine}: a body in parts`, async (t) => {
    const { port, answered, settled } = await serve(t, engine)
    const socket = await connectTo(t, port, ask('/short'))
    const [first] = await read(socket)
    t.match(first, { status: 200, body: 'aabbcc' })
    t.equal(headerOf(first, 'Transfer-Encoding'), 'chunked')
    t.equal(headerOf(first, 'Content-Length'), undefined)
    t.equal(headerOf(first, 'Content-Type'), 'a/b')
    t.match(headerOf(first, 'X-Request-Id'), /./)
    socket.write(ask('/nothing'))
    t.match(await read(socket), [{ status: 200, body: '' }])
    socket.write(ask('/long'))
    const [long] = await read(socket)
    t.ok(isLong(long?.body ?? ''), 'each byte of a long one')
    socket.write(ask('/plain'))
    t.match(await read(socket), [{ status: 200, body: 'plain' }], 'the connection goes on')
    await settled()
    t.match(answered, [
      { route: '/short', status: 200 },
      { route: '/nothing', status: 200 },
      { route: '/long', status: 200 },
      { route: '/plain', status: 200 },
    ])
  })

  void t.test(`${engine}: HEAD opens no source`, async (t) => {
    const { port, sources, inFlight } = await serve(t, engine)
    const socket = await connectTo(t, port, ask('/endless', 'HEAD'))
    const [head] = await read(socket, { isHead: true })
    t.match(head, { status: 200 })
    t.equal(headerOf(head, 'Content-Type'), 'a/b')
    t.equal(headerOf(head, 'Content-Length'), undefined, 'it is not known')
    socket.write(ask('/plain'))
    t.match(await read(socket), [{ status: 200, body: 'plain' }])
    t.same([sources.opened, inFlight.count], [0, 0])
  })

  void t.test(`${engine}: what fails before its first part is refused as usual`, async (t) => {
    const { port, settled } = await serve(t, engine)
    const socket = await connectTo(t, port, ask('/down'))
    const [down] = await read(socket)
    t.match(down, { status: 503 })
    t.match(JSON.parse(down?.body ?? ''), { detail: 'down' })
    t.equal(headerOf(down, 'Retry-After'), '1')
    socket.write(ask('/broken'))
    t.match(await read(socket), [{ status: 500 }])
    socket.write(ask('/short'))
    t.match(await read(socket), [{ status: 200, body: 'aabbcc' }])
    await settled()
  })

  void t.test(`${engine}: what fails later is cut, and does not look complete`, async (t) => {
    const { port, settled } = await serve(t, engine)
    const got = await allOf(await connectTo(t, port, ask('/breaks')))
    t.match(got, /^HTTP\/1\.1 200 /)
    t.notMatch(got.slice(-7), '\r\n0\r\n\r\n')
    await settled()
  })

  void t.test(`${engine}: a client that reads slowly gets every byte`, async (t) => {
    const { port, sources, settled } = await serve(t, engine)
    const socket = await connectTo(t, port, ask('/long'))
    socket.on('data', () => {
      socket.pause()
      setTimeout(() => socket.resume(), 1)
    })
    const [answer] = await read(socket)
    t.ok(isLong(answer?.body ?? ''))
    t.equal(sources.parts, longParts)
    await settled()
  })

  void t.test(`${engine}: a client that does not read is not read for`, async (t) => {
    const { port, sources, inFlight, settled } = await serve(t, engine)
    const socket = (await connectTo(t, port, ask('/endless'))).pause()
    await untilHeldUp({ parts: () => sources.parts })
    // The kernel's two buffers, and a part.
    t.ok(sources.parts * partBytes < 16e6, `${sources.parts} parts`)
    t.same([sources.open, inFlight.count], [1, 1])
    socket.destroy()
    await settled()
  })

  void t.test(`${engine}: clients that leave at any moment leave nothing behind`, async (t) => {
    const { port, sources, settled } = await serve(t, engine)
    const random = seeded(t)
    const visit = async () => {
      const socket = await connectTo(t, port, ask(random.below(2) ? '/endless' : '/long'))
      const leavesAt = random.below(4) === 0 ? 0 : random.below(3_000_000)
      if (leavesAt === 0 && random.below(2)) await turn()
      let bytes = 0
      while (bytes < leavesAt && !socket.closed) {
        const [chunk] = (await once(socket, 'data')) as [Buffer]
        bytes += chunk.length
      }
      socket.destroy()
    }
    for (let i = 0; i < 20; i++) await Promise.all([visit(), visit(), visit(), visit()])
    await settled()
    t.ok(sources.opened > 0)
  })

  void t.test(`${engine}: a client that leaves before the first part`, async (t) => {
    const { port, sources, makeLate, settled } = await serve(t, engine)
    const socket = await connectTo(t, port, ask('/late'))
    await eventually(
      () => sources.open,
      (count) => count === 1,
    )
    socket.destroy()
    await untilClosed(socket)
    await turn()
    makeLate()
    await settled()
  })

  void t.test(`${engine}: one client has so many at once, and then a 503`, async (t) => {
    const { port, sources, settled } = await serve(t, engine)
    const sockets = await Promise.all(
      Array.from({ length: streamsOfClientMax }, () => connectTo(t, port, ask('/endless'))),
    )
    for (const socket of sockets) socket.pause()
    await eventually(
      () => sources.open,
      (count) => count === streamsOfClientMax,
    )
    const next = await connectTo(t, port, ask('/short'))
    const [refused] = await read(next)
    t.equal(refused?.status, 503)
    t.equal(headerOf(refused, 'Retry-After'), '1')
    next.write(ask('/short', 'HEAD'))
    t.match(await read(next, { isHead: true }), [{ status: 200 }], 'HEAD takes no place')
    for (const socket of sockets) socket.destroy()
    await settled()
    next.write(ask('/short'))
    t.match(await read(next), [{ status: 200, body: 'aabbcc' }])
  })

  void t.test(`${engine}: past the unsent bound those who have held longest are cut`, async (t) => {
    const { port, sources, settled } = await serve(t, engine, { unsentBytesMax: 3_500_000 })
    const sockets: Socket[] = []
    for (let i = 0; i < 6; i++) {
      const socket = (await connectTo(t, port, ask('/heavy'))).pause()
      sockets.push(socket)
      await untilHeldUp({ parts: () => sources.parts })
    }
    t.equal(sources.open, 3, 'as many as have room')
    for (const socket of sockets) socket.destroy()
    await settled()
  })

  void t.test(`${engine}: a drain waits for it`, async (t) => {
    const { port, sources, drain, settled } = await serve(t, engine)
    const socket = (await connectTo(t, port, ask('/long'))).pause()
    await eventually(
      () => sources.open,
      (count) => count === 1,
    )
    const drained = drain(60_000, 100)
    const [answer] = await read(socket.resume())
    t.ok(isLong(answer?.body ?? ''))
    socket.end()
    await drained
    await settled()
  })

  void t.test(`${engine}: a drain cuts it in the end`, async (t) => {
    const { port, sources, drain, settled } = await serve(t, engine)
    const socket = (await connectTo(t, port, ask('/endless'))).pause()
    await eventually(
      () => sources.open,
      (count) => count === 1,
    )
    await drain(300, 100)
    await untilClosed(socket.resume())
    await settled()
  })
}

void t.test('a client that never reads is cut off, and costs little', async (t) => {
  // uWebSockets.js has a timeout of its own, of 10 s.
  const servers = await Promise.all(
    engineNames.map((name) => serve(t, name, { writeStallTimeoutMs: 2_000 })),
  )
  const before = process.memoryUsage()
  for (const { port } of servers) {
    for (let i = 0; i < 8; i++) (await connectTo(t, port, ask('/heavy'))).pause()
  }
  let highest = 0
  await eventually(
    () => {
      const { rss, arrayBuffers } = process.memoryUsage()
      highest = Math.max(highest, rss - before.rss, arrayBuffers - before.arrayBuffers)
      return servers.map(({ sources, inFlight }) => sources.open + inFlight.count)
    },
    ([node, uws]) => node === 0 && uws === 0,
  )
  // 16 parts of 1 MB wait, and what was made and taken is not collected yet.
  t.ok(highest < 200e6, `${Math.round(highest / 1e6)} MB`)
})

void t.test('node: requests behind a stream are answered after it, in order', async (t) => {
  const { port, settled } = await serve(t, 'node')
  const paths = ['/plain', '/long', '/plain', '/short', '/long', '/plain']
  const socket = await connectTo(t, port, paths.map((path) => ask(path)).join(''))
  const answers = await read(socket, { count: paths.length })
  const bodies = answers.map(({ body }) => (isLong(body) ? 'long' : body))
  t.same(bodies, ['plain', 'long', 'plain', 'aabbcc', 'long', 'plain'])
  await settled()
})

void t.test('node: streams behind one that nobody reads are let go with it', async (t) => {
  const { port, sources, settled } = await serve(t, 'node')
  const socket = (await connectTo(t, port, ask('/endless').repeat(5))).pause()
  await eventually(
    () => sources.open,
    (count) => count === 5,
  )
  await untilHeldUp({ parts: () => sources.parts })
  socket.destroy()
  await settled()
})

void t.test('uws: a request behind a stream closes the connection', async (t) => {
  const { port, sources, settled } = await serve(t, 'uws')
  const socket = await connectTo(t, port, ask('/endless'))
  socket.pause()
  await eventually(
    () => sources.open,
    (count) => count === 1,
  )
  socket.write(ask('/plain'))
  socket.resume()
  await untilClosed(socket)
  await settled()
})

void t.test('uws: a stream behind another answer of one read keeps every part', async (t) => {
  const { port, sources, settled } = await serve(t, 'uws')
  const socket = (await connectTo(t, port, '')).pause()
  socket.setNoDelay(true)
  // The other answer fills the cork of a read. In the end the socket takes only some of one.
  let count = 0
  do {
    socket.write(ask('/corkful') + ask('/at-once'))
    count++
    for (let polls = 0; sources.ended < count && polls < 100; polls++) await delay(1)
  } while (sources.ended === count)
  const answers = await read(socket.resume(), { count: 2 * count })
  const whole = 'a'.repeat(4_000) + 'b'.repeat(4_000)
  const streams = answers.filter((_, i) => i % 2 === 1)
  t.ok(
    streams.every(({ body }) => body === whole),
    `${count} streams`,
  )
  t.equal(streams.length, count)
  await settled()
})

void t.test('node: to HTTP/1.0 it is sent until the connection closes', async (t) => {
  const { port, settled } = await serve(t, 'node')
  const got = await allOf(await connectTo(t, port, ask('/long', 'GET', '1.0')))
  t.notMatch(got.slice(0, 500), /transfer-encoding/i)
  t.ok(isLong(got.slice(got.indexOf('\r\n\r\n') + 4)))
  // libuv shows one reset of a hundred, which comes with the last bytes, as an end. Of a close, it shows none.
  let code: string | undefined
  for (let tries = 0; tries < 5 && code === undefined; tries++) {
    const broken = await connectTo(t, port, ask('/breaks', 'GET', '1.0'))
    await allOf(broken)
    const error: NodeJS.ErrnoException | null = broken.errored
    code = error?.code
  }
  t.equal(code, 'ECONNRESET', 'a close would say that it is complete')
  await settled()
})
