// When commands that wait are a stall: whatever the reason, only after a while without any applied, and
// only for partitions that are this worker's.

import t from 'tap'
import {
  createStallWatch,
  elapsedMsMax,
  restartEveryMs,
  stalledMsMax,
  stallText,
  type Poll,
} from './stall.ts'

const stepMs = 3_000
const ours = (): boolean => true
const at = (...offsets: number[]) =>
  new Map(offsets.map((offset, partition) => [partition, offset]))
const well: Poll = {
  elapsedMs: stepMs,
  ends: at(10, 10),
  applied: at(10, 10),
  isOurs: ours,
  inFlight: new Set(),
}

/** Polls until it is a stall; returns it and after how long. */
const untilStall = (judge: ReturnType<typeof createStallWatch>, poll: Partial<Poll>) => {
  let restarts = 0
  for (let ms = stepMs; ms <= 10 * stalledMsMax; ms += stepMs) {
    const { stall, shouldRestart } = judge({ ...well, ...poll })
    if (shouldRestart) restarts++
    if (stall) return { ...stall, ms, restarts }
  }
  return undefined
}

t.test('no stall: nothing waits, or some is applied, or another worker has the partition', (t) => {
  t.equal(untilStall(createStallWatch(), {}), undefined)
  const judge = createStallWatch()
  for (let applied = 0; applied < 1_000; applied++) {
    const { stall, shouldRestart } = judge({ ...well, ends: at(5_000), applied: at(applied) })
    t.notOk(stall ?? shouldRestart)
  }
  const others = { ends: at(50, 10), isOurs: (partition: number) => partition === 1 }
  t.equal(untilStall(createStallWatch(), others), undefined)
  t.end()
})

t.test('commands wait and none is delivered: begun anew first, then a stall', (t) => {
  const judge = createStallWatch()
  judge(well)
  const stall = untilStall(judge, { ends: at(14, 10) })
  t.same(stall, {
    cause: 'not-delivered',
    lag: 4,
    partitions: [0],
    ms: stalledMsMax,
    restarts: stalledMsMax / restartEveryMs,
  })
  t.notOk(judge({ ...well, ends: at(14, 10), applied: at(11, 10) }).stall, 'one is applied: over')
  t.end()
})

t.test('the causes are told apart, and only what a restart can mend is begun anew', (t) => {
  const waiting = { ends: at(14, 10), applied: at(10, 10) }
  const causes = [
    [{ ...waiting, inFlight: new Set([0]) }, 'not-applied'],
    [{ ...waiting, ends: undefined }, 'log-unavailable'],
    [{ ...waiting, applied: undefined }, 'store-unavailable'],
    [{ ends: undefined, applied: undefined }, 'store-unavailable'],
  ] as const
  for (const [poll, cause] of causes) {
    const judge = createStallWatch()
    judge({ ...well, ...waiting })
    t.match(untilStall(judge, poll), { cause, lag: 4, restarts: 0 })
  }
  t.end()
})

t.test('a log that is down and had nothing that waits is no stall', (t) => {
  const judge = createStallWatch()
  judge(well)
  t.equal(untilStall(judge, { ends: undefined }), undefined)
  t.end()
})

t.test('a partition that nothing was ever applied of counts from the first offset', (t) => {
  t.match(untilStall(createStallWatch(), { ends: at(5), applied: new Map() }), { lag: 5 })
  t.end()
})

t.test('a partition that moved to another worker and back has waited for nobody', (t) => {
  const judge = createStallWatch()
  const waiting = { ...well, ends: at(14), applied: at(10) }
  judge(waiting)
  for (let ms = 0; ms < stalledMsMax - 2 * stepMs; ms += stepMs) t.notOk(judge(waiting).stall)
  judge({ ...waiting, isOurs: () => false })
  t.equal(untilStall(judge, waiting)?.ms, stalledMsMax)
  t.end()
})

t.test('a process that was frozen for an hour has not waited for an hour', (t) => {
  const judge = createStallWatch()
  judge(well)
  const { stall } = judge({ ...well, ends: at(14), elapsedMs: 3_600_000 })
  t.notOk(stall)
  t.ok(elapsedMsMax < restartEveryMs && elapsedMsMax < stalledMsMax)
  t.end()
})

t.test('it says what waits, and why', (t) => {
  t.equal(
    stallText({ cause: 'not-delivered', lag: 7, partitions: [0, 3] }),
    '7 commands wait in partitions 0, 3 and none was applied for 30 s: ' +
      'the command log answers and delivers none',
  )
  t.end()
})
