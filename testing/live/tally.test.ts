// The oracle itself: what is lost, doubled or another event is counted.

import t from 'tap'
import { createTally, takeEvent, takeGap, takeJoined, type Heard } from './tally.ts'

const tallyOf = (...heard: readonly (readonly ['joined' | 'gap' | 'event', string, string?])[]) => {
  const all: Heard = new Map([['e.9', 'other']])
  const tally = createTally()
  for (const [type, position, id = position] of heard) {
    if (type === 'joined') takeJoined(tally, position)
    else if (type === 'gap') takeGap(tally, position)
    else takeEvent(tally, position, id, all)
  }
  const { lost, doubled, gaps, different } = tally
  return { lost, doubled, gaps, different }
}
const fine = { lost: 0, doubled: 0, gaps: 0, different: 0 }

void t.test('what was heard is judged', async (t) => {
  t.same(tallyOf(['joined', 'e.1'], ['event', 'e.2'], ['event', 'e.3']), fine)
  t.same(tallyOf(['joined', 'e.1'], ['event', 'e.2'], ['joined', 'e.2'], ['event', 'e.3']), fine)
  t.same(tallyOf(['joined', 'e.1'], ['event', 'e.3']), { ...fine, lost: 1 })
  t.same(tallyOf(['joined', 'e.1'], ['event', 'e.2'], ['joined', 'e.3'], ['event', 'e.4']), {
    ...fine,
    lost: 1,
  })
  t.same(tallyOf(['joined', 'e.1'], ['event', 'e.2'], ['event', 'e.2']), { ...fine, doubled: 1 })
  t.same(tallyOf(['joined', 'e.1'], ['event', 'e.1']), { ...fine, doubled: 1 }, 'from before')
  t.same(tallyOf(['joined', 'e.1'], ['event', 'e.3'], ['event', 'e.2']), {
    ...fine,
    lost: 1,
    doubled: 1,
  })
  t.same(tallyOf(['joined', 'e.1'], ['event', 'f.2']), { ...fine, lost: 1 }, 'another epoch')
  t.same(tallyOf(['joined', 'e.1'], ['gap', 'f.7'], ['event', 'f.8']), { ...fine, gaps: 1 })
  t.same(tallyOf(['joined', 'e.8'], ['event', 'e.9', 'mine']), { ...fine, different: 1 })
})
