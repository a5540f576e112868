// What a replica must be to be read from, as a table.

import t from 'tap'
import { judgeReplica, type PrimarySample, type ReplicaSample } from './replica-health.ts'

const primary: PrimarySample = {
  cluster: '7',
  database: 'todos',
  timeline: 3,
  position: 1_000,
  atMs: 100_000,
}
const earlier: PrimarySample = { ...primary, position: 900, atMs: 99_000 }
const good: ReplicaSample = {
  cluster: '7',
  database: 'todos',
  isInRecovery: true,
  isReceiving: true,
  timeline: 3,
  position: 1_000,
  committedAtMs: 40_000,
}
const lagMsMax = 5_000
const judged = (sample: Partial<ReplicaSample>, before: PrimarySample | undefined = earlier) =>
  judgeReplica(primary, before, { ...good, ...sample }, lagMsMax)

t.test('what is no replica of this primary is left out, whatever it has', async (t) => {
  const faults: readonly (readonly [Partial<ReplicaSample>, RegExp])[] = [
    [{ cluster: '8' }, /another cluster: .* 8, the primary's is 7/],
    [{ database: 'staging' }, /the database staging, not todos/],
    [{ isInRecovery: false, timeline: 4 }, /it was promoted/],
    [{ isReceiving: false, timeline: null }, /receives nothing/],
    [{ timeline: null }, /GRANT pg_monitor/],
    [{ timeline: 2 }, /follows timeline 2, the primary is on 3/],
  ]
  for (const [sample, reason] of faults) t.match(judged(sample), { kind: 'left out', reason })
})

t.test('it is at most as far behind as the nearest bound says', async (t) => {
  const lagOf = (sample: Partial<ReplicaSample>, before?: PrimarySample) =>
    judged(sample, before).lagMs
  t.equal(lagOf({}), 0, 'it has all, though nothing was committed for a minute')
  t.equal(lagOf({ position: 1_200 }), 0, 'more was written since')
  t.equal(lagOf({ position: 999, committedAtMs: 99_990 }), 10)
  t.equal(lagOf({ position: 900 }), 1_000, 'it has what there was a round before')
  t.equal(lagOf({ position: 899 }), 60_000)
  t.equal(lagOf({ position: 999, committedAtMs: 100_020 }), 0, 'committed since')
})

t.test('one that is too far behind is left out, with its lag where that is known', async (t) => {
  t.same(judged({ position: 1, committedAtMs: 95_000 }), { kind: 'used', lagMs: 5_000 })
  t.match(judged({ position: 1, committedAtMs: 94_999 }), { kind: 'left out', lagMs: 5_001 })
  const unknown = judgeReplica(primary, undefined, { ...good, position: 1, committedAtMs: null }, 1)
  t.match(unknown, { kind: 'left out', reason: /behind/ })
  t.equal(unknown.lagMs, undefined)
})
