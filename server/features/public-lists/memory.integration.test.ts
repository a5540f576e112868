// What lists take of a server process: 1,000 todos of 12 KB, asked for at 200 lengths with and without
// gzip, by clients that read and by clients that do not, took 2 to 3.75 GB. LIST_MEMORY_MAX_MB bounds it.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { forksOf, startServer } from '../../../scripts/stack/processes.ts'
import { eventually } from '../../../testing/eventually.ts'
import { generousTimeouts, testSecret } from '../../../testing/settings.ts'
import { testDatabase, testTopic } from '../../../testing/services.ts'
import { engineNames } from '../../../testing/engines/harness.ts'

/** Node, the lists and their JSON on its way from Postgres, twice; unbounded it was 2 GB and more. */
const residentBytesMax = 500e6

const start = async (t: Test, engine: string) => {
  const url = await testDatabase(t)
  const sql = postgres(url, { max: 1 })
  // 2,000 control characters, each six bytes of JSON.
  await sql`
    INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
    SELECT 'todo-' || n, 'title', (
      SELECT string_agg(chr(1 + floor(random() * 7)::int), '' ORDER BY i)
      FROM generate_series(1, 2000 + 0 * n) AS i
    ), false, 'ann', now(), now(), 1
    FROM generate_series(1, 1000) AS n`
  await sql.end()
  const server = await startServer({
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: url,
    KAFKA_TODO_TOPIC: testTopic(),
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'warn',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    HTTP_PROCESSES: '1',
    HTTP_ENGINE: engine,
    ...generousTimeouts,
    LIST_MEMORY_MAX_MB: '64',
  })
  t.teardown(() => server.stop())
  return server
}

const head = (limit: number, ...lines: string[]) =>
  [`GET /todos?limit=${limit} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')
const gzip = 'Accept-Encoding: gzip'

const open = async (t: Test, port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

type Answer = { readonly isGzip: boolean; readonly body: Buffer }

/** The whole answer; the body's bytes are counted, and kept only where `isKept`. */
const ask = async (t: Test, port: number, request: string): Promise<Answer> => {
  const socket = await open(t, port)
  socket.write(request)
  const chunks: Buffer[] = []
  let bytes = 0
  let length = Infinity
  let isGzip = false
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error(`closed after ${bytes} of ${length} bytes`)))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (length === Infinity) {
        const start = Buffer.concat(chunks).toString('latin1')
        const headEnd = start.indexOf('\r\n\r\n')
        if (headEnd === -1) return
        length = headEnd + 4 + Number(/Content-Length: (\d+)/i.exec(start)?.[1])
        isGzip = /Content-Encoding: gzip/i.test(start.slice(0, headEnd))
        if (!start.startsWith('HTTP/1.1 200 ')) reject(new Error(start.slice(0, headEnd)))
      }
      if (bytes < length) return
      socket.removeAllListeners('close')
      socket.destroy()
      const whole = Buffer.concat(chunks)
      resolve({ isGzip, body: whole.subarray(whole.indexOf('\r\n\r\n') + 4) })
    })
  })
}

const countOf = ({ isGzip, body }: Answer): number =>
  (JSON.parse((isGzip ? gunzipSync(body) : body).toString()) as object[]).length

/** The most that a process has had resident. */
const highestBytes = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

for (const engine of engineNames) {
  t.test(`${engine}: long lists of many lengths take a bounded amount of memory`, async (t) => {
    const server = await start(t, engine)
    const [pid = 0] = forksOf(server)
    const limits = Array.from({ length: 200 }, (_, i) => 801 + i)

    // Clients that never read, then some that do, ten at a time.
    for (const limit of limits) {
      const stuck = await open(t, server.port)
      stuck.pause()
      stuck.write(head(limit, ...(limit % 2 === 0 ? [gzip] : [])))
    }
    const left = limits.filter((limit) => limit % 5 === 0)
    const readAll = async () => {
      for (let limit = left.pop(); limit !== undefined; limit = left.pop()) {
        const lines = limit % 2 === 0 ? [gzip] : []
        const answer = await ask(t, server.port, head(limit, ...lines))
        if (limit % 50 === 0) t.equal(countOf(answer), limit)
      }
    }
    await Promise.all(Array.from({ length: 10 }, readAll))

    for (const limit of [1_000, 850]) {
      const answer = await eventually(
        () => ask(t, server.port, head(limit, gzip)),
        ({ isGzip }) => isGzip,
      )
      t.equal(countOf(answer), limit, 'compressed in the end')
    }
    const highest = highestBytes(pid)
    t.comment(`${Math.round(highest / 1e6)} MB at most`)
    t.ok(highest < residentBytesMax, `${Math.round(highest / 1e6)} MB`)
    t.same(forksOf(server), [pid], 'the process lives')
  })
}
