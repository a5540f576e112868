// The checks of npm run bench:live against a server that breaks its word, and one short real run.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { repository } from '../scripts/paths.ts'
import { testDirectory } from '../testing/services.ts'
import { createFrameReader, frameOf, opcodes } from './live/frames.ts'
import { heldOf } from './live/held-memory.ts'
import { parseOptions } from './live/options.ts'
import { report, type LeftOut } from './live/report.ts'
import type { Result } from './live/result.ts'
import { measureRound } from './live/round.ts'
import { runRounds } from './live/rounds.ts'
import type { LiveSystem } from './live/system.ts'
import { faultsOf } from './live/validity.ts'
import { residentKib } from './engines/memory.ts'

const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

const unmasked = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)])

/** Sends an event to each socket as often as `copies` says. */
const startBroadcast = async (
  t: Test,
  copies: (event: number, socket: number) => number,
): Promise<LiveSystem> => {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', (data) => {
      const key = /Sec-WebSocket-Key: (\S+)/.exec(data.toString())?.[1] ?? ''
      const accept = createHash('sha1')
        .update(key + magic)
        .digest('base64')
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
      socket.write(unmasked('subscribed'))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  let event = 0
  return {
    name: 'broadcast',
    port: (server.address() as AddressInfo).port,
    pid: process.pid,
    pids: [process.pid],
    memory: { how: 'RSS', kib: () => Promise.resolve(residentKib([process.pid])) },
    path: '/',
    hello: [],
    subscribedMark: 'subscribed',
    publish(title) {
      for (const [i, socket] of sockets.entries())
        for (let copy = copies(event, i); copy > 0; copy--) socket.write(unmasked(title))
      event++
      return Promise.resolve()
    },
    stop: () => Promise.resolve(),
  }
}

const plan = {
  clients: 6,
  subscribers: 5,
  perSecond: 200,
  seconds: 1,
  arriveTimeoutMs: 2_000,
  signal: new AbortController().signal,
}
const isOfCounts = (fault: string) => /lost|twice/.test(fault)

let measured: Promise<Result> | undefined
/** Of one that keeps its word. */
const sound = () => (measured ??= startBroadcast(t, () => 1).then((one) => measureRound(one, plan)))

void t.test('a server that keeps its word has lost and doubled nothing', async (t) => {
  const result = await sound()
  t.same(result.faults.filter(isOfCounts), [])
  t.equal(result.deliveries, 1_000)
})

void t.test('one that sends an event twice is INVALID', async (t) => {
  const system = await startBroadcast(t, (event, socket) => (event === 77 && socket === 1 ? 2 : 1))
  const { faults } = await measureRound(system, plan)
  t.same(faults.filter(isOfCounts), ['1 deliveries came twice'])
})

void t.test('one that drops an event is INVALID', async (t) => {
  const system = await startBroadcast(t, (event, socket) => (event === 77 && socket === 1 ? 0 : 1))
  const result = await measureRound(system, plan)
  t.same(result.faults.filter(isOfCounts), ['1 deliveries were lost'])
  t.match(report([[result]], []), /INVALID: broadcast: 1 deliveries were lost/)
})

void t.test('frames are read however they are cut', (t) => {
  const long = 'x'.repeat(300)
  const bytes = Buffer.concat([
    unmasked('one'),
    Buffer.from([0x81, 126, 300 >> 8, 300 & 0xff]),
    Buffer.from(long),
  ])
  const read: string[] = []
  const reader = createFrameReader((_, payload) => read.push(payload.toString()))
  for (const byte of bytes) reader(Buffer.from([byte]))
  t.same(read, ['one', long])
  t.same([...frameOf(opcodes.text, Buffer.from('a'))], [0x81, 0x81, 0, 0, 0, 0, 97])
  t.end()
})

void t.test('what the command line does not take is refused', (t) => {
  t.match(parseOptions([]), { engine: 'uws', clients: 10_000, subscribers: 1_000, perSecond: 100 })
  t.match(parseOptions([]), { rounds: 3 })
  t.match(parseOptions(['--quick', '--engine', 'node']), { engine: 'node', services: 'embedded' })
  t.throws(() => parseOptions(['--engine', 'other']), { message: /--engine takes uws, node/ })
  t.throws(() => parseOptions(['--clients', '5', '--subscribers', '6']), { message: /from 1 to 5/ })
  t.end()
})

void t.test('several rounds are shown as their medians, with the faults of all', async (t) => {
  const one = await sound()
  const text = report(
    [
      [
        { ...one, cpuUsPerDelivery: 30, faults: ['it was slow'] },
        { ...one, cpuUsPerDelivery: 10 },
        { ...one, cpuUsPerDelivery: 20 },
      ],
    ],
    [],
  )
  t.match(text, /^medians of 3 rounds/)
  t.match(text, / 20\.00 +100% /)
  t.match(text, /INVALID: broadcast: it was slow/)
})

void t.test('a machine that does something else is INVALID', async (t) => {
  const one = await sound()
  const noise = { steal: 0.1, otherCores: 1.5, calibrationMs: [2, 3] } as const
  t.same(
    faultsOf({ ...one, noise }).filter((fault) => fault.startsWith('noise')),
    [
      'noise: CPU stolen: +10.00% (2% at most)',
      'noise: CPU of others: 1.50 cores (0.25 at most)',
      'noise: the floor stayed: 2.00 ms before, 3.00 ms after (+50.00%) (within 10%)',
    ],
  )
})

void t.test('a peer that fails is left out, with all of its rounds', async (t) => {
  const result = await sound()
  const system = { stop: () => Promise.resolve() } as LiveSystem
  const started: string[] = []
  const contestant = (name: string, isPeer: boolean, failsIn = 0) => ({
    name,
    isPeer,
    start() {
      started.push(name)
      if (started.filter((one) => one === name).length === failsIn)
        return Promise.reject(new Error('it did not start'))
      return Promise.resolve({ ...system, name })
    },
  })
  const run = {
    rounds: 3,
    measure: ({ name }: LiveSystem) => Promise.resolve({ ...result, system: name }),
    signal: new AbortController().signal,
    say() {},
  }
  const leftOut: LeftOut[] = []
  const results = await runRounds(
    [contestant('ours', false), contestant('peer', true, 2)],
    leftOut,
    run,
  )
  t.same(
    results.map((one) => one.system),
    ['ours', 'ours', 'ours'],
  )
  t.same(started, ['ours', 'peer', 'ours', 'peer', 'ours'])
  t.same(leftOut, [{ name: 'peer', why: 'it did not start' }])
  await t.rejects(runRounds([contestant('other', false, 1)], [], run), 'ours may not')
})

void t.test('free pages of the heap are not held', (t) => {
  t.equal(heldOf({ rss: 100, heapTotal: 50, heapUsed: 20 }), 70)
  t.end()
})

void t.test('a peer that is left out is named with its reason', (t) => {
  t.match(report([], [{ name: 'centrifugo', why: 'no Go' }]), /left out: centrifugo: no Go/)
  t.end()
})

void t.test('a short run on the real server delivers each event once', async (t) => {
  const file = join(await testDirectory(t), 'result.json')
  // Where others use the machine, clients may be too busy to judge: its counts must hold all the same.
  await promisify(execFile)(process.execPath, ['bench/live.ts', '--quick', '--json', file], {
    cwd: repository,
  }).catch(() => {})
  const { rounds } = JSON.parse(await readFile(file, 'utf8')) as { rounds: Result[] }
  t.match(rounds, [{ lost: 0, doubled: 0, refused: 0, closed: 0, deliveries: 5_000 }])
  t.ok((rounds[0]?.cpuUsPerDelivery ?? 0) > 0)
  t.match(rounds[0]?.memoryIs, /after a garbage collection/)
})
