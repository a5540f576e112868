import t from 'tap'
import { hasPlan, skipsOf, slowest, whyItFailed } from './report.ts'

const tap = `TAP version 14
# SEED=7
# Subtest: it adds
    ok 1 - should be equal
    1..1
ok 1 - it adds # time=2.1ms

# Subtest: it divides
    1..0 # redis is not on this machine
ok 2 - it divides # SKIP redis is not on this machine

ok 3 - it multiplies # SKIP redis is not on this machine
# Subtest: it subtracts
    ok 1 - should be equal
    not ok 2 - ${'x'.repeat(1_000)}
      ---
      diff: |
        -1
        +2
      ...
    1..2
not ok 4 - it subtracts # time=3.1ms
1..4
# { total: 3, pass: 2, fail: 1 }
exit code 1`

t.test('of a failed file all that tells why: seed, assertion, difference, exit code', async (t) => {
  const text = whyItFailed(tap)
  for (const part of ['SEED=7', 'it subtracts', 'not ok 2 - xxx', '+2', 'exit code 1']) {
    t.match(text, part)
  }
  for (const part of ['should be equal', 'it adds', 'x'.repeat(401)]) t.notMatch(text, part)
})

t.test('a file that fails at length is cut from the front', async (t) => {
  const lines = Array.from({ length: 500 }, (_, at) => `    # line ${at}`)
  const kept = whyItFailed(lines.join('\n')).split('\n')
  t.strictSame(kept, ['the end of its output:', ...lines.slice(-300)])
})

t.test('its first lines name what failed and its seed, however much follows', async (t) => {
  const difference = Array.from({ length: 5_000 }, (_, at) => `        -${at}${'x'.repeat(1_000)}`)
  const long = tap.replace('        -1', difference.join('\n'))
  const [name, seed, title, assertion, ...more] = whyItFailed(long).split('\n')
  t.strictSame([name, seed, title], ['failed: it subtracts', 'SEED=7', 'the first failure:'])
  t.match(assertion, /^    not ok 2 - x+$/)
  const head = more.slice(0, more.indexOf('the end of its output:')).join('\n')
  t.ok(head.length > 1_000 && head.length < 2_000, `${head.length} characters`)
})

t.test('what was skipped, each reason once', async (t) => {
  t.strictSame(skipsOf(tap), ['redis is not on this machine'])
  t.strictSame(skipsOf('TAP version 14\n1..0 # no such thing here\n'), ['no such thing here'])
  t.strictSame(skipsOf('TAP version 14\nok 1 - it skips\n1..1'), [])
})

t.test('a file that ended early, or has no test, has no plan', async (t) => {
  t.ok(hasPlan(tap))
  t.notOk(hasPlan(''))
  t.notOk(hasPlan('TAP version 14\n# Subtest: it adds\n    ok 1 - so\n    1..1\n'))
})

t.test('the slowest ten, the slowest first', async (t) => {
  const files = Array.from({ length: 12 }, (_, at) => ({ name: `file ${at}`, seconds: at }))
  const lines = slowest(files).split('\n')
  t.equal(lines.length, 10)
  t.match(lines[0], /^ +11\.0 s file 11$/)
  t.match(lines.at(-1), /2\.0 s file 2$/)
})
