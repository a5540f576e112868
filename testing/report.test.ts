import t from 'tap'
import { createTestReport } from './report.ts'

const tap = `TAP version 14
1..2
# Subtest: a/good.test.ts
    # Subtest: it adds
        ok 1 - should be equal
        1..1
    ok 1 - it adds # time=2.1ms

    1..1
    # time=12.5ms
ok 1 - a/good.test.ts # time=412.5ms

# Subtest: b/bad.test.ts
    # SEED=7
    # Subtest: it subtracts
        ok 1 - should be equal
        not ok 2 - ${'x'.repeat(1_000)}
          ---
          diff: |
            -1
            +2
          ...
        1..2
    not ok 1 - it subtracts # time=3.1ms
    1..1
not ok 2 - b/bad.test.ts # time=1000ms
  ---
  exitCode: 1
  ...
# { total: 3, pass: 2, fail: 1 }`

const report = (text: string) => {
  const said: string[] = []
  const { line, failures } = createTestReport((words) => said.push(words))
  for (const words of text.split('\n')) line(words)
  return { said, failures: failures() }
}

t.test('a line for each file, and what belongs to none', async (t) => {
  t.strictSame(report(tap).said, [
    'passed a/good.test.ts 0.4 s',
    'FAILED b/bad.test.ts 1.0 s',
    '# { total: 3, pass: 2, fail: 1 }',
  ])
})

t.test('of a failed file all that tells why: seed, assertion, difference, exit code', async (t) => {
  const { failures } = report(tap)
  t.strictSame(
    failures.map(({ file }) => file),
    ['b/bad.test.ts'],
  )
  const text = failures[0]?.text ?? ''
  for (const part of ['SEED=7', 'it subtracts', 'not ok 2 - xxx', '+2', 'exitCode: 1']) {
    t.match(text, part)
  }
  t.notMatch(text, 'should be equal')
  t.notMatch(text, 'good')
  t.notMatch(text, 'x'.repeat(401))
})

t.test('a file that fails at length is cut from the front', async (t) => {
  const lines = Array.from({ length: 500 }, (_, at) => `    # line ${at}`)
  const { failures } = report(['# Subtest: c', ...lines, 'not ok 1 - c', '  ---'].join('\n'))
  const kept = failures[0]?.text.split('\n') ?? []
  t.equal(kept.length, 150)
  t.equal(kept.at(-1), '  ---')
})
