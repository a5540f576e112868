// What is nothing but copies of one request, wherever it is cut.

import t from 'tap'
import { seeded } from '../../../../testing/seeded.ts'
import { countRepeats } from './repeats.ts'

const request = Buffer.from('GET /todos?limit=10 HTTP/1.1\r\nHost: a\r\n\r\n')
const { length } = request
const copies = (count: number) => Buffer.from(request.toString().repeat(count))

t.test('copies are counted wherever they are cut', async (t) => {
  const stream = copies(5)
  for (let from = 0; from < length; from++) {
    for (let to = from + 1; to <= stream.length; to += 7) {
      const expected = {
        kind: 'copies',
        complete: Math.floor(to / length),
        matched: to % length,
      }
      t.same(
        countRepeats(request, from, stream.subarray(from, to), to - from),
        expected,
        `${from} to ${to}`,
      )
    }
  }
})

t.test('one changed bit anywhere makes it something else', async (t) => {
  const random = seeded(t)
  for (let round = 0; round < 20_000; round++) {
    const matched = random.below(length)
    const chunk = Buffer.from(copies(6).subarray(matched, matched + 1 + random.below(4 * length)))
    const at = random.below(chunk.length)
    chunk[at] = (chunk[at] ?? 0) ^ (1 << random.below(8))
    if (countRepeats(request, matched, chunk, chunk.length).kind !== 'other') {
      t.fail(`matched ${matched}, changed at ${at} of ${chunk.length}`)
      return
    }
  }
  t.pass('20,000 rounds')
})
