// The report of npm run bench:writes on fixture figures, and one short real run.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { repository } from '../scripts/paths.ts'
import { orSkip, testDirectory, testKafka } from '../testing/services.ts'
import { findProgram, ServiceMissing } from '../scripts/stack/service.ts'
import { report, type Result } from './writes/report.ts'

const good: Result = {
  acknowledgedPerSecond: 25_000,
  p99Ms: 40,
  appliedPerSecond: 24_900,
  catchUpMs: 12,
  visibleP50Ms: 30,
  visibleP99Ms: 90,
  connections: 200,
  cores: 8,
  generator: 'wrk',
  settings: { HTTP_PROCESSES: '4' },
  cpuUsPerCommand: {
    server: 40,
    broker: 20,
    worker: 20,
    database: 15,
    redis: 1,
    generator: 4,
  },
  coresUsed: { server: 1, broker: 0.5, worker: 0.5, database: 0.4, redis: 0 },
  faults: [],
}

void t.test('what meets its target says so, and what does not', (t) => {
  t.notMatch(report(good), /NOT MET|INVALID/)
  t.match(report({ ...good, acknowledgedPerSecond: 19_999 }), /acknowledged a second.*NOT MET/)
  t.match(report({ ...good, p99Ms: 100 }), /p99 of the 202.*NOT MET/)
  t.match(report({ ...good, p99Ms: null }), /p99 of the 202.*NOT MET/)
  t.match(report({ ...good, appliedPerSecond: 20_000 }), /applied.*NOT MET/)
  t.match(report({ ...good, visibleP99Ms: 250 }), /visible.*NOT MET/)
  t.match(report({ ...good, faults: ['2 dead letters'] }), /INVALID: 2 dead letters/)
  t.end()
})

void t.test('the ceiling follows from the CPU that a command takes', (t) => {
  // 100 us in all: 8 cores carry 80,000 a second, and 20,000 take two.
  t.match(report(good), /ceiling of 80,000 commands a second; 20,000 need 2\.0 cores/)
  t.match(report(good), /The server takes most/)
  t.end()
})

void t.test('a short run on the real services leaves a sound result', async (t) => {
  const redis = await orSkip(t, () => {
    if (findProgram('redis-server')) return Promise.resolve(true)
    return Promise.reject(new ServiceMissing('redis', 'install redis-server'))
  })
  if (!redis || !(await testKafka(t))) return
  const file = join(await testDirectory(t), 'result.json')
  const args = ['--seconds', '1', '--connections', '20', '--rate', '100', '--json', file]
  await promisify(execFile)(process.execPath, ['bench/writes.ts', ...args], {
    cwd: repository,
  })
  const result = JSON.parse(await readFile(file, 'utf8')) as Result
  t.same(result.faults, [])
  t.ok(result.acknowledgedPerSecond > 0 && result.appliedPerSecond > 0)
  t.ok(result.visibleP99Ms > 0)
  t.ok(Object.values(result.cpuUsPerCommand).every((us) => us >= 0))
})
