// The two algorithms themselves, on made-up time: how much they let through in any window at all, and
// that what they tell who is refused is true to the last step of their clock.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { takeFromBucket, takeFromWindow } from './model.ts'
import type { Decision, Policy } from './policy.ts'
import { windowDecision, type WindowSeen } from './sliding-window.ts'
import { bucketDecision, tokenUsOf, type BucketSeen } from './token-bucket.ts'

type Take = (atUs: number) => Decision

const bucketOf = (policy: Policy, start?: BucketSeen) => {
  let seen = start
  const take: Take = (atUs) => bucketDecision(policy, (seen = takeFromBucket(policy, seen, atUs)))
  return { take, again: () => bucketOf(policy, seen).take }
}
const windowOf = (policy: Policy, start?: WindowSeen) => {
  let seen = start
  const take: Take = (atUs) => windowDecision(policy, (seen = takeFromWindow(policy, seen, atUs)))
  return { take, again: () => windowOf(policy, seen).take }
}

/** The most that any window of this length holds; `at` in order. */
const mostWithin = (at: readonly number[], length: number): number => {
  let [first, most] = [0, 0]
  for (const [i, one] of at.entries()) {
    while ((at[first] as number) <= one - length) first++
    most = Math.max(most, i - first + 1)
  }
  return most
}

const startUs = 1.8e15

t.test('any window lets through no more than is stated', async (t) => {
  const random = seeded(t)
  let worst = 0
  for (let round = 0; round < 300; round++) {
    const algorithm = round % 2 === 0 ? 'token-bucket' : 'sliding-window'
    const policy: Policy = {
      name: 'x',
      algorithm,
      limit: 1 + random.below(50),
      windowSec: 1 + random.below(20),
    }
    const windowUs = policy.windowSec * 1e6
    const { take } = algorithm === 'token-bucket' ? bucketOf(policy) : windowOf(policy)
    const allowed: number[] = []
    let atUs = startUs + random.below(windowUs)
    for (let i = 0; i < 2_000; i++) {
      const { allowed: isAllowed, remaining } = take(atUs)
      if (isAllowed) allowed.push(atUs)
      if (remaining < 0 || remaining >= policy.limit) t.fail(`${remaining} of ${policy.limit}`)
      // Bursts, and pauses of up to two windows.
      const pauseUs = random.below(10) === 0 ? windowUs * 2 * random.next() ** 4 : 0
      atUs += Math.floor(pauseUs + (random.next() * windowUs) / policy.limit / 4)
    }
    const most = mostWithin(allowed, windowUs)
    if (algorithm === 'token-bucket') {
      for (const lengthUs of [windowUs / 10, windowUs, 3 * windowUs]) {
        const bound = policy.limit + Math.floor(lengthUs / tokenUsOf(policy)) + 1
        if (mostWithin(allowed, lengthUs) > bound)
          t.fail(`over ${bound}: ${JSON.stringify(policy)}`)
      }
      continue
    }
    const perWindow = new Map<number, number>()
    for (const at of allowed) {
      const window = Math.floor(at / windowUs)
      perWindow.set(window, (perWindow.get(window) ?? 0) + 1)
    }
    if (Math.max(...perWindow.values()) > policy.limit)
      t.fail('over the limit in a window of the clock')
    if (most > 2 * policy.limit) t.fail(`${most} of ${policy.limit}`)
    worst = Math.max(worst, most / policy.limit)
  }
  t.ok(worst > 1 && worst <= 2, `sliding window: ${worst.toFixed(2)} times the limit at worst`)
})

t.test('a steady flood over a sliding window gets its limit, and hardly more', async (t) => {
  const random = seeded(t)
  const policy: Policy = { name: 'x', algorithm: 'sliding-window', limit: 1_000, windowSec: 3_600 }
  const { take } = windowOf(policy)
  const allowed: number[] = []
  // Half as many again as it may, evenly but for chance.
  for (let atUs = startUs; atUs < startUs + 8 * 3.6e9;) {
    if (take(atUs).allowed) allowed.push(atUs)
    atUs += Math.floor(random.next() * 2 * (3.6e9 / 1_500))
  }
  const most = mostWithin(allowed, 3.6e9)
  t.ok(most <= 1_000 * 1.35, `${most} in the worst hour`)
  t.ok(allowed.length >= 0.85 * 8_000, `${allowed.length} in eight hours`)
})

t.test('the wait that is told is the shortest that is long enough', async (t) => {
  const random = seeded(t)
  let waits = 0
  for (let round = 0; round < 400; round++) {
    const isBucket = round % 2 === 0
    const policy: Policy = {
      name: 'x',
      algorithm: isBucket ? 'token-bucket' : 'sliding-window',
      limit: 1 + random.below(20),
      windowSec: 1 + random.below(5),
    }
    const one = isBucket ? bucketOf(policy) : windowOf(policy)
    /** The clock of a window goes in milliseconds. */
    const stepUs = isBucket ? 1 : 1_000
    let atUs = startUs + 1_000 * random.below(1_000_000)
    for (let i = 0; i < 100; i++) {
      const decision = one.take(atUs)
      if (!decision.allowed) {
        waits++
        const dueUs = atUs + Math.round(decision.retryAfterMs * 1_000)
        const [due, early] = [one.again()(dueUs), one.again()(dueUs - stepUs)]
        if (!due.allowed) t.fail(`not let in when due: ${JSON.stringify({ policy, decision })}`)
        if (early.allowed) t.fail(`let in earlier: ${JSON.stringify({ policy, decision })}`)
      } else t.equal(decision.retryAfterMs, 0)
      const sinceUs = random.below(4) === 0 ? random.below(policy.windowSec * 1e6) : 0
      atUs += Math.floor(sinceUs / 1_000) * 1_000
    }
  }
  t.ok(waits > 1_000, `${waits} waits`)
})

t.test('a clock that is set back or on shuts nobody out, and opens no flood', async (t) => {
  for (const [algorithm, of] of [
    ['token-bucket', bucketOf],
    ['sliding-window', windowOf],
  ] as const) {
    const policy: Policy = { name: 'x', algorithm, limit: 10, windowSec: 10 }
    for (const leapUs of [-3.6e9, -1e6, -1e3, 1e3]) {
      const { take } = of(policy)
      while (take(startUs).allowed);
      const { allowed, retryAfterMs } = take(startUs + leapUs)
      // Far behind what was counted, a window begins anew; a bucket stays as empty as it was.
      if (algorithm === 'sliding-window' && leapUs === -3.6e9) t.equal(allowed, true)
      else t.equal(allowed, false, `${algorithm} ${leapUs}`)
      t.ok(retryAfterMs <= 20_000, `${retryAfterMs} ms`)
    }
    const { take } = of(policy)
    while (take(startUs).allowed);
    let many = 0
    while (take(startUs + 3.6e9).allowed) many++
    t.equal(many, 10, 'an hour on, it is full')
  }
})
