// Changes of memberships become events of their team, and gaps while they can't be appended.

import t from 'tap'
import type { NewEvent } from '../../../lib/events/events.ts'
import { eventually } from '../../../testing/eventually.ts'
import { createMembershipEvents } from './membership-events.ts'

const setUp = () => {
  const appended: NewEvent[] = []
  const state = { isRefused: false, attempts: 0 }
  const memberships = createMembershipEvents(
    {
      append(batches) {
        state.attempts++
        if (state.isRefused) return Promise.reject(new Error('READONLY'))
        appended.push(...batches.flatMap(({ events }) => events))
        return Promise.resolve()
      },
    },
    5,
  )
  return { appended, state, memberships }
}

t.test('each change of a member is told, in order', async (t) => {
  const { appended, memberships } = setUp()
  memberships.tell('member.joined', 'team', 'ann', { userId: 'ann', invitationId: 'i' })
  memberships.tell('member.promoted', 'team', 'bob', { userId: 'ann' })
  memberships.tell('team.renamed', 'team', 'bob')
  memberships.tell('member.left', 'team', 'ann', { userId: 'ann' })
  await memberships.close()
  t.same(
    appended.map(({ channel, body = '' }) => [channel, JSON.parse(body) as unknown]),
    [
      ['team:team', { kind: 'membership', by: 'ann', user_id: 'ann', role: 'member' }],
      ['team:team', { kind: 'membership', by: 'bob', user_id: 'ann', role: 'admin' }],
      ['team:team', { kind: 'membership', by: 'ann', user_id: 'ann', role: null }],
    ],
  )
})

t.test('one that cannot be appended is a gap once something can', async (t) => {
  const { appended, state, memberships } = setUp()
  state.isRefused = true
  memberships.tell('member.removed', 'one', 'ann', { userId: 'bob' })
  for (let i = 0; i < 200; i++) {
    memberships.tell('member.joined', 'other', 'ann', { userId: `${i}` })
  }
  await eventually(
    () => state.attempts,
    (attempts) => attempts > 102,
  )
  t.same(appended, [], 'and is tried again, without a queue that grows')
  state.isRefused = false
  await eventually(
    () => appended.length,
    (length) => length === 2,
  )
  t.same(new Set(appended.map(({ channel }) => channel)), new Set(['team:one', 'team:other']))
  t.same(
    appended.map(({ body }) => body),
    [undefined, undefined],
  )
  await memberships.close()
})
