import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from './eventually.ts'
import { whyItFailed } from './report.ts'
import { runTest } from './run-node.ts'

const run = (t: Test, text: string) => {
  const directory = t.testdir({ 'fixture.test.ts': text })
  const env = { ...process.env, TAP_TIMEOUT: '3' }
  return runTest(join(directory, 'fixture.test.ts'), env, { graceSeconds: 1 })
}
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

t.test('a good file passes', async (t) => {
  const { isPassed, output } = await run(
    t,
    `import t from 'tap'
     t.test('good', async (t) => { const one: number = 1; t.equal(one, 1) })`,
  )
  t.ok(isPassed, output)
})

t.test('a bad one fails, and says why', async (t) => {
  for (const [text, why] of [
    [`import t from 'tap'; t.test('bad', async (t) => t.equal(1, 2))`, /not ok 1/],
    [`import t from 'tap'; t.test('bad', async () => { throw new Error('broken') })`, /broken/],
    [`throw new Error('broken')`, /broken/],
    [`import t from 'tap'; t.test('bad', () => process.exit(0))`, /not ok 1/],
    [`process.exit(0)`, /did not come to its end, or has no test/],
    [`process.kill(process.pid, 'SIGKILL')`, /SIGKILL/],
    [`import t from 'tap'; t.test('bad', () => new Promise(() => {}))`, /not ok 1/],
    [`import t from 'tap'; setInterval(() => {}, 1_000); t.test('late', () => {})`, /timeout/],
  ] as const) {
    const { isPassed, output } = await run(t, text)
    t.notOk(isPassed, text)
    t.match(whyItFailed(output), why, text)
  }
})

t.test('one that hangs is killed with what it has started', async (t) => {
  const { isPassed, output } = await run(
    t,
    `import { spawn } from 'node:child_process'
     const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1_000)'], {
       detached: true,
     })
     console.log('started ' + child.pid)
     for (;;) {}`,
  )
  t.notOk(isPassed)
  t.match(output, 'not over after 4 s: killed, with all that it had started')
  const pid = Number(/started (\d+)/.exec(output)?.[1])
  await eventually(
    () => isAlive(pid),
    (alive) => !alive,
  )
})
