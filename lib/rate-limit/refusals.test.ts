// What is known of a refusal says what the store would say, to the last moment of its wait, and no longer;
// a store that was emptied is asked again within a second; and what is known is bounded.

import t from 'tap'
import { silentLog } from '../../testing/settings.ts'
import { seeded } from '../../testing/seeded.ts'
import { createLimiter } from './failover.ts'
import { takeFromBucket, takeFromWindow } from './model.ts'
import type { Decision, LimitStore, Policy } from './policy.ts'
import { createRefusals, knownMax, knownMsMax } from './refusals.ts'
import { windowDecision, type WindowSeen } from './sliding-window.ts'
import { bucketDecision, type BucketSeen } from './token-bucket.ts'

/** A store of one key in plain arithmetic, by a clock that the test moves. */
const createModelStore = (nowUs: () => number) => {
  let bucket: BucketSeen | undefined
  let window: WindowSeen | undefined
  let asked = 0
  const take = (policy: Policy): Decision => {
    asked++
    if (policy.algorithm === 'token-bucket') {
      bucket = takeFromBucket(policy, bucket, nowUs())
      return bucketDecision(policy, bucket)
    }
    window = takeFromWindow(policy, window, nowUs())
    return windowDecision(policy, window)
  }
  const store: LimitStore = {
    take: (policy) => Promise.resolve(take(policy)),
    open: () => Promise.resolve(),
    refund: () => Promise.resolve(),
    reconnect() {},
    close: () => Promise.resolve(),
  }
  return {
    take,
    store,
    asked: () => asked,
    empty() {
      bucket = undefined
      window = undefined
    },
  }
}

const startMs = 1.8e12

t.test('with refusals known, every decision is what the store alone would make', async (t) => {
  const random = seeded(t)
  let known = 0
  for (let round = 0; round < 200; round++) {
    const policy: Policy = {
      name: 'x',
      algorithm: round % 2 === 0 ? 'token-bucket' : 'sliding-window',
      limit: 1 + random.below(30),
      windowSec: 1 + random.below(5),
    }
    let nowMs = startMs + random.below(1_000_000)
    const nowUs = () => Math.floor(nowMs * 1_000)
    const [behind, alone] = [createModelStore(nowUs), createModelStore(nowUs)]
    const backend = { name: 'redis' as const, store: behind.store }
    const limiter = createLimiter([backend], [policy], silentLog, () => nowMs)
    for (let i = 0; i < 300; i++) {
      const taken = await limiter.take(policy, 'a')
      const expected = alone.take(policy)
      if (!('decision' in taken)) throw new Error(taken.store)
      const { decision } = taken
      // Derived from a wait that was reported before, by a clock of microseconds.
      const apartMs = Math.abs(decision.retryAfterMs - expected.retryAfterMs)
      if (
        decision.allowed !== expected.allowed ||
        decision.remaining !== expected.remaining ||
        apartMs > 1.1 ||
        Math.abs(decision.resetMs - expected.resetMs) > 1.1
      ) {
        t.same(decision, expected, `${JSON.stringify(policy)}, ${i}`)
        return
      }
      // Bursts, waits as long as they were told, and any moment between.
      const choice = random.below(20)
      if (choice === 0) nowMs += decision.retryAfterMs
      else if (choice === 1) nowMs += random.next() * policy.windowSec * 1_000
      else nowMs += random.next() * 20
    }
    known += alone.asked() - behind.asked()
  }
  t.ok(known > 1_000, `${known} refusals were known`)
})

t.test('a store that was emptied is asked again within a second', async (t) => {
  let nowMs = startMs
  const model = createModelStore(() => nowMs * 1_000)
  const policy: Policy = { name: 'x', algorithm: 'token-bucket', limit: 2, windowSec: 86_400 }
  const backend = { name: 'redis' as const, store: model.store }
  const limiter = createLimiter([backend], [policy], silentLog, () => nowMs)
  const isAllowed = async () => {
    const taken = await limiter.take(policy, 'a')
    return 'decision' in taken && taken.decision.allowed
  }
  t.same([await isAllowed(), await isAllowed(), await isAllowed()], [true, true, false])
  const asked = model.asked()
  for (let i = 0; i < 1_000; i++) t.notOk(await isAllowed())
  t.equal(model.asked(), asked, 'a flood that is refused asks nobody')
  const outcomes = limiter.counts.decisions.get('x')?.get('redis')
  t.same(outcomes, { allowed: 2, refused: 1_001 }, 'and is counted')
  model.empty()
  nowMs += knownMsMax
  t.ok(await isAllowed())
})

t.test('each key and policy has its own, and the oldest is forgotten first', (t) => {
  const refusals = createRefusals(() => 0)
  const [one, two] = ['one', 'two'].map((name): Policy => ({
    name,
    algorithm: 'token-bucket',
    limit: 1,
    windowSec: 60,
  })) as [Policy, Policy]
  const refused: Decision = {
    allowed: false,
    remaining: 0,
    retryAfterMs: 60_000,
    resetMs: 60_000,
    atUs: 0,
  }
  for (let i = 0; i <= knownMax; i++) {
    refusals.add(one, `key ${i}`, { store: 'redis', decision: refused }, 0)
  }
  t.equal(refusals.find(one, 'key 0'), undefined)
  t.ok(refusals.find(one, 'key 1'))
  t.ok(refusals.find(one, `key ${knownMax}`))
  t.equal(refusals.find(two, 'key 1'), undefined)
  t.end()
})
