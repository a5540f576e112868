// npm run bench as its user runs it: on servers that it starts, and on servers that lie to it.

import { spawn } from 'node:child_process'
import { createServer, type RequestListener } from 'node:http'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { repository } from '../scripts/paths.ts'
import { testDirectory } from '../testing/services.ts'
import type { Check, Result } from './result.ts'

/** On a machine that runs other tests at the same time these say so, rightly. */
const ofTheMachine = [
  'CPU stolen',
  'CPU of others',
  'the floor stayed',
  'duration as planned',
  'the offered rate was kept',
  'samples behind the percentiles',
  'the generator had room',
  'steady: first third against last third',
  'average x duration = total',
  "autocannon's duration",
  "autocannon's samples",
]
/** Of those that have two sides, the machine's: what is late, and not what is wrong. */
const isOfTheMachine = ({ name, value, meaning }: Check) => {
  switch (name) {
    case "Little's law":
      return meaning.startsWith('Less was in')
    case 'it answers':
      return meaning.startsWith('Not the server')
    case 'sampled bodies match the database':
      return / read, 1 wrong, 1 different; /.test(value) && / no answer for \d+ ms$/.test(meaning)
    default:
      return ofTheMachine.includes(name)
  }
}

const bench = async (t: Test, script: string, args: readonly string[]) => {
  const child = spawn(process.execPath, [`bench/${script}`, ...args], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (output += data.toString()))
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, output }
}

const run = async (t: Test, args: readonly string[]) => {
  const directory = await testDirectory(t)
  const [json, html] = ['result.json', 'result.html'].map((name) => join(directory, name))
  const ended = await bench(t, 'run.ts', [...args, '--json', json ?? '', '--html', html ?? ''])
  const result = JSON.parse(await readFile(json ?? '', 'utf8')) as Result
  const failed = result.cells
    .flatMap(({ checks }) => checks)
    .filter((one) => one.verdict === 'fail' && !isOfTheMachine(one))
  return { ...ended, result, failed, page: await readFile(html ?? '', 'utf8') }
}

void t.test('an open loop on our own servers', async (t) => {
  const { code, output, result, failed, page } = await run(t, [
    '--scenario',
    'quick',
    '-d',
    '2',
    '--rate',
    '800',
    '--set',
    'DB_POOL_SIZE=3',
  ])
  t.same(failed, [])
  const [cell] = result.cells
  t.ok(cell && cell.counts.completed > 1_000)
  t.equal(result.topology?.settings['DB_POOL_SIZE'], '3')
  t.ok(cell?.tiers.some(({ name, demand }) => name === 'server' && demand > 0))
  t.ok((cell?.limit?.ceilingPerSecond ?? 0) > 1_000)
  t.match(output, new RegExp(`^${result.verdict}`, 'm'))
  t.equal(code, result.verdict === 'VALID' ? 0 : 3)
  t.match(page, result.command)
})

void t.test('autocannon through Nginx, one load after the other', async (t) => {
  const { result, failed } = await run(t, [
    '--scenario',
    'ladder',
    '-c',
    '4',
    '-p',
    '2',
    '-d',
    '2',
    '--nginx',
    'l7',
    '--engine',
    'uws',
    '--warm-up',
    '0',
  ])
  t.same(failed, [])
  t.equal(result.cells.length, 3)
  t.equal(result.usl, null, 'three equal loads say nothing of scaling')
  t.ok(result.cells.every(({ tiers }) => tiers.some(({ name }) => name === 'nginx')))
})

/** As fast as it could, each would have both cores, and how much it gets proves nothing. */
const answerAfterMs = 5

const lie = async (t: Test, listener: RequestListener): Promise<string> => {
  const server = createServer((request, response) => {
    setTimeout(() => listener(request, response), answerAfterMs)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return `http://127.0.0.1:${port}/todos?limit=10`
}

const todo = (i: number) => ({ id: `t${i}`, created_at: '2026-11-21T00:00:00.000Z' })
const list = (count: number) => JSON.stringify(Array.from({ length: count }, (_, i) => todo(i)))
const reply = (response: Parameters<RequestListener>[1], status: number, body: string) => {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
const short = ['--generator', 'autocannon', '-c', '4', '-d', '2', '--warm-up', '0', '-t', '1']
const reasonsOf = (failed: readonly Check[]) => failed.map(({ name }) => name)

void t.test('a server whose bodies are not always the same is called by its name', async (t) => {
  let count = 0
  const url = await lie(t, (_, response) => reply(response, 200, list(count++ % 50 === 7 ? 9 : 10)))
  const { code, output, failed } = await run(t, [...short, '--url', url])
  t.equal(code, 3)
  t.match(output, /^INVALID/m)
  t.ok(reasonsOf(failed).includes('sampled bodies match the database'), reasonsOf(failed).join())
  t.match(output, /nobody wrote/)
})

void t.test('a server that closes connections early', async (t) => {
  let count = 0
  const url = await lie(t, (request, response) => {
    reply(response, 200, list(10))
    // Nginx with its keepalive_requests of 1000 does so too, and autocannon calls it no error.
    if (++count % 50 === 0) request.socket.end()
  })
  const { code, output, failed } = await run(t, [...short, '-p', '4', '--url', url])
  t.equal(code, 3)
  t.match(output, /^INVALID/m)
  t.ok(reasonsOf(failed).includes('connections stay open'), reasonsOf(failed).join())
  t.match(output, /closes connections early/)
})

void t.test('fast errors', async (t) => {
  let count = 0
  const url = await lie(t, (_, response) =>
    reply(response, count++ > 100 ? 503 : 200, count > 100 ? '{}' : list(10)),
  )
  const { code, output, result, failed } = await run(t, [...short, '--url', url])
  t.equal(code, 3)
  t.ok(reasonsOf(failed).includes('answers without errors'), reasonsOf(failed).join())
  t.match(output, /Fast errors/)
  t.equal(Math.round(result.cells[0]?.goodPerSecond ?? NaN), 0, 'the headline is goodput')
})

void t.test('a server that hangs', async (t) => {
  let count = 0
  const url = await lie(t, (_, response) => {
    if (count++ < 50) reply(response, 200, list(10))
  })
  const { code, output, failed } = await run(t, [...short, '--url', url])
  t.equal(code, 3)
  t.ok(reasonsOf(failed).includes('it answers'), reasonsOf(failed).join())
  t.match(output, /hung/)
})

void t.test('pipelined writes on uWebSockets.js', async (t) => {
  const { code, output, failed } = await run(t, [
    '--scenario',
    'writes',
    '--services',
    'embedded',
    '-c',
    '4',
    '-p',
    '10',
    '-d',
    '2',
    '--warm-up',
    '0',
  ])
  t.equal(code, 3)
  t.ok(reasonsOf(failed).includes('connections stay open'), reasonsOf(failed).join())
  t.match(output, /uWebSockets\.js closes/)
})

void t.test('nothing there, or nothing true: it says what, before any load', async (t) => {
  const gone = await bench(t, 'run.ts', ['--url', 'http://127.0.0.1:1/todos?limit=10'])
  t.equal(gone.code, 1)
  t.match(gone.output, /http:\/\/127\.0\.0\.1:1\/todos\?limit=10 does not answer/)
  const url = await lie(t, (_, response) => reply(response, 200, 'hello'))
  const lying = await bench(t, 'run.ts', ['--url', url])
  t.equal(lying.code, 1)
  t.match(lying.output, /before any load.*not JSON/)
})

void t.test('usage', async (t) => {
  for (const args of [
    ['--scenario', 'nope'],
    ['-c', 'x'],
  ]) {
    const { code, output } = await bench(t, 'run.ts', args)
    t.equal(code, 2, args.join(' '))
    t.match(output, /npm run bench --/)
  }
})

void t.test('the published figures, analysed', async (t) => {
  const { code, output } = await bench(t, 'analyze.ts', ['bench/published/500k.json'])
  t.equal(code, 3)
  t.match(output, /^INVALID: bytes per answer possible$/m)
  t.match(output, /average x duration = total.*\+0\.02%/s)
})
