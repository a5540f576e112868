// One request, and the second of a pipelined pair, cut at every byte; bursts in segments of a
// network's size (H1, H2). The node engine answers as if uncut. What the uws binary gets wrong is
// asserted too, so that a better build is noticed.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { eventually } from '../../../testing/eventually.ts'
import { silentLog } from '../../../testing/settings.ts'
import { seeded } from '../../../testing/seeded.ts'
import { freePort } from '../../../scripts/stack/ports.ts'
import { patientSettings } from '../../../testing/engines/harness.ts'
import { createReady, createReply, type App, type Engine } from './engine.ts'
import { createNodeEngine } from './node/node-http.ts'
import { selfTest } from './uws/self-test.ts'
import { createUwsEngine } from './uws/uws.ts'

const list = createReady(createReply(200, ['ETag', '"1"'], `[${'"a todo",'.repeat(250)}0]`))
const app: App = {
  ready: (target) => (target === '/todos?limit=10' ? () => list : undefined),
  async handle(request) {
    const body = await request.body(1_000)
    return createReply(202, [], body.kind === 'read' ? `took ${body.bytes.toString()}` : body.kind)
  },
}
const engines: Record<string, () => Promise<Engine>> = {
  node: () => Promise.resolve(createNodeEngine(app, patientSettings)),
  uws: () => createUwsEngine(app, patientSettings, silentLog),
}

const get = 'GET /todos?limit=10 HTTP/1.1\r\nHost: a\r\n\r\n'
const post = 'POST /todos HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n{"title":"x"}'

/** Long enough for the first part to be read alone. */
const tearMs = 2

const listen = async (t: Test, create: () => Promise<Engine>): Promise<number> => {
  const engine = await create()
  const port = await freePort()
  await engine.listen('127.0.0.1', port)
  t.teardown(() => engine.drain(100))
  return port
}

const open = async (port: number): Promise<Socket> => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** The statuses and the number of bytes that answer `parts`, once `count` answers or the end came. */
const answersTo = async (port: number, parts: readonly string[], count: number) => {
  const socket = await open(port)
  let received = ''
  const whole = () => {
    const statuses = received.match(/HTTP\/1\.1 \d{3}/g) ?? []
    const bodies = received.match(/0\]|took .*\}/g) ?? []
    return { statuses: statuses.map((line) => line.slice(9)), bodies: bodies.length }
  }
  const done = new Promise<void>((resolve) => {
    socket.on('close', () => resolve())
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      if (whole().bodies >= count) resolve()
    })
  })
  for (const [i, part] of parts.entries()) {
    if (i > 0) await delay(tearMs)
    socket.write(part)
  }
  await done
  socket.destroy()
  return whole()
}

const cutAt = (text: string, at: number) => [text.slice(0, at), text.slice(at)]

/** How many of all cuts were not answered as the uncut stream is. */
const failingCuts = async (
  port: number,
  before: string,
  request: string,
  statuses: readonly string[],
) => {
  const cuts = Array.from({ length: request.length - 1 }, (_, i) => before.length + i + 1)
  const failed: number[] = []
  for (let i = 0; i < cuts.length; i += 20) {
    await Promise.all(
      cuts.slice(i, i + 20).map(async (at) => {
        const answers = await answersTo(port, cutAt(before + request, at), statuses.length)
        const isWhole = answers.bodies === statuses.length
        if (!isWhole || answers.statuses.join() !== statuses.join()) failed.push(at - before.length)
      }),
    )
  }
  return failed.sort((a, b) => a - b)
}

for (const [name, create] of Object.entries(engines)) {
  void t.test(`torn packets, ${name} engine`, async (t) => {
    const port = await listen(t, create)
    // A build that passes the self-test is held to the same as node.
    const knownFaults = name === 'uws' && (await selfTest())?.includes('split across packets')
    const inRequestLine = (request: string) => (at: number) => at <= request.indexOf('\r\n') + 1

    for (const [what, before, request, statuses] of [
      ['a GET', '', get, ['200']],
      ['the second of two GETs', get, get, ['200', '200']],
      ['a GET behind an odd one', get, get.replace('Host: a', 'Host: b'), ['200', '200']],
      ['a POST with a body', '', post, ['202']],
    ] as const) {
      const failed = await failingCuts(port, before, request, statuses)
      if (knownFaults) {
        t.comment(failed.join(' '))
        t.ok(failed.every(inRequestLine(request)), `${what}: fails only in the request line`)
        t.ok(failed.length > 0, `${what}: ${failed.length} of ${request.length - 1} cuts fail`)
      } else {
        t.same(failed, [], `${what}: every cut is answered as if there were none`)
      }
    }

    await t.test('bursts of 80 in segments of 1,448 bytes', async (t) => {
      const random = seeded(t)
      const bursts = 100
      let whole = 0
      for (let i = 0; i < bursts; i++) {
        const burst = get.repeat(80)
        const segments: string[] = []
        for (
          let at = 1 + random.below(1_448), from = 0;
          from < burst.length;
          from = at, at += 1_448
        ) {
          segments.push(burst.slice(from, at))
        }
        const { statuses, bodies } = await answersTo(port, segments, 80)
        if (bodies === 80 && statuses.every((status) => status === '200')) whole++
      }
      if (knownFaults) t.ok(whole < bursts, `${bursts - whole} of ${bursts} bursts lose answers`)
      else t.equal(whole, bursts)
    })
  })
}

void t.test('pipelined writes behind pending answers, node engine: none is lost', async (t) => {
  const port = await listen(t, engines['node']!)
  const answers = await answersTo(port, [post.repeat(10) + get.repeat(10) + post], 21)
  t.same(answers.statuses, [
    ...Array<string>(10).fill('202'),
    ...Array<string>(10).fill('200'),
    '202',
  ])
})

void t.test(
  'a pipelined request behind a pending answer, uws engine: closed and counted',
  async (t) => {
    const warnings: string[] = []
    const log = Object.create(silentLog, {
      warn: { value: (_details: unknown, message: string) => warnings.push(message) },
    }) as typeof silentLog
    const slow: App = { ...app, handle: () => delay(200).then(() => createReply(202, [], 'late')) }
    const port = await listen(t, () => createUwsEngine(slow, patientSettings, log))
    for (let i = 0; i < 3; i++) {
      const { statuses } = await answersTo(port, [post + post], 2)
      t.same(statuses, [])
    }
    await eventually(
      () => warnings.length,
      (count) => count === 1,
    )
    t.match(warnings[0], /HTTP_ENGINE=node/)
  },
)
