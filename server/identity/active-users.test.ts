// Who counts as active, for how long, and that no number of users takes more than its share of memory.

import t from 'tap'
import { createActiveUsers, usersMax } from './active-users.ts'

const minuteMs = 60_000

t.test('a user counts once, for five minutes and for a day', (t) => {
  let atMs = 0
  const users = createActiveUsers(() => atMs)
  const counts = () => [users.count('5m'), users.count('1d')]
  t.same(counts(), [0, 0])
  for (let i = 0; i < 3; i++) users.saw('ann')
  users.saw('bob')
  t.same(counts(), [2, 2])
  atMs = 4 * minuteMs
  users.saw('ann')
  atMs = 6 * minuteMs
  t.same(counts(), [1, 2], 'bob has gone quiet')
  atMs = 24 * 60 * minuteMs + 1
  t.same(counts(), [0, 1])
  atMs = 48 * 60 * minuteMs
  t.same(counts(), [0, 0])
  t.end()
})

t.test('past the bound the longest unseen is forgotten', (t) => {
  let atMs = 0
  const users = createActiveUsers(() => atMs)
  for (let i = 0; i < usersMax; i++) users.saw(`user ${i}`)
  atMs = minuteMs
  users.saw('user 0')
  users.saw('one more')
  t.equal(users.count('1d'), usersMax)
  t.equal(users.count('5m'), usersMax)
  atMs = 5 * minuteMs + 1
  t.equal(users.count('5m'), 2, 'both of the last minute are there')
  t.end()
})
