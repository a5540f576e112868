// Clients that pipeline, and then leave, reset or do not read: the server lives, and what they get of each
// answer is right. The bundled build of uWS ended the process when a socket did not take a small answer.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createAuthority } from '../../../scripts/stack/certificates.ts'
import { loopback } from '../../../scripts/stack/ports.ts'
import { bodyOf } from '../../../testing/engines/small-answers.ts'
import { engineNames, read, type EngineName } from '../../../testing/engines/harness.ts'
import { eventually } from '../../../testing/eventually.ts'
import { seeded } from '../../../testing/seeded.ts'
import { testDirectory } from '../../../testing/services.ts'

type Random = ReturnType<typeof seeded>
type Server = { readonly child: ChildProcess; readonly port: number; readonly ca?: Buffer }
type Connection = { readonly raw: Socket; readonly socket: Socket }

const start = async (t: Test, name: EngineName, isTls: boolean): Promise<Server> => {
  const authority = isTls ? await createAuthority(await testDirectory(t), 'authority') : undefined
  const issued = await authority?.issue('api')
  const child = fork(
    fileURLToPath(new URL('../../../testing/engines/small-answers-server.ts', import.meta.url)),
    issued ? [name, issued.certFile, issued.keyFile] : [name],
  )
  t.teardown(() => child.kill())
  const [port] = (await once(child, 'message')) as [number]
  return authority ? { child, port, ca: await readFile(authority.certFile) } : { child, port }
}

const open = async ({ port, ca }: Server): Promise<Connection> => {
  const raw = connect(port, loopback)
  raw.on('error', () => {})
  await once(raw, 'connect')
  if (!ca) return { raw, socket: raw }
  const socket = connectTls({ socket: raw, host: loopback, ca })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return { raw, socket }
}

/** Most are small, so that many come before a cork is full; some fill it alone. */
const lengthsOf = (random: Random, count: number) =>
  Array.from({ length: count }, () => random.below(random.below(8) === 0 ? 16_384 : 2_000))

const requestsFor = (lengths: readonly number[]) =>
  lengths.map((length) => `GET /${length} HTTP/1.1\r\nHost: a\r\n\r\n`).join('')

const isAlive = ({ child }: Server) => child.exitCode === null && child.signalCode === null

const ways: readonly {
  readonly how: string
  readonly leave: (connection: Connection) => void
  readonly rounds: number
}[] = [
  // What ended the process: so many that no run missed it.
  { how: 'resets', leave: ({ raw }) => raw.resetAndDestroy(), rounds: 15 },
  { how: 'destroys', leave: ({ socket }) => socket.destroy(), rounds: 3 },
  { how: 'half-closes', leave: ({ socket }) => socket.end(), rounds: 3 },
]

/** Reads now and then, until all is there or the connection is closed. How many answers came, all right. */
const readSlowly = async ({ socket }: Connection, lengths: readonly number[], random: Random) => {
  let rest = Buffer.alloc(0)
  let answers = 0
  let wrong: string | undefined
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (wrong === undefined && answers < lengths.length) {
      const length = lengths[answers] ?? 0
      const end = rest.indexOf('\r\n\r\n') + 4
      if (end < 4 || rest.length < end + length) break
      const head = rest.toString('latin1', 0, end)
      if (!isHeadOf(head, length) || !rest.subarray(end, end + length).equals(bodyOf(length)))
        wrong = `answer ${answers}, of ${length} bytes: ${head}`
      rest = rest.subarray(end + length)
      answers++
    }
    if (random.below(10) > 0) return
    socket.pause()
    setTimeout(() => socket.resume(), random.below(10))
  })
  socket.resume()
  await eventually(
    () => answers === lengths.length || wrong !== undefined || socket.destroyed,
    (isOver) => isOver,
  )
  return { answers, wrong }
}

const isHeadOf = (head: string, length: number) =>
  head.startsWith('HTTP/1.1 200 OK\r\n') &&
  ['ETag: ', 'Content-Length: ', 'Date: '].every((name) => head.includes(`\r\n${name}`)) &&
  head.includes(`"${length}"\r\n`) &&
  head.includes(`: ${length}\r\n`)

for (const name of engineNames) {
  for (const isTls of [false, true]) {
    const what = `${name}${isTls ? ' with TLS' : ''}`
    void t.test(`${what} outlives clients that pipeline and leave`, async (t) => {
      const random = seeded(t)
      const server = await start(t, name, isTls)
      for (const { how, leave, rounds } of ways) {
        for (let i = 0; i < (name === 'uws' ? rounds : 3) && isAlive(server); i++) {
          // Many at once: some leave while the server answers those before them.
          const connections = await Promise.all(Array.from({ length: 20 }, () => open(server)))
          for (const { socket } of connections)
            socket.write(requestsFor(lengthsOf(random, 16 + random.below(64))))
          for (let turns = random.below(6); turns > 0; turns--) await turn()
          for (const connection of connections) leave(connection)
        }
        t.ok(isAlive(server), `it outlives who ${how}`)
      }
      const { socket } = await open(server)
      socket.write(requestsFor([10]))
      t.equal((await read(socket))[0]?.status, 200, 'and answers others')
      socket.destroy()
    })

    void t.test(`${what} answers slow clients right, or closes`, async (t) => {
      const random = seeded(t)
      const server = await start(t, name, isTls)
      let answered = 0
      for (let i = 0; i < 2 && isAlive(server); i++) {
        const connection = await open(server)
        connection.socket.pause()
        const lengths: number[] = []
        // Several reads, so that the socket is full when the later ones are answered.
        for (let batch = 0; batch < 20; batch++) {
          const more = lengthsOf(random, 1 + random.below(200))
          lengths.push(...more)
          connection.socket.write(requestsFor(more))
          await delay(2)
        }
        const { answers, wrong } = await readSlowly(connection, lengths, random)
        t.equal(wrong, undefined, `${answers} of ${lengths.length} answered`)
        answered += answers
        connection.socket.destroy()
      }
      t.ok(isAlive(server))
      t.ok(answered > 0)
    })
  }
}
