// The whole benchmark on two subjects with a short window: the JSON has its shape, the counts agree,
// and an interrupted run leaves nothing behind. How fast anything was is not looked at.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findProgram } from '../scripts/stack/service.ts'
import { eventually, startTimeoutMs } from '../testing/eventually.ts'
import { testDirectory } from '../testing/services.ts'
import { treePids } from './engines/cpu.ts'
import { checkInterrupted, startProgram } from '../testing/bench/program-under-test.ts'

const hasFloor = process.platform === 'linux' && findProgram('cc') !== undefined
const only = hasFloor ? ['node', 'floor'] : ['node']

const start = (t: Test, args: readonly string[]) => startProgram(t, 'engines.ts', args)

type Row = Record<string, unknown>
type Result = { rows: Row[]; leftOut: unknown[] } & Record<string, unknown>

const windowMs = 400
/**
 * CPU time is counted in steps of 10 ms. A machine that is busy with other tests serves so few requests in
 * the window that the floor, at about 1 us each, gets none.
 */
const countedRequestsMin = 10_000

const number = (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value > 0

const hasCpu = (row: Row) => number(row['cpuUsPerRequest'])
const requestsIn = (row: Row) => (Number(row['requestsPerSecond']) * windowMs) / 1_000

const checkRun = async (t: Test, limits: readonly number[], generators: readonly string[]) => {
  const file = join(await testDirectory(t), 'result.json')
  const short = [
    '--rounds',
    '1',
    '--window',
    String(windowMs),
    '--depths',
    '1,16',
    '--limits',
    limits.join(),
  ]
  const wanted = generators.length === 1 ? ['--generator', generators.join()] : []
  const run = start(t, [...short, '--only', only.join(), '--json', file, ...wanted])
  const [code] = await run.exited
  t.equal(code, 0, run.output())
  const result = JSON.parse(await readFile(file, 'utf8')) as Result
  t.ok(generators.includes(String(result['generator'])), 'it says which generator')
  t.match(result, { pinned: Boolean, machine: { cpu: String, cores: Number } })
  t.match(result['machine'], { node: process.version, kernel: String })
  t.strictSame(result.leftOut, [])
  const cells = result.rows.map(({ name, depth, limit }) => [name, depth, limit].join(' '))
  const cellsWanted = only.flatMap((name) =>
    limits.flatMap((limit) => [1, 16].map((depth) => `${name} ${depth} ${limit}`)),
  )
  t.strictSame(cells.sort(), cellsWanted.sort())
  for (const row of result.rows) {
    const which = `${String(row['name'])} ${String(row['depth'])} ${String(row['limit'])}`
    t.equal(row['invalid'], undefined, `${which}: the counts agree with the bytes`)
    t.ok(number(row['requestsPerSecond']), 'requestsPerSecond')
    t.ok(hasCpu(row) || requestsIn(row) < countedRequestsMin, 'cpuUsPerRequest')
    t.ok(number(row['p99Ms']) || /only \d+ requests/.test(String(row['p99From'])), 'p99Ms')
    const isOfCell = ({ name, depth, limit }: Row) =>
      name === 'floor' && depth === row['depth'] && limit === row['limit']
    if (!result.rows.some((one) => isOfCell(one) && hasCpu(one))) continue
    t.ok(number(row['ratioToFloor']), 'ratioToFloor')
    if (row['name'] === 'floor') t.equal(row['ratioToFloor'], 1)
  }
  t.match(run.output(), /depth 16, limit=10 +CPU us\/req/)
}

t.test('two subjects, with the generator that is there', (t) =>
  checkRun(t, [10, 1000], ['wrk', 'autocannon']),
)

t.test('two subjects with autocannon', (t) => checkRun(t, [10], ['autocannon']))

t.test('one subject with TLS', async (t) => {
  const file = join(await testDirectory(t), 'result.json')
  // The handshakes of all connections are in the window: on a busy machine they take most of a short one.
  const cell = ['--rounds', '1', '--window', '3000', '--depths', '16', '--limits', '10']
  const generator = ['--generator', 'autocannon']
  const run = start(t, [...cell, ...generator, '--only', 'uws-tls', '--json', file])
  const [code] = await run.exited
  t.equal(code, 0, run.output())
  const { rows, leftOut } = JSON.parse(await readFile(file, 'utf8')) as Result
  t.strictSame(leftOut, [])
  t.equal(rows.length, 1)
  t.equal(rows[0]?.['invalid'], undefined)
  t.ok(number(rows[0]?.['requestsPerSecond']))
})

t.test('Ctrl-C ends the servers, the generator and Postgres', async (t) => {
  const run = start(t, ['--only', 'node', '--window', '60000'])
  const generatorRuns = () => treePids(run.pid).length >= 5
  await eventually(
    () => run.output() + String(generatorRuns()),
    (seen) => seen.endsWith('true') && seen.includes('round 1'),
    startTimeoutMs,
  )
  await checkInterrupted(t, run)
})

t.test('a wrong option is refused with the right ones', async (t) => {
  const run = start(t, ['--only', 'nginx'])
  t.strictSame((await run.exited)[0], 2)
  t.match(run.output(), /--only takes node, uws, .*floor, not "nginx"/)
})
