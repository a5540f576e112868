// The breaker on made-up time: when it opens, that nothing but a probe closes it, and how rarely it can
// change however its store flaps.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { createBreaker } from './breaker.ts'

const setUp = () => {
  let timeMs = 0
  const changes: string[] = []
  const breaker = createBreaker({
    failuresMax: 3,
    failureSpacingMs: 10,
    openMs: 1_000,
    nowMs: () => timeMs,
    onChange: (state) => changes.push(`${state} ${timeMs}`),
  })
  const fail = (...atMs: number[]) => {
    for (const at of atMs) {
      timeMs = at
      breaker.asked(false)
    }
  }
  const admitAt = (at: number) => {
    timeMs = at
    return breaker.admit()
  }
  return { breaker, changes, fail, admitAt }
}

t.test('failures in a row open it, and any success begins the row anew', async (t) => {
  const { breaker, changes, fail, admitAt } = setUp()
  fail(0, 20)
  breaker.asked(true)
  fail(40, 60)
  t.equal(breaker.admit(), 'ask')
  t.notOk(breaker.isOpen())
  fail(80)
  t.ok(breaker.isOpen())
  t.equal(admitAt(81), 'skip')
  t.same(changes, ['open 80'])
})

t.test('what fails in one moment is one failure', async (t) => {
  const { breaker, fail } = setUp()
  fail(...Array<number>(500).fill(0), ...Array<number>(500).fill(9))
  t.notOk(breaker.isOpen())
  fail(10, 20)
  t.ok(breaker.isOpen())
})

t.test('one probe at a time closes it, and nobody else does', async (t) => {
  const { breaker, changes, fail, admitAt } = setUp()
  fail(0, 10, 20)
  breaker.asked(true)
  t.equal(admitAt(1_019), 'skip', 'what was under way has no say')
  t.equal(admitAt(1_020), 'probe')
  t.equal(admitAt(9_000), 'skip', 'the probe is still out')
  breaker.asked(true)
  t.ok(breaker.isOpen())
  breaker.probed(false)
  t.equal(admitAt(9_999), 'skip')
  t.equal(admitAt(10_000), 'probe')
  breaker.probed(true)
  t.equal(breaker.admit(), 'ask')
  breaker.probed(false)
  t.notOk(breaker.isOpen(), 'a probe has one say')
  t.same(changes, ['open 20', 'closed 10000'])
})

t.test('however a store flaps, it changes twice a second at most', async (t) => {
  const random = seeded(t)
  const { breaker, changes, admitAt } = setUp()
  for (let atMs = 0; atMs < 60_000; atMs += random.below(3)) {
    const isUp = Math.floor(atMs / 300) % 2 === 0
    const admitted = admitAt(atMs)
    if (admitted === 'ask') breaker.asked(isUp)
    if (admitted === 'probe') breaker.probed(isUp)
  }
  t.ok(changes.length > 10 && changes.length <= 2 * 60 + 1, `${changes.length} changes`)
  t.ok(changes.every((one, i) => one.startsWith(i % 2 === 0 ? 'open' : 'closed')))
})
