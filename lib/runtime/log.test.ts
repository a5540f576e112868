// The bound on lines that come as often as clients like.

import t from 'tap'
import { createBoundedLog } from './log.ts'

t.test('ten lines a second, and word of those left out', async (t) => {
  const lines: unknown[] = []
  let nowMs = 5_000
  const log = createBoundedLog(
    (fields, message) => lines.push([message, fields]),
    () => nowMs,
  )
  for (let i = 0; i < 25; i++) log({ i }, 'failed')
  t.equal(lines.length, 10)
  t.same(lines.at(-1), ['failed', { i: 9 }])
  nowMs = 5_999
  log({ i: 25 }, 'failed')
  t.equal(lines.length, 10, 'the same second')
  nowMs = 6_000
  log({ i: 26 }, 'failed')
  log({ i: 27 }, 'failed')
  t.same(lines.slice(10), [
    ['failed', { i: 26, omitted_before: 16 }],
    ['failed', { i: 27 }],
  ])
})
