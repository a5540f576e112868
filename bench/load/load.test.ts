// The generators against servers whose behaviour is known: what they count must be what happened.

import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { eventually } from '../../testing/eventually.ts'
import { latencyOf } from '../latency.ts'
import { startLoad, type LoadOrder, type MarkedAnswer } from './load.ts'
import { allocate, claim, read, upperBoundUs, type Reading } from './recording.cjs'

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
const requestEnd = '\r\n\r\n'

/** Calls `onRequest` for each request, with how many came on that connection before. */
const serve = async (
  t: Test,
  onRequest: (socket: Socket, before: number) => void,
  onHead: (head: string) => void = () => {},
): Promise<{ url: string; handled: () => number }> => {
  let handled = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    let before = 0
    let rest = ''
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (data) => {
      const parts = (rest + data.toString('latin1')).split(requestEnd)
      rest = parts.pop() ?? ''
      for (const part of parts) {
        if (socket.writableEnded) return
        handled++
        onHead(part)
        onRequest(socket, before++)
      }
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { url: `http://127.0.0.1:${port}/`, handled: () => handled }
}

const autocannon = (url: string): LoadOrder => ({
  generator: 'autocannon',
  url,
  method: 'GET',
  headers: {},
  connections: 10,
  pipelining: 10,
  threads: 2,
  seconds: 2,
  ratePerSecond: null,
})

const run = async (t: Test, order: LoadOrder) => {
  const load = await startLoad(order)
  t.teardown(() => load.stop())
  await delay(300)
  // On a busy machine threads take their time to begin.
  const first = await eventually(
    () => load.read(),
    ({ reading }) => reading.sent >= order.connections,
  )
  await delay(1000)
  const last = await load.read()
  return { first, last, own: await load.ended }
}

/** X W / (connections x depth), as the harness computes it. */
const littleRatio = (
  first: { atMs: number; reading: Reading },
  last: { atMs: number; reading: Reading },
  inFlight: number,
): number => {
  const seconds = (last.atMs - first.atMs) / 1000
  const perSecond = (last.reading.completed - first.reading.completed) / seconds
  const mean = latencyOf(first.reading, last.reading, 'the sending of each request')?.mean ?? NaN
  return (perSecond * mean) / 1e6 / inFlight
}

const isLawful = (ratio: number) => ratio > 0.9 && ratio < 1.05

void t.test('autocannon with our times obeys Little', async (t) => {
  const { url } = await serve(t, (socket) => void setTimeout(() => socket.write(answer), 5))
  // A machine that stands still for part of the window breaks the law once, wrong times break it always.
  const ratios: number[] = []
  do {
    const { first, last, own } = await run(t, autocannon(url))
    ratios.push(littleRatio(first, last, 100))
    t.equal(last.reading.open, 10)
    t.equal(last.reading.closed + last.reading.resets + last.reading.lost, 0)
    t.ok((own?.requestsTotal ?? 0) > 0)
  } while (!ratios.some(isLawful) && ratios.length < 5)
  t.ok(ratios.some(isLawful), `L / C = ${ratios.join()}`)
})

void t.test('connections that the server closes are counted, and spoil no time', async (t) => {
  // autocannon alone matches every answer after the first close with an older request: L = 29 x C.
  const perConnection = 100
  const { url, handled } = await serve(t, (socket, before) => {
    socket.write(answer)
    if (before === perConnection - 1) socket.end()
  })
  const { first, last } = await run(t, autocannon(url))
  const { reading } = last
  const ratio = littleRatio(first, last, 100)
  t.ok(ratio < 1.5, `L / C = ${ratio}`)
  t.ok(reading.closed > 10, `${reading.closed} closed`)
  t.ok(reading.lost > 0, `${reading.lost} lost`)
  t.ok(
    Math.abs(reading.completed - reading.closed * perConnection) <= 20 * perConnection,
    `${reading.completed} answers on ${reading.closed} connections of ${perConnection}`,
  )
  t.ok(handled() >= reading.completed)
})

void t.test('a server that resets does not become a storm', async (t) => {
  const { url, handled } = await serve(t, (socket) => void socket.resetAndDestroy())
  const { last } = await run(t, autocannon(url))
  t.equal(last.reading.completed, 0)
  t.ok(last.reading.resets > 0)
  // 10 connections, each again after 100 ms, for 2 s.
  t.ok(handled() < 10 * 10 * 40, `${handled()} requests`)
})

void t.test('refusals are told from answers, and not timed', async (t) => {
  const refusal = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'
  const { url } = await serve(
    t,
    (socket, before) => void socket.write(before % 2 ? refusal : answer),
  )
  const { last } = await run(t, autocannon(url))
  const { statuses, completed, latencyCount } = last.reading
  const good = statuses['200'] ?? 0
  t.equal(good + (statuses['503'] ?? 0), completed)
  // Read while it counts.
  t.ok(Math.abs(latencyCount / good - 1) < 0.05, `${latencyCount} timed of ${good} good`)
})

void t.test('an open loop times from the moment that a request was due', async (t) => {
  // It stands still for 300 ms: whoever times from the sending sees one slow answer a connection.
  const stallMs = 300
  let stalledUntilMs = 0
  const { url } = await serve(t, (socket) => {
    const waitMs = stalledUntilMs - performance.now()
    if (waitMs > 0) setTimeout(() => socket.write(answer), waitMs)
    else socket.write(answer)
  })
  const load = await startLoad({
    ...autocannon(url),
    generator: 'open-loop',
    connections: 4,
    pipelining: 1,
    ratePerSecond: 1000,
  })
  t.teardown(() => load.stop())
  const read = () => load.read()
  const first = await eventually(read, ({ reading }) => reading.completed >= 4)
  stalledUntilMs = performance.now() + stallMs
  // However late the machine lets anybody begin, the window has all of the stall, and some of what follows.
  const last = await eventually(
    read,
    ({ reading }) => reading.completed >= first.reading.completed + 1_000,
  )
  const latency = latencyOf(first.reading, last.reading, 'the moment each request was due')
  // 300 of about 1,000 requests were due meanwhile; they waited 150 ms on average.
  t.ok((latency?.p90 ?? 0) > 30_000, `p90 ${latency?.p90} us`)
  t.ok(Math.abs(last.reading.sent / ((last.reading.latencyCount || 1) + 4) - 1) < 0.05)
  t.equal(last.reading.lost, 0)
})

void t.test('what is due and cannot be sent is said', async (t) => {
  const { url } = await serve(t, () => {})
  const { last } = await run(t, {
    ...autocannon(url),
    generator: 'open-loop',
    connections: 4,
    pipelining: 2,
    ratePerSecond: 1000,
  })
  t.equal(last.reading.sent, 8)
  t.equal(last.reading.completed, 0)
  t.ok(last.reading.dropped > 500, `${last.reading.dropped} due and not sent`)
})

void t.test(
  'no more is sent than was asked for, and marked requests carry their number',
  async (t) => {
    const bodies: string[] = []
    const { url } = await serve(
      t,
      (socket) => socket.write(answer),
      (head) => {
        bodies.push(/^x-number: (\S+)/m.exec(head)?.[1] ?? '')
      },
    )
    const marked: MarkedAnswer[] = []
    const order: LoadOrder = {
      ...autocannon(url),
      generator: 'open-loop',
      headers: { 'x-number': '####' },
      threads: 1,
      pipelining: 1,
      ratePerSecond: 1000,
      requestsMax: 25,
      marks: { every: 10, text: '####' },
    }
    const beforeMs = Number(process.hrtime.bigint()) / 1e6
    const load = await startLoad(order, (answer) => marked.push(answer))
    t.teardown(() => load.stop())
    const { reading } = await eventually(
      () => load.read(),
      ({ reading }) => reading.completed >= 25 && marked.length >= 3,
    )
    t.equal(reading.sent, 25)
    t.equal(reading.dropped, 0)
    t.same(bodies.filter((number) => number !== '####').sort(), ['0000', '0010', '0020'])
    t.match(
      marked.toSorted((a, b) => a.number - b.number),
      [0, 10, 20].map((number) => ({ number, status: 200 })),
    )
    t.ok(marked.every(({ dueAtMs, atMs }) => dueAtMs > beforeMs && atMs > dueAtMs))
  },
)

void t.test('an open loop joins torn answers, and opens what the server closes', async (t) => {
  const { url } = await serve(t, (socket, before) => {
    socket.write(answer.slice(0, 20), () => {
      if (before < 2) socket.write(answer.slice(20))
      else socket.end(answer.slice(20))
    })
  })
  const load = await startLoad({
    ...autocannon(url),
    generator: 'open-loop',
    threads: 1,
    pipelining: 1,
    ratePerSecond: 500,
  })
  t.teardown(() => load.stop())
  const { reading } = await eventually(
    () => load.read(),
    ({ reading }) => reading.closed >= 20,
  )
  t.ok(reading.completed >= 3 * 20, `${reading.completed} answers`)
  t.same(Object.keys(reading.statuses), ['200'])
  t.equal(reading.bytes, reading.completed * answer.length)
  t.equal(reading.resets, 0)
})

void t.test('a generator without a server says so', async (t) => {
  const load = await startLoad({
    ...autocannon('http://127.0.0.1:1/'),
    generator: 'open-loop',
    ratePerSecond: 10,
  })
  await t.rejects(load.ended, { message: /ECONNREFUSED/ })
  load.stop()
})

void t.test('buckets hold what they say', async (t) => {
  const memory = allocate(1)
  const recorder = claim(memory)
  for (const us of [0, 1, 127, 128, 129, 255, 256, 1_000, 65_535, 1_000_000, 30_000_000]) {
    const before = read(memory).buckets
    recorder.answer(200, 0, us)
    const bucket = read(memory).buckets.findIndex((many, i) => many !== before[i])
    const bound = upperBoundUs(bucket)
    t.ok(bound >= us && bound <= us * 1.016 + 1, `${us} us is in the bucket up to ${bound}`)
    t.ok(bucket === 0 || upperBoundUs(bucket - 1) < us)
  }
  t.equal(read(memory).latencyMaxUs, 30_000_000)
})
