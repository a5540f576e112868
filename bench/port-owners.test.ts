// Whose CPU is the target's: real processes that listen in every way that shares a port, and what
// can't be seen. A server that another process tree runs is loaded, and is not called a stranger.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../scripts/stack/ports.ts'
import { eventually } from '../testing/eventually.ts'
import { testDirectory } from '../testing/services.ts'
import { pidsIn } from './arguments.ts'
import { forestOf } from './engines/cpu.ts'
import { listenersFor, parseListeners, portOwnersOf } from './port-owners.ts'
import { startProgram } from '../testing/bench/program-under-test.ts'
import type { Result } from './result.ts'

const announce = `
  const announce = (port, pids) => console.log(JSON.stringify({ port, pids }))
`
const onLinux = process.platform === 'linux' ? {} : { skip: '/proc is of Linux' }

/** A program that prints `{ port, pids }`, in a process tree of its own and without our loader. */
const startScript = async (t: Test, script: string) => {
  const file = join(await testDirectory(t), 'server.mjs')
  await writeFile(file, announce + script)
  const child = spawn(process.execPath, [file], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  t.teardown(() => killGroup(child))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return JSON.parse(line.toString()) as { port: number; pids: number[] }
}

const killGroup = ({ pid }: ChildProcess): void => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // gone already
  }
}

const ownersOf = async (host: string, port: number) => {
  const owners = await portOwnersOf(`http://${host}:${port}`)
  return owners.kind === 'here' ? owners.pids.toSorted((a, b) => a - b) : owners
}

const listening = async (t: Test, host: string): Promise<number> => {
  const server = createServer((_, response) => response.end()).listen(0, host)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

t.test('one process, however the URL names this machine', onLinux, async (t) => {
  const [ownAddress = '127.0.0.1'] = Object.values(networkInterfaces()).flatMap((all = []) =>
    all.flatMap(({ family, address }) => (family === 'IPv4' ? [address] : [])),
  )
  for (const [bound, hosts] of [
    ['127.0.0.1', ['127.0.0.1', 'localhost']],
    ['::1', ['[::1]']],
    ['0.0.0.0', ['127.0.0.1', '127.0.0.2', ownAddress]],
    ['::', ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', 'localhost', ownAddress]],
  ] as const) {
    const port = await listening(t, bound)
    for (const host of hosts) {
      t.strictSame(await ownersOf(host, port), [process.pid], `${bound} asked at ${host}`)
    }
  }
})

const cluster = (policy: string) => `
  import cluster from 'node:cluster'
  import { createServer } from 'node:http'
  cluster.schedulingPolicy = cluster.${policy}
  if (cluster.isPrimary) {
    const forks = [cluster.fork(), cluster.fork()]
    let ready = 0
    cluster.on('listening', (_, { port }) => {
      if (++ready === 2) announce(port, forks.map((fork) => fork.process.pid))
    })
  } else createServer((_, response) => response.end()).listen(0, '127.0.0.1')
`

t.test(
  'forks that share a handle, and a primary that hands out connections',
  onLinux,
  async (t) => {
    const shared = await startScript(t, cluster('SCHED_NONE'))
    const owners = await ownersOf('127.0.0.1', shared.port)
    t.ok(Array.isArray(owners) && shared.pids.every((pid) => owners.includes(pid)))
    const handedOut = await startScript(t, cluster('SCHED_RR'))
    const primary = await ownersOf('127.0.0.1', handedOut.port)
    t.ok(Array.isArray(primary) && primary.length === 1, 'its forks are its children')
  },
)

const uws = import.meta.resolve('uWebSockets.js')
const ofItsOwn = (port: number) => `
  import * as uws from '${uws}'
  uws.App().any('/*', (response) => response.end('')).listen('127.0.0.1', ${port}, (socket) =>
    announce(uws.us_socket_local_port(socket), [process.pid]))
`

t.test('processes that listen on one port, each for itself', onLinux, async (t) => {
  // On a port that it chooses itself it would not share.
  const port = await freePort()
  const [first, second] = [
    await startScript(t, ofItsOwn(port)),
    await startScript(t, ofItsOwn(port)),
  ]
  t.strictSame(
    await ownersOf('127.0.0.1', port),
    [...first.pids, ...second.pids].toSorted((a, b) => a - b),
  )
})

const orphan = `
  import { createServer } from 'node:net'
  import { spawn } from 'node:child_process'
  if (process.argv.includes('child')) setInterval(() => {}, 1000)
  else createServer().listen(0, '127.0.0.1', function () {
    const { fd } = this._handle
    const child = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', fd] })
    announce(this.address().port, [child.pid])
    setImmediate(() => process.exit())
  })
`

t.test('a handle that was inherited from a process that is gone', onLinux, async (t) => {
  const { port, pids } = await startScript(t, orphan)
  t.teardown(() => pids.forEach((pid) => process.kill(pid, 'SIGKILL')))
  const owners = await eventually(
    () => ownersOf('127.0.0.1', port),
    (seen) => Array.isArray(seen) && seen.length === 1,
  )
  t.strictSame(owners, pids)
})

t.test(
  'who may not be looked at is unknown, and so is what does not answer',
  onLinux,
  async (t) => {
    t.match(await portOwnersOf('http://127.0.0.1:1'), { kind: 'unknown', why: /nothing answers/ })
    if (process.getuid?.() !== 0) return
    const { port } = await startScript(t, ofItsOwn(0))
    process.seteuid?.(65_534)
    try {
      t.match(await portOwnersOf(`http://127.0.0.1:${port}`), {
        kind: 'unknown',
        why: /can't be seen: another user/,
      })
    } finally {
      process.seteuid?.(0)
    }
  },
)

t.test('the tables of the kernel', async (t) => {
  const line = (local: string, state: string, inode: number) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  0 0 ${inode} 1`
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    line('0100007F:1F90', '0A', 11),
    line('0100007F:1F90', '01', 12),
    line('00000000:1F90', '0A', 13),
    line('00000000000000000000000001000000:1F90', '0A', 14),
    line('0000000000000000FFFF00000200007F:1F90', '0A', 15),
    line('00000000000000000000000000000000:1F91', '0A', 16),
  ].join('\n')
  const listeners = parseListeners(table, 'LE')
  t.strictSame(
    listeners.map(({ address, port, inode }) => [address, port, inode]),
    [
      ['127.0.0.1', 8080, '11'],
      ['0.0.0.0', 8080, '13'],
      ['::1', 8080, '14'],
      ['127.0.0.2', 8080, '15'],
      ['::', 8081, '16'],
    ],
  )
  const found = (address: string, port: number) =>
    listenersFor(listeners, address, port).map(({ inode }) => inode)
  t.strictSame(found('127.0.0.1', 8080), ['11'], 'the exact address first')
  t.strictSame(found('127.0.0.3', 8080), ['13'])
  t.strictSame(found('127.0.0.1', 8081), ['16'], 'IPv4 reaches a socket of IPv6')
  t.strictSame(found('::1', 8082), [])
  t.match(parseListeners(line('7F000001:1F90', '0A', 1), 'BE'), [{ address: '127.0.0.1' }])
})

t.test('a server that runs us is counted without us', async (t) => {
  const all = [
    { pid: 1, parent: 0, seconds: 1 },
    { pid: 2, parent: 1, seconds: 2 },
    { pid: 3, parent: 2, seconds: 3 },
    { pid: 4, parent: 1, seconds: 4 },
  ]
  const pidsOf = (roots: readonly number[], except: number) =>
    forestOf(roots, except, all).map(({ pid }) => pid)
  t.strictSame(pidsOf([1], 2), [1, 4], 'neither us nor what we started')
  t.strictSame(pidsOf([1, 4], 9), [1, 2, 4, 3], 'each once')
  t.strictSame(pidsOf([3], 2), [3], 'what we started, asked for by its name')
})

t.test('--pid takes processes that run', async (t) => {
  t.strictSame(pidsIn('--pid', [String(process.pid), '1']), [process.pid, 1])
  t.throws(() => pidsIn('--pid', ['4194304']), /--pid 4194304: there is no such process/)
  t.throws(() => pidsIn('--pid', ['0']), /whole numbers from 1/)
})

const burning = `
  import { createServer } from 'node:http'
  const todo = { id: 'a', title: 'b', created_at: '2026-01-01T00:00:00.000Z' }
  const body = JSON.stringify([todo])
  createServer((_, response) => {
    for (const end = performance.now() + 5; performance.now() < end; );
    response.setHeader('content-length', body.length)
    response.end(body)
  }).listen(0, '::', function () { announce(this.address().port, [process.pid]) })
`

t.test('a busy server of another tree is the target, no stranger', onLinux, async (t) => {
  const { port } = await startScript(t, burning)
  for (const host of ['localhost', '[::1]']) {
    const file = join(await testDirectory(t), 'result.json')
    const url = `http://${host}:${port}/todos?limit=1`
    const load = ['-c', '2', '-d', '2', '--warm-up', '0', '--rate', '100']
    const run = startProgram(t, 'run.ts', [
      '--url',
      url,
      ...load,
      '--json',
      file,
      '--html',
      file + 'l',
    ])
    const [code] = await run.exited
    t.ok(code === 0 || code === 3, run.output())
    const { cells } = JSON.parse(await readFile(file, 'utf8')) as Result
    const server = cells[0]?.tiers.find(({ name }) => name === 'server')
    // 100 answers a second of 5 ms each are half a core; beside other tests 0.21 were left of it.
    t.ok((server?.cores ?? 0) > 0.05, `${server?.cores} cores`)
    t.equal(cells[0]?.noise.uncounted, null)
    t.equal(cells[0]?.limit, null, 'how many cores it may use is not known')
  }
})
