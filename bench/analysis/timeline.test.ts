// The order of events, against a sorted list.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { createTimeline } from './timeline.ts'

void t.test('the earliest first, and of one time the one that was added first', (t) => {
  const random = seeded(t)
  const timeline = createTimeline<number>()
  const due: { atUs: number; what: number }[] = []
  let nowUs = 0
  for (let i = 0; i < 5_000; i++) {
    if (random.below(3) > 0) {
      const event = { atUs: nowUs + random.below(20), what: i }
      due.push(event)
      timeline.add(event.atUs, event.what)
      continue
    }
    due.sort((a, b) => a.atUs - b.atUs || a.what - b.what)
    const wanted = due.shift()
    const found = timeline.next()
    if (found?.what !== wanted?.what || found?.atUs !== wanted?.atUs) {
      t.same(found, wanted)
      break
    }
    nowUs = wanted?.atUs ?? nowUs
  }
  t.ok(due.length > 100, 'more were added than taken')
  t.end()
})
