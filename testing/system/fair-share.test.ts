// One client's flood of pipelined point reads costs the others their fair share and no more. Fifty
// others read lists and write meanwhile: no request fails, and no process ends. It ended server
// processes. FLOOD_SECONDS=… runs longer; what the others waited is printed, quiet and during the
// flood.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { forksOf, startServer } from '../../scripts/stack/processes.ts'
import { generousTimeouts, testSecret } from '../settings.ts'
import { testDatabase, testTopic } from '../services.ts'
import { engineNames } from '../engines/harness.ts'

const clients = 50
const given = process.env['FLOOD_SECONDS']
const seconds = Number(given ?? 3)
/** Each client asks, waits for the answer, and pauses: the others are not a flood themselves. */
const pauseMs = 20

const start = async (t: Test, settings: Record<string, string>) => {
  const server = await startServer({
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: await testDatabase(t),
    KAFKA_TODO_TOPIC: testTopic(),
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'warn',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    HTTP_PROCESSES: '2',
    ...generousTimeouts,
    ...settings,
  })
  t.teardown(() => server.stop())
  return server
}

const list = 'GET /todos?limit=10 HTTP/1.1\r\nHost: a\r\n\r\n'
const body = '{"title":"x"}'
const write = [
  'POST /todos HTTP/1.1',
  'Host: a',
  `Authorization: Bearer ${signToken(testSecret, 'ann', 3_600)}`,
  'Content-Type: application/json',
  `Content-Length: ${body.length}`,
  '',
  body,
].join('\r\n')

type Seen = { readonly tookMs: number[]; readonly failures: string[] }

/** Reads and writes in turn on one connection until `isOver`. */
const converse = async (
  t: Test,
  port: number,
  isOver: () => boolean,
  { tookMs, failures }: Seen,
) => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', (error) => failures.push(error.message))
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  for (let i = 0; !isOver(); i++) {
    const [request, status] = i % 5 === 4 ? [write, 202] : [list, 200]
    const sentMs = performance.now()
    socket.write(request)
    const answer = await wholeAnswer(socket)
    tookMs.push(performance.now() - sentMs)
    if (!answer.startsWith(`HTTP/1.1 ${status} `)) failures.push(answer.slice(0, 200) || 'closed')
    if (answer === '') return
    await delay(pauseMs)
  }
}

const wholeAnswer = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let text = ''
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const headEnd = text.indexOf('\r\n\r\n')
      const length = Number(/Content-Length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (headEnd === -1 || text.length < headEnd + 4 + length) return
      socket.off('data', onData)
      socket.off('close', onClose)
      resolve(text)
    }
    const onClose = () => resolve('')
    socket.on('data', onData)
    socket.once('close', onClose)
  })

/** Connections with that many pipelined point reads, each opened anew when it is answered or closed. */
const flood = async (t: Test, port: number, isOver: () => boolean, counts: readonly number[]) => {
  const point = 'GET /todos/no-such-todo-anywhere HTTP/1.1\r\nHost: a\r\n\r\n'
  let answers = 0
  const keepOn = async (count: number) => {
    while (!isOver()) {
      const socket = connect(port, '127.0.0.1')
      t.teardown(() => socket.destroy())
      socket.on('error', () => {})
      socket.write(point.repeat(count))
      let left = count
      socket.on('data', (chunk: Buffer) => {
        const came = chunk.toString('latin1').split('HTTP/1.1 ').length - 1
        answers += came
        left -= came
        if (left <= 0) socket.destroy()
      })
      while (!socket.destroyed && !isOver()) await delay(50)
      socket.destroy()
    }
  }
  await Promise.all(counts.map(keepOn))
  return answers
}

const percentile = (sorted: readonly number[], share: number) =>
  (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)

const others = async (t: Test, port: number, name: string, forSeconds: number) => {
  const seen: Seen = { tookMs: [], failures: [] }
  const endMs = performance.now() + forSeconds * 1_000
  const isOver = () => performance.now() > endMs
  await Promise.all(Array.from({ length: clients }, () => converse(t, port, isOver, seen)))
  const sorted = seen.tookMs.sort((a, b) => a - b)
  t.comment(
    `${name}: ${sorted.length} requests, p50 ${percentile(sorted, 0.5)} ms, p99 ${percentile(sorted, 0.99)} ms`,
  )
  t.same(seen.failures, [], `${name}: none fails`)
}

for (const engine of engineNames) {
  for (const limit of ['1000', '0']) {
    t.test(`${engine}, LIMIT_READ_BURST=${limit}: fifty others beside a flood`, async (t) => {
      const server = await start(t, { HTTP_ENGINE: engine, LIMIT_READ_BURST: limit })
      const before = forksOf(server)
      // Only what they are asked during the flood proves something: these are for a reader to compare with.
      if (given !== undefined) {
        await others(t, server.port, 'warming up', seconds / 4)
        await others(t, server.port, 'quiet', seconds / 4)
      }
      let isOver = false
      const flooding = flood(t, server.port, () => isOver, [100_000, 20_000, 20_000])
      await others(t, server.port, 'during the flood', seconds)
      isOver = true
      t.comment(`${await flooding} answers to the flood`)
      t.same(forksOf(server), before, 'no process ended')
    })
  }
}
