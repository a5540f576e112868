// When a log that is shorter than expected counts as a loss: never at once, never while nobody answers,
// never when it contradicts itself, always in the end.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { answerGapMsMax, createLossWatch, type Complaint, type Verdict } from './loss.ts'

const confirmMs = 10_000
const truncated: Complaint = { kind: 'truncated', expectedOffset: 100 }
const gap: Complaint = { kind: 'gap', expectedOffset: 100 }
const short = { first: 0, end: 7 }
const whole = { first: 0, end: 100 }

const setUp = () => {
  let now = 0
  const watch = createLossWatch(confirmMs, () => now)
  const pass = (ms: number) => (now += ms)
  /** Asks every second until it is not told to ask again; returns the verdict and after how long. */
  const askUntilSettled = (bounds: Parameters<typeof watch.answer>[1], secondsMax = 60) => {
    for (let second = 1; second <= secondsMax; second++) {
      pass(1_000)
      const verdict = watch.answer(0, bounds)
      if (verdict !== 'ask-again') return { verdict, second }
    }
    return { verdict: 'ask-again', second: secondsMax }
  }
  return { watch, pass, askUntilSettled }
}

t.test('a log that stays too short is a loss after the whole time, not before', (t) => {
  const { watch, askUntilSettled } = setUp()
  t.equal(watch.complain(0, truncated), 'ask-again')
  t.same(askUntilSettled(short), { verdict: 'lost', second: 10 })
  t.end()
})

t.test('records that were deleted at its beginning are one as well', (t) => {
  const { watch, askUntilSettled } = setUp()
  t.equal(watch.complain(0, gap), 'ask-again')
  t.same(askUntilSettled({ first: 101, end: 500 }), { verdict: 'lost', second: 10 })
  t.end()
})

t.test('a log that has its old end again goes on, and nothing is remembered of it', (t) => {
  const { watch, pass, askUntilSettled } = setUp()
  watch.complain(0, truncated)
  t.equal(askUntilSettled(short, 9).verdict, 'ask-again')
  pass(1_000)
  t.equal(watch.answer(0, whole), 'go-on')
  t.equal(watch.complain(0, truncated), 'ask-again', 'a second restart begins anew')
  t.same(askUntilSettled(short), { verdict: 'lost', second: 10 })
  t.end()
})

t.test('an end that grows and is still too low proves no loss earlier, nor later', (t) => {
  const { watch, pass } = setUp()
  watch.complain(0, truncated)
  const verdicts = Array.from({ length: 10 }, (_, i) => {
    pass(1_000)
    return watch.answer(0, { first: 0, end: 10 + i })
  })
  t.same(verdicts, [...Array<Verdict>(9).fill('ask-again'), 'lost'])
  t.end()
})

t.test('while nobody answers nothing is lost, and it counts from the next answer on', (t) => {
  const { watch, askUntilSettled } = setUp()
  watch.complain(0, truncated)
  t.equal(askUntilSettled(short, 9).verdict, 'ask-again')
  t.equal(askUntilSettled(undefined, 600).verdict, 'ask-again')
  t.same(askUntilSettled(short), { verdict: 'lost', second: 11 })
  const other = setUp()
  other.watch.complain(0, truncated)
  t.equal(other.askUntilSettled(short, 9).verdict, 'ask-again')
  other.watch.unanswered()
  t.same(other.askUntilSettled(short), { verdict: 'lost', second: 11 })
  t.end()
})

t.test('a process that slept has not been told so all the time', (t) => {
  const { watch, pass, askUntilSettled } = setUp()
  watch.complain(0, truncated)
  pass(3_600_000)
  t.equal(watch.answer(0, short), 'ask-again')
  t.same(askUntilSettled(short), { verdict: 'lost', second: (confirmMs - answerGapMsMax) / 1_000 })
  t.end()
})

t.test('a hole that is listed and never delivered is a loss in the end', (t) => {
  const { watch, pass } = setUp()
  let seconds = 0
  while (watch.complain(0, gap) !== 'lost') {
    seconds++
    pass(1_000)
    t.equal(watch.answer(0, whole), 'go-on', 'the consumer goes back')
    if (seconds > 60) break
  }
  t.equal(seconds, 10)
  t.end()
})

t.test('a gap that closes, or another one, begins anew', (t) => {
  const { watch, pass, askUntilSettled } = setUp()
  const gone = { first: 200, end: 500 }
  watch.complain(0, gap)
  t.equal(askUntilSettled(gone, 9).verdict, 'ask-again')
  watch.clear(0)
  t.equal(watch.answer(0, gone), 'go-on', 'nothing is suspected')
  watch.complain(0, gap)
  t.equal(askUntilSettled(gone, 9).verdict, 'ask-again')
  pass(1_000)
  t.equal(watch.complain(0, { ...gap, expectedOffset: 150 }), 'ask-again')
  t.same(askUntilSettled(gone), { verdict: 'lost', second: 10 })
  t.end()
})

t.test('partitions are judged apart', (t) => {
  const { watch, askUntilSettled } = setUp()
  watch.complain(0, truncated)
  watch.complain(1, truncated)
  t.equal(askUntilSettled(short).verdict, 'lost')
  t.equal(watch.answer(1, short), 'ask-again')
  t.end()
})

t.test('whatever comes: lost only after an unbroken time of answers that miss the records', (t) => {
  const random = seeded(t)
  for (let round = 0; round < 500; round++) {
    const { watch, pass } = setUp()
    let unbrokenMs = 0
    let hasAnswer = false
    let isSuspected = false
    for (let step = 0; step < 60; step++) {
      const ms = random.below(4_000)
      pass(ms)
      const miss = () => {
        unbrokenMs = hasAnswer ? unbrokenMs + Math.min(ms, answerGapMsMax) : 0
        hasAnswer = true
        return unbrokenMs >= confirmMs ? 'lost' : 'ask-again'
      }
      const choice = random.below(12)
      let verdict: Verdict
      let expected: Verdict
      if (!isSuspected || choice < 3) {
        isSuspected = true
        verdict = watch.complain(0, truncated)
        expected = miss()
      } else if (choice === 3) {
        verdict = watch.answer(0, undefined)
        expected = 'ask-again'
        hasAnswer = false
      } else if (choice === 4) {
        verdict = watch.answer(0, whole)
        expected = 'go-on'
        hasAnswer = isSuspected = false
      } else {
        verdict = watch.answer(0, short)
        expected = miss()
      }
      if (verdict !== expected) t.fail(`round ${round}, step ${step}: ${verdict} for ${expected}`)
    }
  }
  t.pass()
  t.end()
})
