// Connections that fall silent while their TCP connection stays: which are destroyed, which are not.

import { createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { freePort } from '../../../scripts/stack/ports.ts'
import { eventually } from '../../../testing/eventually.ts'
import { silentLog } from '../../../testing/settings.ts'
import { seeded } from '../../../testing/seeded.ts'
import { createClient } from './client.ts'
import { createFrameCounter, createOwnSockets, type SilenceBounds } from './sockets.ts'

const frame = (bytes: number) => {
  const chunk = Buffer.alloc(4 + bytes)
  chunk.writeInt32BE(bytes)
  return chunk
}
const request = (apiKey: number) => {
  const chunk = frame(20)
  chunk.writeInt16BE(apiKey, 4)
  return chunk
}
const [heartbeat, joinGroup] = [12, 11]

/** A server that says what it is told to; `connect` opens one of our connections to it. */
const setUp = async (t: Test, bounds: SilenceBounds) => {
  const accepted: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    accepted.push(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const own = createOwnSockets(bounds)
  t.teardown(() => {
    own.discard()
    for (const one of accepted) one.destroy()
    server.close()
  })
  const connect = async () => {
    const { port } = server.address() as AddressInfo
    const { socket, errors } = await new Promise<{ socket: Socket; errors: string[] }>(
      (resolve) => {
        const errors: string[] = []
        const socket = own.factory({
          host: '127.0.0.1',
          port,
          ssl: undefined as never, // as kafkajs does without TLS
          onConnect: () => resolve({ socket, errors }),
        })
        socket.on('error', ({ message }) => errors.push(message))
      },
    )
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    return { socket, errors, closed }
  }
  return { own, connect, accepted }
}
const passed = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

t.test('a request without an answer: the connection is destroyed with an error', async (t) => {
  const reasons: string[] = []
  const { own, connect } = await setUp(t, {
    silentMsMax: 500,
    onSilent: (reason) => reasons.push(reason),
  })
  const { socket, errors, closed } = await connect()
  socket.write(request(heartbeat))
  await closed
  const reason = 'a request had no answer and the connection was silent for 500 ms'
  t.same([errors, reasons], [[reason], [reason]])
  await t.rejects(own.lost, { message: /the connection to 127.0.0.1:\d+ was lost/ })
})

t.test('one that is idle, or answered, or slow with a long answer, stays', async (t) => {
  const { connect, accepted } = await setUp(t, { silentMsMax: 750 })
  const idle = await connect()
  const answered = await connect()
  answered.socket.write(request(heartbeat))
  accepted[1]?.write(frame(8))
  const slow = await connect()
  slow.socket.write(request(heartbeat))
  const long = frame(5_000)
  for (let i = 0; i < 10; i++) {
    accepted[2]?.write(long.subarray(i * 500, (i + 1) * 500))
    await passed(200)
  }
  t.same(
    [idle, answered, slow].map(({ socket }) => socket.destroyed),
    [false, false, false],
  )
  await slow.closed
  t.pass('and is destroyed once the long answer is no longer coming')
})

t.test('JoinGroup may wait longer, and what was sent behind it with it', async (t) => {
  const { connect } = await setUp(t, { silentMsMax: 250, groupSilentMsMax: 1_500 })
  const joining = await connect()
  joining.socket.write(request(joinGroup))
  joining.socket.write(request(heartbeat))
  const plain = await connect()
  plain.socket.write(request(heartbeat))
  await plain.closed
  t.notOk(joining.socket.destroyed)
  await joining.closed
  t.match(joining.errors, [/1500 ms/])
})

t.test('when one is silent, those that were merely quiet are replaced as well', async (t) => {
  const { connect, accepted } = await setUp(t, { silentMsMax: 1_000, groupSilentMsMax: 60_000 })
  const quiet = await connect()
  const joining = await connect()
  joining.socket.write(request(joinGroup))
  const talking = await connect()
  const saying = setInterval(() => accepted[2]?.write(frame(8)), 50)
  t.teardown(() => clearInterval(saying))
  const silent = await connect()
  silent.socket.write(request(heartbeat))
  await Promise.all([silent.closed, quiet.closed])
  t.same(quiet.errors, ['another connection to the same broker was silent'])
  t.same([joining.socket.destroyed, talking.socket.destroyed], [false, false])
})

t.test('one that was ended and never closed by the other side is destroyed, quietly', async (t) => {
  const { connect, accepted } = await setUp(t, { silentMsMax: 500 })
  const ended = await connect()
  accepted[0]?.pause()
  ended.socket.end()
  await ended.closed
  t.same(ended.errors, [])
})

t.test('after discard() none is left, and none can be opened', async (t) => {
  const { own, connect } = await setUp(t, { silentMsMax: 10_000 })
  const one = await connect()
  own.discard()
  await one.closed
  t.throws(() =>
    own.factory({ host: '127.0.0.1', port: 1, ssl: undefined as never, onConnect() {} }),
  )
})

t.test('a client that is given up gives up, whatever it was trying', async (t) => {
  const settings = { brokers: `127.0.0.1:${await freePort()}`, topic: 'none' }
  const own = createOwnSockets({ silentMsMax: 10_000 })
  let opened = 0
  const client = createClient(settings, silentLog, 30_000, {
    socketFactory(options) {
      opened++
      return own.factory(options)
    },
  })
  const trying = Promise.allSettled([client.admin().connect(), client.producer().connect()])
  await eventually(
    () => opened,
    (count) => count > 4,
  )
  own.discard()
  for (const { status } of await trying) t.equal(status, 'rejected')
  const before = opened
  await passed(2_000)
  t.equal(opened, before)
})

t.test('answers are counted however they are cut into chunks', (t) => {
  const random = seeded(t)
  for (let round = 0; round < 200; round++) {
    const lengths = Array.from({ length: random.below(8) }, () => random.below(40))
    const stream = Buffer.concat(lengths.map(frame))
    const count = createFrameCounter()
    let counted = 0
    for (let at = 0; at < stream.length;) {
      const end = at + 1 + random.below(30)
      counted += count(stream.subarray(at, end))
      at = end
    }
    t.equal(counted, lengths.length)
  }
  t.end()
})
