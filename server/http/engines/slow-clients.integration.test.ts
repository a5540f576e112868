// Clients that do not read, read slowly, say nothing, or say half of it (H4, H5): each costs a
// bounded amount, is cut off within its setting, and does not hold up the others.

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { eventually } from '../../../testing/eventually.ts'
import { silentLog } from '../../../testing/settings.ts'
import { freePort } from '../../../scripts/stack/ports.ts'
import { createReady, createReply, type App, type Engine, type EngineSettings } from './engine.ts'
import { createNodeEngine } from './node/node-http.ts'
import { createUwsEngine } from './uws/uws.ts'

const small = createReady(createReply(200, [], 'small'))
const large = createReady(createReply(200, [], Buffer.alloc(200_000, 'x')))
const app: App = {
  ready: (target) =>
    target === '/small' ? () => small : target === '/large' ? () => large : undefined,
  async handle(request) {
    const body = await request.body(1_000)
    return createReply(200, [], body.kind)
  },
}
const settings: EngineSettings = {
  headersTimeoutMs: 1_000,
  requestTimeoutMs: 2_000,
  keepAliveTimeoutMs: 1_000,
  writeStallTimeoutMs: 2_000,
  headerBytesMax: 16_384,
  connectionsMax: 20_000,
  backlog: 4_096,
  pipelineMax: 64,
  pendingMax: 10_000,
  unsentBytesMax: 16_000_000,
  wireBytesMax: 16_000_000,
}
const patient: EngineSettings = {
  ...settings,
  headersTimeoutMs: 60_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 60_000,
}

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`

const listen = (t: Test, overrides: EngineSettings = settings): Promise<number> =>
  listenWith(t, createNodeEngine(app, overrides))

const listenWith = async (t: Test, engine: Engine): Promise<number> => {
  const port = await freePort()
  await engine.listen('127.0.0.1', port)
  t.teardown(() => engine.drain(100))
  return port
}

const open = async (t: Test, port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  return socket
}

/** What came back until the server closed. */
const untilClosed = async (socket: Socket): Promise<string> => {
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
  if (!socket.closed) await once(socket, 'close')
  return received
}

const statusOf = (answer: string) => /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]

void t.test(
  'a client that pipelines 100,000 large lists and never reads costs little',
  async (t) => {
    const port = await listen(t)
    const socket = await open(t, port)
    socket.pause()
    const before = process.memoryUsage()
    let isClosed = false
    socket.once('close', () => (isClosed = true))
    socket.write(get('/large').repeat(100_000))
    let highest = 0
    await eventually(
      () => {
        const { rss, arrayBuffers } = process.memoryUsage()
        highest = Math.max(highest, rss - before.rss, arrayBuffers - before.arrayBuffers)
        // Reading nothing, it learns of the close only when it writes.
        socket.write('x')
        return isClosed
      },
      (closed) => closed,
      20_000,
    )
    // 5 MB of that are the requests themselves, in this same process.
    t.ok(highest < 64e6, `${Math.round(highest / 1e6)} MB`)
  },
)

void t.test('a client that reads slowly gets every byte', async (t) => {
  const port = await listen(t)
  const socket = await open(t, port)
  const count = 60
  socket.write(get('/large').repeat(count))
  let bytes = 0
  let answerLength = large.body.length
  socket.on('data', (chunk: Buffer) => {
    if (bytes === 0) answerLength = chunk.indexOf('\r\n\r\n') + 4 + large.body.length
    bytes += chunk.length
    socket.pause()
    setTimeout(() => socket.resume(), 5)
  })
  await eventually(
    () => bytes,
    (received) => received >= count * answerLength,
    60_000,
  )
  t.equal(bytes, count * answerLength)
})

void t.test(
  'the uws engine: a client that never reads is bounded, a slow one is served',
  async (t) => {
    // In a process of its own: what uWS buffers is the process's, and so is the bound.
    const child = fork(
      fileURLToPath(
        new URL('../../../testing/engines/uws-slow-clients-server.ts', import.meta.url),
      ),
    )
    t.teardown(() => child.kill())
    const ask = (): Promise<{ port: number; highestBytes: number }> => {
      const answer = once(child, 'message').then(([message]) => message as never)
      child.send('how much?')
      return answer
    }
    const { port, highestBytes: idleBytes } = await ask()
    const stuck = await Promise.all(Array.from({ length: 4 }, () => open(t, port)))
    for (const socket of stuck) {
      socket.pause()
      socket.write(get('/large').repeat(6_000))
    }
    const slow = await open(t, port)
    slow.write(get('/large'))
    let bytes = 0
    slow.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      slow.pause()
      setTimeout(() => slow.resume(), 5)
    })
    await eventually(
      () => bytes,
      (received) => received > large.body.length,
    )
    const { highestBytes } = await ask()
    // Unbounded, it is 4 x 6,000 x 200 KB: 4.8 GB.
    t.ok(highestBytes - idleBytes < 600e6, `${Math.round((highestBytes - idleBytes) / 1e6)} MB`)
  },
)

void t.test('those who keep us waiting are answered 408, or closed', async (t) => {
  const port = await listen(t)
  const cases: [string, string, string | undefined][] = [
    ['a silent connection', '', '408'],
    ['half a first request', 'GET /small HT', '408'],
    ['half a body', 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc', '408'],
    ['half an odd request', 'GET /odd HTTP/1.1\r\nHost', '408'],
  ]
  await Promise.all(
    cases.map(async ([name, bytes, status]) => {
      const socket = await open(t, port)
      if (bytes) socket.write(bytes)
      t.equal(statusOf(await untilClosed(socket)), status, name)
    }),
  )
})

void t.test('a large last answer gets there, whatever is sent behind it', async (t) => {
  const port = await listen(t, patient)
  const socket = await open(t, port)
  socket.pause()
  socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20))
  socket.write('GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await new Promise((resolve) => setTimeout(resolve, 100))
  socket.write('and this is not HTTP\r\n\r\n')
  await new Promise((resolve) => setTimeout(resolve, 100))
  const received = await untilClosed(socket.resume())
  t.equal(received.match(/HTTP\/1\.1 200/g)?.length, 21)
  t.equal(received.match(/x+/g)?.join('').length, 21 * large.body.length)
})

void t.test(
  'a client that keeps its half open after our last word is not waited for',
  async (t) => {
    const port = await listen(t)
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    socket.write('this is not HTTP\r\n\r\n')
    let received = ''
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
    await once(socket, 'end')
    t.equal(statusOf(received), '400')
    // The server's end is gone when what we send is answered with a reset.
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    const talking = setInterval(() => socket.write('still here'), 100)
    t.teardown(() => clearInterval(talking))
    await gone
    t.pass('closed')
  },
)

void t.test('a connection that the fast path owns is held to the same', async (t) => {
  // Far longer than the steady one pauses: a loop that is held up runs the timeout before it reads.
  const port = await listen(t, { ...settings, keepAliveTimeoutMs: 3_000 })
  const [idle, half, steady] = await Promise.all([open(t, port), open(t, port), open(t, port)])
  idle.write(get('/small').repeat(1_000))
  half.write(`${get('/small').repeat(3)}GET /sm`)
  const steadyAnswers: string[] = []
  steady.on('data', (chunk: Buffer) => steadyAnswers.push(chunk.toString()))
  const talking = setInterval(() => steady.write(get('/small')), 200)
  t.teardown(() => clearInterval(talking))

  const [idleAnswers, halfAnswers] = await Promise.all([untilClosed(idle), untilClosed(half)])
  t.equal(idleAnswers.match(/HTTP\/1\.1 200/g)?.length, 1_000)
  t.notMatch(idleAnswers, /408/, 'an idle keep-alive connection is closed without a word')
  t.equal(halfAnswers.match(/HTTP\/1\.1 200/g)?.length, 3)
  t.match(halfAnswers, /HTTP\/1\.1 408/)
  t.equal(steady.destroyed, false, 'one that goes on asking is not')
  t.ok(steadyAnswers.length > 0)
})

void t.test('a request that drips in is late, whichever of its connection it is', async (t) => {
  const port = await listen(t)
  const post = (body: string) => `POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n${body}`
  const long = (target: string) =>
    get(target).replace('\r\n\r\n', `\r\nX: ${'y'.repeat(900)}\r\n\r\n`)
  const cases: [string, string, string, number][] = [
    ['the first', '', long('/small'), 0],
    ['a later one like the first', long('/small').repeat(2), long('/small'), 2],
    ['a later one unlike the first', get('/small'), long('/odd'), 1],
    ['one behind node:http has answered', get('/odd'), long('/odd'), 1],
    ['a body', '', post('z'.repeat(900)), 0],
    ['a body on a used connection', get('/small'), post('z'.repeat(900)), 1],
  ]
  await Promise.all(
    cases.map(async ([name, before, dripped, answered]) => {
      const socket = await open(t, port)
      socket.setNoDelay(true)
      if (before !== '') socket.write(before)
      let sent = 0
      const dripping = setInterval(() => {
        if (sent < dripped.length) socket.write(dripped.charAt(sent++))
      }, 100)
      t.teardown(() => clearInterval(dripping))
      const received = await untilClosed(socket)
      t.ok(sent < dripped.length, `${name}: closed before it was whole`)
      t.equal(received.match(/HTTP\/1\.1 200/g)?.length ?? 0, answered, name)
      t.match(received, /HTTP\/1\.1 408/, name)
    }),
  )
})

void t.test('a request that trickles in is answered when it is whole', async (t) => {
  const port = await listen(t, patient)
  const socket = await open(t, port)
  const stream = get('/small').repeat(2)
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
  for (const byte of stream) {
    socket.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await eventually(
    () => received.match(/HTTP\/1\.1 200/g)?.length ?? 0,
    (count) => count === 2,
  )
  t.pass('twice')
})

// In a process of its own: both ends in one would need more files than most systems let it open.
const idleClients = `
  const [port, count] = process.argv.slice(1).map(Number)
  let open = 0
  const connectOne = () => {
    const socket = require('node:net').connect(port, '127.0.0.1', () => {
      open++
      if (open === count) console.log('open')
      else if (open + 100 <= count) connectOne()
    })
    socket.on('close', () => process.exit(1))
  }
  for (let i = 0; i < 100; i++) connectOne()
`

void t.test('ten thousand idle connections do not hold up a fresh one', async (t) => {
  const port = await listen(t, { ...patient, connectionsMax: 20_000 })
  const clients = spawn(process.execPath, ['--eval', idleClients, String(port), '10000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => clients.kill('SIGKILL'))
  const [word] = (await once(clients.stdout, 'data')) as [Buffer]
  t.equal(word.toString().trim(), 'open')
  const socket = await open(t, port)
  socket.write(get('/small'))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.equal(statusOf(answer.toString()), '200')
  t.equal(clients.exitCode, null, 'none of the others was closed')
})

const limited = { ...patient, connectionsMax: 2 }
const limitedEngines = {
  node: () => createNodeEngine(app, limited),
  uws: () => createUwsEngine(app, limited, silentLog),
}
for (const [name, create] of Object.entries(limitedEngines)) {
  void t.test(
    `${name}: connections past the limit are closed, and room is made again`,
    async (t) => {
      const port = await listenWith(t, await create())
      const [first, second] = [await open(t, port), await open(t, port)]
      const third = await open(t, port)
      t.equal(await untilClosed(third), '')
      first.destroy()
      await eventually(
        async () => {
          const socket = await open(t, port)
          socket.write(get('/small'))
          return Promise.race([
            once(socket, 'data').then(() => true),
            once(socket, 'close').then(() => false),
          ])
        },
        (answered) => answered,
      )
      t.equal(second.destroyed, false)
    },
  )
}
