// The level of the cork is an upper bound, wherever a read began: checked against every place where it can
// have begun.

import t from 'tap'
import { seeded } from '../../../../testing/seeded.ts'
import { corkBytes, createCorkLevel } from './cork.ts'

/** What lies in the cork behind `lengths`, all of one read: nothing once it was sent. */
const corkedBytes = (lengths: readonly number[]) => {
  const bytes = lengths.reduce((sum, length) => sum + length, 0)
  return bytes > corkBytes ? 0 : bytes
}

void t.test('a head fits when it would, wherever the read began', (t) => {
  const random = seeded(t)
  for (const bodyBytesMax of [1, 300, 2_000, 20_000]) {
    const level = createCorkLevel()
    const lengths: number[] = []
    let wrong = 0
    for (let i = 0; i < 2_000; i++) {
      const headBytes = 64 + random.below(300)
      const bodyBytes = random.below(bodyBytesMax)
      // No more than this many answers fit into a cork.
      const latest = lengths.slice(-corkBytes / 64)
      const fullest = Math.max(0, ...latest.map((_, from) => corkedBytes(latest.slice(from))))
      if (level.takes(headBytes, bodyBytes) !== fullest + headBytes <= corkBytes) wrong++
      lengths.push(headBytes + bodyBytes)
    }
    t.equal(wrong, 0, `bodies of less than ${bodyBytesMax} bytes`)
  }
  t.end()
})
