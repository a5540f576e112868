// Which profiles are asked for again. The clock is the test's.

import t from 'tap'
import { createProfiles } from './profiles.ts'

const setUp = (ttlMs: number) => {
  const asked: string[] = []
  const there = new Set<string>()
  const clock = { nowMs: 0 }
  const findUser = (id: string) => {
    asked.push(id)
    const user = { id, email: `${id}@a.example`, created_at: new Date(asked.length) }
    return Promise.resolve(there.has(id) ? user : undefined)
  }
  const profiles = createProfiles({ findUser }, ttlMs, () => clock.nowMs)
  return { asked, there, clock, profiles }
}

t.test('a profile is read once in its time, and is its own', async (t) => {
  const { asked, there, clock, profiles } = setUp(1_000)
  there.add('ann').add('bob')
  for (const id of ['ann', 'bob', 'ann', 'bob']) t.match(await profiles.find(id), { id })
  t.same(asked, ['ann', 'bob'])
  clock.nowMs = 999
  there.delete('ann')
  t.match(await profiles.find('ann'), { id: 'ann' })
  clock.nowMs = 1_000
  t.equal(await profiles.find('ann'), undefined, 'deleted meanwhile')
  t.match(await profiles.find('bob'), { created_at: new Date(4) }, 'read again')
})

t.test('who has no account is looked for each time', async (t) => {
  const { asked, there, profiles } = setUp(1_000)
  t.equal(await profiles.find('ann'), undefined)
  there.add('ann')
  t.match(await profiles.find('ann'), { id: 'ann' }, 'just registered')
  t.equal(asked.length, 2)
})

t.test('a failure is not kept, and nothing is where nothing is to be', async (t) => {
  let failures = 1
  const findUser = (id: string) =>
    failures-- > 0
      ? Promise.reject(new Error('away'))
      : Promise.resolve({ id, email: 'a@a.example', created_at: new Date() })
  const profiles = createProfiles({ findUser }, 1_000)
  await t.rejects(profiles.find('ann'), { message: 'away' })
  t.match(await profiles.find('ann'), { id: 'ann' })
  const none = setUp(0)
  none.there.add('ann')
  await none.profiles.find('ann')
  await none.profiles.find('ann')
  t.equal(none.asked.length, 2)
})

t.test('the oldest make room', async (t) => {
  const { asked, there, profiles } = setUp(1_000)
  const ids = Array.from({ length: 10_001 }, (_, i) => `u${i}`)
  for (const id of ids) await profiles.find(there.add(id) && id)
  asked.length = 0
  for (const id of ['u10000', 'u1', 'u0', 'u1']) await profiles.find(id)
  t.same(asked, ['u0', 'u1'], 'the oldest made room for the last, the next for the first again')
})
