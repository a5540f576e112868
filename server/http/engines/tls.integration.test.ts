// HTTPS on both engines: what they answer is the same as without, and who speaks something old, something
// else, or nothing is turned away and takes nobody with him.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectPlain, createServer, type AddressInfo, type Socket } from 'node:net'
import { connect } from 'node:tls'
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import WebSocket from 'ws'
import { createAuthority } from '../../../scripts/stack/certificates.ts'
import { loopback } from '../../../scripts/stack/ports.ts'
import {
  echo,
  engineNames,
  patientSettings,
  read,
  serve,
} from '../../../testing/engines/harness.ts'
import { eventually } from '../../../testing/eventually.ts'
import { seeded } from '../../../testing/seeded.ts'
import { testDirectory } from '../../../testing/services.ts'
import { checkTlsVersions, isResumed, openTls } from '../../../testing/tls-client.ts'
import { createReady, createReply, largeBytesMin, type App, type TlsFiles } from './engine.ts'
import { checkHandshake } from './web-socket.ts'

const list = createReady(createReply(200, ['ETag', '"1"'], `[${'"a todo",'.repeat(250)}0]`))
const big = Buffer.alloc(4 * largeBytesMin, 'x')
const app: App = {
  ready: (target) => (target === '/todos?limit=10' ? () => list : undefined),
  async handle(request) {
    if (request.path === '/big') return createReply(200, [], big)
    const body = await request.body(1_000)
    return createReply(202, [], body.kind === 'read' ? `took ${body.bytes.toString()}` : body.kind)
  },
  webSockets: {
    paths: ['/live'],
    messageBytesMax: 1_000,
    bufferedBytesMax: 100_000,
    accept(request) {
      checkHandshake(request)
      return echo
    },
  },
}

const get = 'GET /todos?limit=10 HTTP/1.1\r\nHost: a\r\n\r\n'
const post = 'POST /todos HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n{"title":"x"}'

type Certified = { readonly ca: Buffer; readonly tls: TlsFiles }

const certify = async (t: Test): Promise<Certified> => {
  const authority = await createAuthority(await testDirectory(t), 'authority')
  return {
    ca: await readFile(authority.certFile),
    tls: { ...(await authority.issue('api')), ticketKeys: randomBytes(48) },
  }
}

const statusesOf = async (port: number, ca: Buffer, bytes: string, count: number) => {
  const socket = await openTls(port, { ca })
  socket.write(bytes)
  const answers = await read(socket, { count })
  socket.destroy()
  return answers.map(({ status }) => status)
}

for (const name of engineNames) {
  void t.test(name, async (t) => {
    const { ca, tls } = await certify(t)
    const port = await serve(t, name, app, { ...patientSettings, tls })

    await t.test('answers as without it', async (t) => {
      const gets = 64
      t.same(await statusesOf(port, ca, get.repeat(gets), gets), Array<number>(gets).fill(200))
      const socket = await openTls(port, { ca })
      for (const byte of get) socket.write(byte)
      t.match(await read(socket), [{ status: 200, body: list.body.toString() }])
      socket.write(post)
      t.match(await read(socket), [{ status: 202, body: 'took {"title":"x"}' }])
      socket.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n')
      const [large] = await read(socket)
      t.equal(large?.body.length, big.length)
      socket.destroy()
    })

    await t.test('a WebSocket', async (t) => {
      const socket = new WebSocket(`wss://${loopback}:${port}/live`, { ca })
      await once(socket, 'open')
      socket.send('hello')
      const [heard] = (await once(socket, 'message')) as [Buffer]
      t.equal(heard.toString(), 'hello')
      socket.close()
      await once(socket, 'close')
    })

    await t.test('versions and ciphers', (t) => checkTlsVersions(t, port, ca))

    await t.test('who speaks something else is closed, and others go on', async (t) => {
      const random = seeded(t)
      const neighbour = await openTls(port, { ca })
      const hello = await helloOf()
      for (let i = 0; i < 200; i++) {
        const bytes = [
          Buffer.from(get),
          randomBytes(1 + random.below(600)),
          hello.subarray(0, random.below(hello.length)),
          broken(hello, random),
        ][random.below(4)] as Buffer
        const socket = connectPlain(port, loopback)
        socket.on('error', () => {})
        socket.on('data', () => {})
        socket.end(bytes)
        if (random.below(2) === 0) socket.once('connect', () => socket.destroy())
        await once(socket, 'close')
      }
      neighbour.write(get)
      t.match(await read(neighbour), [{ status: 200 }])
      neighbour.destroy()
    })

    await t.test('a session is resumed', async (t) => {
      // uWebSockets.js seals with keys of each process's own.
      const other = name === 'node' ? await serve(t, name, app, { ...patientSettings, tls }) : port
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const options = { ca, minVersion: version, maxVersion: version }
        t.ok(await isResumed({ port, other, request: get }, options), version)
      }
    })
  })
}

/** The first bytes of a client that shakes hands. */
const helloOf = async (): Promise<Buffer> => {
  const listener = createServer()
  await once(listener.listen(0, loopback), 'listening')
  const at = (listener.address() as AddressInfo).port
  const client = connect({ port: at, host: loopback })
  client.on('error', () => {})
  const [socket] = (await once(listener, 'connection')) as [Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  listener.close()
  return bytes
}

const broken = (bytes: Buffer, random: { below(max: number): number }): Buffer => {
  const copy = Buffer.from(bytes)
  for (let i = 0; i < 4; i++) copy[random.below(copy.length)] = random.below(256)
  return copy
}

void t.test('node: who does not shake hands is cut', async (t) => {
  const { tls } = await certify(t)
  const port = await serve(t, 'node', app, { ...patientSettings, headersTimeoutMs: 1_000, tls })
  const hello = await helloOf()
  for (const bytes of [Buffer.alloc(0), hello.subarray(0, 20), hello]) {
    const socket = connectPlain(port, loopback)
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.write(bytes)
    await once(socket, 'close')
  }
  t.pass('each of them')
})

void t.test('node: a client that reads nothing holds no more than its share', async (t) => {
  const { ca, tls } = await certify(t)
  const port = await serve(t, 'node', app, { ...patientSettings, writeStallTimeoutMs: 1_000, tls })
  const socket = await openTls(port, { ca })
  socket.pause()
  let isClosed = false
  socket.once('close', () => (isClosed = true))
  for (let i = 0; i < 64; i++) socket.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(
    () => {
      if (!isClosed) socket.write('\r\n')
      return Promise.resolve(isClosed)
    },
    (is) => is,
    20_000,
  )
  t.ok(isClosed)
})
