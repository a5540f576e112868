// The report of npm run bench:writes on fixture figures, and one short real run.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { repository } from '../scripts/paths.ts'
import { findProgram, ServiceMissing } from '../scripts/stack/service.ts'
import { orSkip, testDirectory, testKafka } from '../testing/services.ts'
import { good } from './writes/fixtures.ts'
import { parseOptions } from './writes/options.ts'
import { report } from './writes/report.ts'
import { mediansOf, type Result } from './writes/result.ts'

const reportOf = (some: Partial<Result>) => report([[{ ...good, ...some }]], [])
const openLoop = good.openLoop!

void t.test('what meets its target says so, and what does not', (t) => {
  t.notMatch(reportOf({}), /NOT MET|INVALID/)
  t.match(reportOf({ acknowledgedPerSecond: 29_999 }), /acknowledged a second.*NOT MET/)
  t.match(reportOf({ appliedPerSecond: 20_000 }), /applied.*NOT MET/)
  t.match(reportOf({ visibleP99Ms: 151 }), /visible.*NOT MET/)
  t.match(reportOf({ openLoop: { ...openLoop, p99Ms: 31 } }), /p99 of the 202 .*NOT MET/)
  const cpuUsPerCommand = { ...good.cpuUsPerCommand, server: 25 }
  t.match(reportOf({ cpuUsPerCommand }), /server +25.0 us.*NOT MET \(at most 24\)/)
  const settings = { HTTP_ENGINE: 'node' }
  t.match(reportOf({ cpuUsPerCommand, settings }), /server +25.0 us.* met +\(at most 30\)/)
  t.match(reportOf({ faults: ['2 dead letters'] }), /INVALID: ours: 2 dead letters/)
  t.end()
})

void t.test('a target of 20,000 a second is not judged at fewer', (t) => {
  const slow = reportOf({
    visibleP99Ms: 999,
    openLoop: { ...openLoop, p99Ms: 999, perSecond: 1_000 },
  })
  t.match(slow, /p99 of the 202 +999.0 ms +\(at most 30 ms at 20,000 a second;/)
  t.notMatch(slow, /NOT MET/)
  t.match(reportOf({ p99Ms: null }), /p99 of the 202, closed loop +unknown/)
  t.end()
})

void t.test('memory that grows is said, once the run is long enough to know', (t) => {
  const memoryMib = { ...openLoop.memoryMib, end: { server: 140 } }
  const grown = { ...openLoop, memoryMib }
  t.match(reportOf({ openLoop: grown }), /memory of the server +140 MiB +NOT MET/)
  t.notMatch(reportOf({ openLoop: { ...grown, seconds: 299 } }), /NOT MET/)
  t.end()
})

void t.test('the ceiling follows from the CPU that a command takes', (t) => {
  // 55 us in all: 8 cores carry 145,454 a second, and 30,000 take 1.65.
  t.match(reportOf({}), /ceiling of 145,454 commands a second; 30,000 need 1\.[67] cores/)
  t.match(reportOf({}), /The server takes most/)
  t.end()
})

void t.test('ours and the peer stand in one table, medians of their rounds', (t) => {
  const reference: Result = {
    ...good,
    system: 'reference',
    acknowledgedPerSecond: 40_000,
    appliedPerSecond: 63,
    acknowledged: 400_000,
    applied: 4_000,
    catchUpMs: 15_123,
    whenKilled: { acknowledged: 19_000, lost: 2_100 },
    openLoop: null,
    visibleP99Ms: null,
  }
  const fast = { ...good, acknowledgedPerSecond: 34_100 }
  const slow = { ...good, acknowledgedPerSecond: 30_000 }
  const text = report(
    [
      [good, fast, slow],
      [reference, reference, { ...reference, lost: 7, faults: ['it was slow'] }],
    ],
    [],
  )
  t.match(text, /medians of 3 rounds/)
  t.match(text, /ours \(uws\) +31,000 +13% +30,900 +100% +0 +0 of 19,000 +20\.0 +24\.0 +5\.0/)
  t.match(text, /reference \(Go\) +40,000 +0% +63 +1\.0% +0 +2,100 of 19,000 /)
  t.match(text, /reference: what 15 s after the load did not apply waits in its log/)
  t.match(text, /INVALID: reference: it was slow/)
  t.end()
})

void t.test('a peer that is left out is named with its reason', (t) => {
  const text = report([[good]], [{ name: 'reference', why: 'there is no Go on this machine' }])
  t.match(text, /^left out: reference: there is no Go on this machine$/m)
  t.end()
})

void t.test('several rounds as one: medians of numbers, the faults of all', (t) => {
  const one = mediansOf([
    { ...good, p99Ms: 10, faults: ['a'] },
    { ...good, p99Ms: 30, faults: ['a', 'b'] },
    { ...good, p99Ms: 20, cpuUsPerCommand: { ...good.cpuUsPerCommand, server: 90 } },
  ])
  t.equal(one.p99Ms, 20)
  t.equal(one.cpuUsPerCommand.server, 24)
  t.same(one.faults, ['a', 'b'])
  t.same(one.settings, good.settings)
  t.end()
})

void t.test('what the command line does not take is refused', (t) => {
  t.match(parseOptions([]), { seconds: 15, openSeconds: 8, perSecond: 1_000, rounds: 1 })
  t.match(parseOptions(['--quick', '--peer', 'reference']), { seconds: 6, peer: 'reference' })
  t.throws(() => parseOptions(['--peer', 'other']), { message: /--peer takes reference/ })
  t.throws(() => parseOptions(['--rate', '0']), { message: /--rate takes whole numbers/ })
  t.end()
})

void t.test('a short run on the real services leaves a sound result', async (t) => {
  const redis = await orSkip(t, () => {
    if (findProgram('redis-server')) return Promise.resolve(true)
    return Promise.reject(new ServiceMissing('redis', 'install redis-server'))
  })
  if (!redis || !(await testKafka(t))) return
  const file = join(await testDirectory(t), 'result.json')
  const args = ['--quick', '--seconds', '1', '--connections', '20', '--rate', '100', '--json', file]
  await promisify(execFile)(process.execPath, ['bench/writes.ts', ...args], {
    cwd: repository,
  })
  const result = JSON.parse(await readFile(file, 'utf8')) as Result
  t.same(result.faults, [])
  t.ok(result.acknowledgedPerSecond > 0 && result.appliedPerSecond > 0)
  t.ok((result.visibleP99Ms ?? 0) > 0)
  t.ok(Object.values(result.cpuUsPerCommand).every((us) => us >= 0))
  const { begin, afterWarmUp, end } = result.openLoop?.memoryMib ?? {}
  for (const memory of [begin, afterWarmUp, end]) {
    for (const tier of ['server', 'worker', 'database', 'broker', 'redis'] as const) {
      t.ok((memory?.[tier] ?? 0) > 0, tier)
    }
  }
})
