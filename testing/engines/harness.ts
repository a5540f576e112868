// What the engine suites share: a server process on either engine, raw bytes in, whole answers out. It
// also removes what is the engine's own, so that the rest can be compared.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { freePort } from '../../scripts/stack/ports.ts'
import { silentLog, testConfig } from '../settings.ts'
import { startFork } from '../../server/fork.ts'
import type { App, Engine, EngineSettings } from '../../server/http/engines/engine.ts'
import { createNodeEngine } from '../../server/http/engines/node/node-http.ts'
import { createUwsEngine } from '../../server/http/engines/uws/uws.ts'
import type { Acceptance } from '../../server/http/engines/web-socket.ts'

export const engineNames = ['node', 'uws'] as const
export type EngineName = (typeof engineNames)[number]

/** Nothing times out while a test runs. */
export const patientSettings: EngineSettings = {
  headersTimeoutMs: 30_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 30_000,
  writeStallTimeoutMs: 30_000,
  headerBytesMax: 16_384,
  connectionsMax: 1_000,
  backlog: 128,
  pipelineMax: 64,
  pendingMax: 10_000,
  unsentBytesMax: 16_000_000,
  wireBytesMax: 16_000_000,
}

export const createEngine = async (
  name: EngineName,
  app: App,
  settings: EngineSettings,
): Promise<Engine> =>
  name === 'node' ? createNodeEngine(app, settings) : createUwsEngine(app, settings, silentLog)

/** A WebSocket that sends back what it is sent. */
export const echo: Acceptance = {
  protocol: undefined,
  open: (socket) => ({
    onText: (text) => socket.send(Buffer.from(text)),
    onControl() {},
    onDrain() {},
    onClose() {},
  }),
}

/** `app` on an engine of the test's own; the port. */
export const serve = async (
  t: Test,
  name: EngineName,
  app: App,
  settings: EngineSettings = patientSettings,
): Promise<number> => {
  const engine = await createEngine(name, app, settings)
  const port = await freePort()
  await engine.listen('127.0.0.1', port)
  t.teardown(() => engine.drain(100))
  return port
}

/** A server process's every part, wired as it is in production, with the embedded drivers. */
export const serveAll = async (
  t: Test,
  settings: { engine: EngineName; databaseUrl: string; log: string; more?: NodeJS.ProcessEnv },
): Promise<number> => {
  const port = await freePort()
  const config = testConfig({
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: settings.databaseUrl,
    HTTP_ENGINE: settings.engine,
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: String(port),
    HTTP_PROCESSES: '1',
    KAFKA_TODO_TOPIC: settings.log,
    HTTP_DRAIN_TIMEOUT_MS: '100',
    ...settings.more,
  })
  const fork = await startFork(config, undefined, 3_000)
  t.teardown(() => fork.stop())
  return port
}

export type Answer = {
  readonly status: number | undefined
  /** The status line and the headers. */
  readonly head: readonly string[]
  readonly body: string
}

type ExchangeOptions = {
  /** How many answers to wait for; fewer come only if the server closes the connection. */
  readonly count?: number
  /** The answers are to HEAD requests: none has a body. */
  readonly isHead?: boolean
  /** Says with a FIN that nothing follows, so that a server which waits for more need not time out. */
  readonly end?: boolean
}

/** Sends bytes on a connection of their own and reads the answers. */
export const exchange = async (
  port: number,
  bytes: string | Buffer,
  options: ExchangeOptions = {},
) => {
  const socket = await open(port)
  if (options.end) socket.end(bytes)
  else socket.write(bytes)
  const answers = await read(socket, options)
  socket.destroy()
  return answers
}

export const open = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => socket.destroy())
  return socket
}

/** The next answers on a connection, in order. */
export const read = (socket: Socket, { count = 1, isHead = false }: ExchangeOptions = {}) =>
  new Promise<Answer[]>((resolve) => {
    const answers: Answer[] = []
    let rest = Buffer.alloc(0)
    const done = () => {
      socket.off('data', onData)
      socket.off('close', done)
      resolve(answers)
    }
    const onData = (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      for (let one = firstAnswer(rest, isHead); one; one = firstAnswer(rest, isHead)) {
        answers.push(one.answer)
        rest = rest.subarray(one.length)
      }
      if (answers.length >= count) done()
    }
    socket.on('data', onData)
    if (socket.destroyed) done()
    else socket.on('close', done)
  })

/** The whole answer that a stream begins with, and its length in bytes. */
const firstAnswer = (stream: Buffer, isHead: boolean) => {
  const end = stream.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = stream.toString('latin1', 0, end).split('\r\n')
  const bodyLength = head.find((line) => /^content-length: /i.test(line))?.slice(16)
  const isChunked = !isHead && head.some((line) => /^transfer-encoding: chunked$/i.test(line))
  const framed = isChunked
    ? chunkedBody(stream, end + 4)
    : plainBody(stream, end + 4, isHead ? 0 : Number(bodyLength ?? 0))
  if (!framed) return undefined
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head[0] ?? '')?.[1])
  const answer: Answer = { status, head, body: framed.body.toString() }
  return { answer, length: framed.end }
}

const plainBody = (stream: Buffer, start: number, length: number) =>
  stream.length < start + length
    ? undefined
    : { body: stream.subarray(start, start + length), end: start + length }

/** RFC 9112 section 7.1, without extensions or trailers. */
const chunkedBody = (stream: Buffer, start: number) => {
  const chunks: Buffer[] = []
  for (let at = start; ;) {
    const lineEnd = stream.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const length = parseInt(stream.toString('latin1', at, lineEnd), 16)
    if (Number.isNaN(length)) throw new Error(`no chunk at ${at}`)
    const next = lineEnd + 2 + length + 2
    if (next > stream.length) return undefined
    if (length === 0) return { body: Buffer.concat(chunks), end: next }
    chunks.push(stream.subarray(lineEnd + 2, next - 2))
    at = next
  }
}

export const headerOf = (answer: Answer | undefined, name: string): string | undefined =>
  answer?.head
    .find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}: `))
    ?.slice(name.length + 2)

/** Engine headers: theirs to choose, not ours to compare. */
const isEngines = (line: string) => /^(date|connection|keep-alive|uwebsockets): /i.test(line)

/** What must be the same on both engines, byte for byte. Ids are new for each request. */
export const comparable = ({ head, body }: Answer) => ({
  head: head
    .filter((line) => !isEngines(line))
    .map((line) => line.replace(/^(X-Request-Id: |Location: .*\/)[\w-]{33,36}$/, '$1…')),
  body: body.replace(/"id":"[\w-]{30,}"/, '"id":"…"'),
})
