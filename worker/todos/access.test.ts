// Who may do what to a row, for every kind of command: the table of permissions is followed, and what is
// asked for at another place than where it is can't be found.

import t from 'tap'
import type { Command } from '../../lib/domain/command.ts'
import { mayWithTodo } from '../../lib/domain/permission.ts'
import type { Membership } from '../../lib/domain/team.ts'
import type { TodoRow } from '../../lib/domain/todo.ts'
import type { Asked } from '../../lib/todo-store/todo-store.ts'
import { accessOf, lockAccess, lockUnexpected, noAccess, refusalOf } from './access.ts'

const red = '5f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a'
const blue = '6f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a'
const row = (over: Partial<TodoRow> = {}): TodoRow => ({
  id: 't',
  title: 'x',
  description: '',
  completed: false,
  user_id: 'ann',
  created_at: new Date(1_000),
  updated_at: new Date(1_000),
  revision: 1,
  is_personal: false,
  team_id: null,
  assignee_id: null,
  ...over,
})
const ofTeam = (over: Partial<TodoRow> = {}) => row({ is_personal: true, team_id: red, ...over })
const envelope = { commandId: 'c', todoId: 't', userId: 'ann', atMs: 1_000 }
const changes: Command[] = [
  { ...envelope, kind: 'update', change: { title: 'y' } },
  { ...envelope, kind: 'toggle' },
  { ...envelope, kind: 'delete' },
]
const by = (userId: string, command: Command, over: Partial<Command> = {}) =>
  ({ ...command, userId, ...over }) as Command

const members = accessOf([
  { teamId: red, userId: 'ann', role: 'admin' },
  { teamId: red, userId: 'bob', role: 'member' },
  { teamId: blue, userId: 'eve', role: 'admin' },
])

void t.test("a public or a personal todo is its owner's to change", (t) => {
  const personal = { isPersonal: true } as const
  for (const change of changes) {
    t.equal(refusalOf(change, row(), noAccess), undefined)
    t.equal(refusalOf(by('bob', change), row(), noAccess), 'forbidden')
    const mine = row({ is_personal: true })
    t.equal(refusalOf(by('ann', change, personal), mine, noAccess), undefined)
    t.equal(refusalOf(by('bob', change, personal), mine, noAccess), 'not-found')
  }
  t.end()
})

void t.test('a personal todo is changed by its editors, and seen by its viewers', (t) => {
  const share = { todoId: 't', teamId: null, userId: null }
  const shared = accessOf(
    [
      { teamId: red, userId: 'vic', role: 'admin' },
      { teamId: blue, userId: 'eve', role: 'member' },
    ],
    [
      { ...share, userId: 'eve', role: 'viewer' },
      { ...share, teamId: blue, role: 'editor' },
      { ...share, teamId: red, role: 'viewer' },
      { ...share, todoId: 'other', userId: 'vic', role: 'editor' },
    ],
  )
  const mine = row({ is_personal: true })
  for (const change of changes) {
    const of = (userId: string, isShared?: true) =>
      by(userId, change, { isPersonal: true, ...(isShared && { isShared }) })
    const isDelete = change.kind === 'delete'
    for (const marked of [true, undefined] as const) {
      t.equal(refusalOf(of('eve', marked), mine, shared), isDelete ? 'forbidden' : undefined)
      t.equal(refusalOf(of('vic', marked), mine, shared), 'forbidden')
      t.equal(refusalOf(of('bob', marked), mine, shared), 'not-found')
      t.equal(refusalOf(of('eve', marked), mine, noAccess), 'not-found', 'no longer')
      t.equal(refusalOf(of('eve', marked), { ...mine, id: 'none' }, shared), 'not-found')
    }
    t.equal(refusalOf(by('eve', change), mine, shared), 'not-found', 'among the public ones')
    t.equal(refusalOf(by('eve', change, { teamId: red }), mine, shared), 'not-found')
    t.equal(refusalOf(of('eve'), ofTeam({ user_id: 'ann' }), shared), 'not-found', "a team's")
  }
  t.end()
})

void t.test('shares are locked of those who ask by one, and of whom nobody expected', async (t) => {
  const asked: Asked[] = []
  const transaction = {
    lockMemberships: () => Promise.resolve([]),
    lockShares(some: readonly Asked[]) {
      asked.push(...some.map(({ todoId, userId }) => ({ todoId, userId })))
      return Promise.resolve([
        { todoId: 't', userId: 'eve', teamId: null, role: 'editor' } as const,
      ])
    },
  }
  const personal = { isPersonal: true } as const
  const [change] = changes as [Command]
  const commands = [by('ann', change, personal), by('eve', change, personal), change]
  const rows = new Map([['t', row({ is_personal: true })]])
  t.equal(await lockAccess(transaction, commands), noAccess)
  t.same(asked, [], 'most are by owners')
  const late = await lockUnexpected(transaction, commands, rows, noAccess)
  t.same(asked.splice(0), [{ todoId: 't', userId: 'eve' }])
  t.equal(late.shareRoleOf('t', 'eve'), 'editor')
  const marked = [by('eve', change, { ...personal, isShared: true })]
  const early = await lockAccess(transaction, marked)
  t.same(asked.splice(0), [{ todoId: 't', userId: 'eve' }])
  t.equal(await lockUnexpected(transaction, marked, rows, early), early)
  t.same(asked, [])
})

void t.test("a todo of a team is its members' to change, whoever made it", (t) => {
  for (const change of changes) {
    for (const userId of ['ann', 'bob']) {
      t.equal(refusalOf(by(userId, change, { teamId: red }), ofTeam(), members), undefined)
    }
    for (const userId of ['eve', 'former']) {
      const made = ofTeam({ user_id: userId })
      t.equal(refusalOf(by(userId, change, { teamId: red }), made, members), 'not-found')
    }
  }
  t.equal(mayWithTodo('assign-todo', 'team-member'), 'allowed')
  t.end()
})

void t.test('it is found where it is, and nowhere else', (t) => {
  const places = [{}, { isPersonal: true }, { teamId: red }, { teamId: blue }] as const
  const rows = [row(), row({ is_personal: true }), ofTeam(), ofTeam({ team_id: blue })]
  const everywhere = accessOf(
    [red, blue].map((teamId) => ({ teamId, userId: 'ann', role: 'admin' as const })),
  )
  for (const change of changes) {
    for (const [i, place] of places.entries()) {
      for (const [j, one] of rows.entries()) {
        const expected = i === j ? undefined : 'not-found'
        t.equal(refusalOf(by('ann', change, place), one, everywhere), expected)
      }
      t.equal(refusalOf(by('ann', change, place), undefined, everywhere), 'not-found')
    }
  }
  t.end()
})

void t.test('only members create todos of a team, and only to members are they assigned', (t) => {
  const create: Command = { ...envelope, kind: 'create', title: 'x', description: '', teamId: red }
  const assign = (userId: string | null): Command => ({
    ...envelope,
    kind: 'update',
    change: { assignee_id: userId },
    teamId: red,
  })
  t.equal(refusalOf(create, undefined, members), undefined)
  t.equal(refusalOf(by('eve', create), undefined, members), 'not-found')
  t.equal(refusalOf({ ...create, assigneeId: 'bob' }, undefined, members), undefined)
  const toEve = { ...create, assigneeId: 'eve' } as Command
  t.equal(refusalOf(toEve, undefined, members), 'assignee-not-a-member')
  t.equal(refusalOf(assign('bob'), ofTeam(), members), undefined)
  t.equal(refusalOf(assign(null), ofTeam(), members), undefined)
  t.equal(refusalOf(assign('eve'), ofTeam(), members), 'assignee-not-a-member')
  t.equal(refusalOf(by('eve', assign('bob')), ofTeam(), members), 'not-found')
  t.end()
})

void t.test(
  'memberships are locked of authors and assignees, each once, and of no others',
  async (t) => {
    const locked: Membership[] = []
    const transaction = {
      lockMemberships: (some: readonly Membership[]) => Promise.resolve((locked.push(...some), [])),
      lockShares: () => Promise.resolve([]),
    }
    await lockAccess(transaction, changes)
    t.same(locked, [])
    const change = { assignee_id: 'bob' }
    await lockAccess(transaction, [
      ...changes.map((one) => by('ann', one, { teamId: red })),
      { ...envelope, kind: 'update', change, teamId: red },
    ])
    t.same(locked, [
      { teamId: red, userId: 'ann' },
      { teamId: red, userId: 'bob' },
    ])
  },
)
