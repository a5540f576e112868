// The lists change while copies of them are being written (H10): each answer is one whole version with
// the length that it says, and none on a connection is older than the one before it. One writer makes
// todos that are numbered, so a list that is mixed of two versions, or cut, has a gap in its numbers.
// CHANGES_SECONDS=3600 goes on for an hour.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { signToken } from '../../../lib/accounts/access-token.ts'
import { startServer, startWorker } from '../../../scripts/stack/processes.ts'
import { loopback } from '../../../scripts/stack/ports.ts'
import { eventually } from '../../../testing/eventually.ts'
import { generousTimeouts, testSecret } from '../../../testing/settings.ts'
import { seeded } from '../../../testing/seeded.ts'
import { testDatabase, testTopic } from '../../../testing/services.ts'
import { engineNames, type EngineName } from '../../../testing/engines/harness.ts'

const seconds = Number(process.env['CHANGES_SECONDS'] ?? 5)
const connections = 6
const todosAtFirst = 1_000
/** So many versions are seen, however slow the machine. */
const versionsMin = 10

type Random = ReturnType<typeof seeded>
type Asked = { readonly limit: number; readonly bytes: string; readonly etag: string | undefined }

/** One server process, one partition: todos become visible in the order in which they are numbered. */
const setUp = async (t: Test, engine: EngineName) => {
  const databaseUrl = await testDatabase(t)
  const sql = postgres(databaseUrl, { max: 1 })
  await sql`
    INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
    SELECT 'first-' || n, n, '', false, 'ann', at, at, 0
    FROM generate_series(1, ${todosAtFirst}::int) n, LATERAL (
      SELECT now() - interval '1 hour' + n * interval '1 ms' AS at) times`
  await sql.end()
  const environment = {
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: databaseUrl,
    KAFKA_TODO_TOPIC: testTopic(),
    KAFKA_PARTITIONS: '1',
    JWT_SECRET: testSecret,
    HTTP_ENGINE: engine,
    HTTP_PROCESSES: '1',
    HTTP_HOST: loopback,
    HTTP_PORT: '0',
    LOG_LEVEL: 'error',
    ...generousTimeouts,
  }
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  const headers = {
    Authorization: `Bearer ${signToken(testSecret, 'ann', 36_000)}`,
    'Content-Type': 'application/json',
  }
  const write = async (title: number) => {
    const response = await fetch(`http://${loopback}:${server.port}/todos`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ title: String(title) }),
    })
    if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`)
    await response.arrayBuffer()
  }
  return { port: server.port, write }
}

/** What all connections saw; the first of `faults` is the one to look at. */
const createSeen = () => {
  const faults: string[] = []
  const sockets = new Set<Socket>()
  const newestOf = new Map<string, number>()
  let answers = 0
  let unchanged = 0
  return {
    faults,
    sockets,
    /** The first ends it all: behind a wrong length nothing can be read any more. */
    fault(what: string) {
      faults.push(what)
      for (const socket of sockets) socket.destroy()
    },
    /** False when the same ETag stood for another version before. */
    isVersion(etag: string, newest: number) {
      const known = newestOf.get(etag)
      if (known === undefined) newestOf.set(etag, newest)
      return known === undefined || known === newest
    },
    count(isNotModified: boolean) {
      answers++
      if (isNotModified) unchanged++
    },
    answers: () => answers,
    unchanged: () => unchanged,
    versions: () => new Set(newestOf.values()).size,
  }
}

/** One connection: bursts of requests, cut anywhere, each burst answered before the next. */
const converse = async (
  port: number,
  engine: EngineName,
  random: Random,
  seen: ReturnType<typeof createSeen>,
) => {
  const socket = connect({ port, host: loopback, noDelay: true })
  seen.sockets.add(socket.once('close', () => seen.sockets.delete(socket)))
  await once(socket, 'connect')
  const newest = new Map<number, number>()
  /** Looked at already; most answers of a run are the same bytes. */
  let last: { readonly asked: Asked; readonly head: string; readonly body: Buffer } | undefined
  const etags = new Map<number, string>()
  const nextBurst = createHabit(engine, random, etags)
  const next = createReader(socket)
  for (let bursts = 1 + random.below(20); bursts > 0; bursts--) {
    const burst = nextBurst()
    sendCut(
      socket,
      burst.map(({ bytes }) => bytes).join(''),
      engine === 'node' ? random : undefined,
    )
    if (random.below(2) === 0) await unread(socket, random.below(50))
    for (const asked of burst) {
      const answer = await next()
      const fault = answer ? check(asked, answer) : 'the connection was closed'
      if (fault !== undefined) {
        seen.fault(`${fault}; asked: ${JSON.stringify(asked.bytes)}, with ${burst.length} at once`)
        return
      }
    }
    await delay(random.below(5))
  }
  socket.destroy()

  function check(asked: Asked, { head, body }: Answer): string | undefined {
    const isNotModified = head.startsWith('HTTP/1.1 304 ')
    seen.count(isNotModified)
    const etag = /\r\nETag: (.*)/i.exec(head)?.[1]
    if (etag === undefined) return `no ETag: ${head}`
    if (isNotModified) {
      return etag === asked.etag ? undefined : `304 with ${etag} for ${asked.etag}`
    }
    if (!head.startsWith('HTTP/1.1 200 ')) return head
    if (last?.asked === asked && last.head === head && last.body.equals(body)) return undefined
    const isZipped = /\r\nContent-Encoding: gzip/i.test(head)
    const numbers = (
      JSON.parse((isZipped ? gunzipSync(body) : body).toString()) as { title: string }[]
    ).map(({ title }) => Number(title))
    const [first = NaN] = numbers
    if (numbers.length !== asked.limit) return `${numbers.length} todos of ${asked.limit}`
    const gap = numbers.findIndex((number, at) => number !== first - at)
    if (gap !== -1) return `mixed: ${numbers.slice(Math.max(0, gap - 3), gap + 3).join()}`
    if (first < (newest.get(asked.limit) ?? 0))
      return `back from ${newest.get(asked.limit)} to ${first}`
    if (!seen.isVersion(etag, first)) return `${etag} is of two versions, one of them ${first}`
    newest.set(asked.limit, first)
    etags.set(asked.limit, etag)
    last = { asked, head, body }
    return undefined
  }
}

/**
 * What a connection asks for: one request all its life, which the fast path keeps, or now this and now
 * that, which goes to node's parser. uWebSockets.js closes a connection on which more comes while a large
 * answer drains, so there such a list is asked for alone.
 */
const createHabit = (engine: EngineName, random: Random, etags: Map<number, string>) => {
  const anyRequest = (): Asked => {
    const limit = [3, 10, 1_000][random.below(3)] ?? 10
    const etag = random.below(4) === 0 ? etags.get(limit) : undefined
    const lines = [
      'Host: a',
      ...(random.below(2) === 0 ? ['Accept-Encoding: gzip'] : []),
      ...(etag === undefined ? [] : [`If-None-Match: ${etag}`]),
    ]
    return {
      limit,
      bytes: `GET /todos?limit=${limit} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`,
      etag,
    }
  }
  const run = (asked: Asked): Asked[] => {
    const copiesMax = asked.limit < 1_000 ? 80 : engine === 'node' ? 40 : 1
    return Array.from({ length: 1 + random.below(copiesMax) }, () => asked)
  }
  const only = anyRequest()
  const runs = engine === 'node' ? 4 : 1
  return random.below(3) === 0
    ? () => Array.from({ length: 1 + random.below(runs) }, () => run(anyRequest())).flat()
    : () => run(only)
}

/** In one piece, or in two; uws's binary is known to fail at a cut (torn-packets.test.ts). */
const sendCut = (socket: Socket, bytes: string, random: Random | undefined) => {
  const at = random ? random.below(bytes.length) : 0
  if (at > 0) socket.write(bytes.slice(0, at))
  setImmediate(() => socket.write(bytes.slice(at)))
}

/** For so long the server's answers pile up: copies wait to be written while the list goes on. */
const unread = async (socket: Socket, ms: number) => {
  socket.pause()
  await delay(ms)
  socket.resume()
}

type Answer = { readonly head: string; readonly body: Buffer }

/** The next answer on a connection; undefined when it was closed before one was whole. */
const createReader = (socket: Socket) => {
  let received: Buffer = Buffer.alloc(0)
  let wake = () => {}
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    wake()
  })
  socket.on('error', () => {})
  socket.on('close', () => wake())
  const take = (): Answer | undefined => {
    const end = received.indexOf('\r\n\r\n')
    if (end === -1) return undefined
    const head = received.toString('latin1', 0, end)
    const length = head.startsWith('HTTP/1.1 304')
      ? 0
      : /\r\nContent-Length: (\d+)/i.exec(head)?.[1]
    const bodyEnd = end + 4 + Number(length)
    if (received.length < bodyEnd) return undefined
    const body = received.subarray(end + 4, bodyEnd)
    received = received.subarray(bodyEnd)
    return { head, body }
  }
  return async (): Promise<Answer | undefined> => {
    for (;;) {
      const answer = take()
      if (answer || socket.destroyed) return answer
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
}

for (const engine of engineNames) {
  void t.test(`${engine}: every answer is a whole version, and none goes back`, async (t) => {
    const random = seeded(t)
    const { port, write } = await setUp(t, engine)
    const seen = createSeen()
    const untilMs = performance.now() + seconds * 1_000
    const goesOn = () =>
      seen.faults.length === 0 && (performance.now() < untilMs || seen.versions() < versionsMin)

    let written = todosAtFirst
    const writer = (async () => {
      while (goesOn()) {
        await write(++written)
        if (random.below(2) === 0) await delay(random.below(20))
      }
    })()
    await Promise.all([
      writer,
      ...Array.from({ length: connections }, async () => {
        while (goesOn()) await converse(port, engine, random, seen)
      }),
    ])
    t.same(seen.faults, [])
    t.comment(
      `${seen.answers()} answers, ${seen.versions()} versions, ${seen.unchanged()} times 304`,
    )
    t.ok(seen.unchanged() > 0, 'some were asked for what they had')
    await eventually(
      async () => {
        const response = await fetch(`http://${loopback}:${port}/todos?limit=1`)
        return ((await response.json()) as { title: string }[])[0]?.title
      },
      (title) => title === String(written),
    )
  })
}
