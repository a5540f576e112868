// The bucket of one client in one process: how much passes, when more does, and how many are remembered.

import t from 'tap'
import { bucketsMax, createBuckets } from './in-process.ts'

const policy = { name: 'list', algorithm: 'token-bucket', limit: 10, windowSec: 5 } as const
const start = () => {
  let atMs = 1_000
  const buckets = createBuckets(policy, () => atMs)
  return { buckets, pass: (ms: number) => (atMs += ms) }
}

t.test('a burst passes, then one request each half second', (t) => {
  const { buckets, pass } = start()
  const bucket = buckets.of('ann')
  t.equal(bucket.left(), 10)
  bucket.take(7)
  t.equal(bucket.left(), 3)
  bucket.take(3)
  t.equal(bucket.left(), 0)
  t.match(bucket.decide(), { allowed: false, remaining: 0, retryAfterMs: 500 })
  pass(499)
  t.equal(bucket.left(), 0)
  pass(1)
  t.match(bucket.decide(), { allowed: true, remaining: 0 })
  t.equal(bucket.decide().allowed, false)
  pass(60_000)
  t.equal(bucket.left(), 10, 'never more than a full one')
  t.same(buckets.counts, { allowed: 11, refused: 2 })
  t.end()
})

t.test('clients do not share a bucket, and a bounded number of them is remembered', (t) => {
  const { buckets } = start()
  buckets.of('ann').take(10)
  t.equal(buckets.of('ann').left(), 0)
  t.equal(buckets.of('bob').left(), 10)
  for (let i = 0; i < bucketsMax - 2; i++) buckets.of(`client ${i}`)
  t.equal(buckets.of('ann').left(), 0)
  buckets.of('one more')
  t.equal(buckets.of('ann').left(), 10, 'the oldest was forgotten')
  t.end()
})
