// Every cell of the tables of permissions, against sentences that say who may.

import t from 'tap'
import {
  accountPermissions,
  accountStandings,
  mayInTeam,
  mayWithAccount,
  mayWithTodo,
  teamPermissions,
  teamStandings,
  todoPermissions,
  todoStandings,
  type AccountAction,
  type TeamAction,
  type TodoAction,
} from './permission.ts'

type Sentence = readonly [actions: string, mayDo: string]

/** Who may do it; all others may not. */
const teamSentences: readonly Sentence[] = [
  ['read-team list-members leave-team', 'admin member'],
  ['list-team-todos create-team-todo', 'admin member'],
  ['rename-team delete-team remove-member change-role', 'admin'],
  ['invite list-invitations withdraw-invitation read-team-audit', 'admin'],
  ['accept-invitation decline-invitation', 'invited'],
]
const todoSentences: readonly Sentence[] = [
  ['read-todo', 'owner editor viewer team-admin team-member public-reader'],
  ['update-todo', 'owner editor team-admin team-member'],
  ['delete-todo', 'owner team-admin team-member'],
  ['assign-todo', 'team-admin team-member'],
  ['share-todo', 'owner'],
  ['leave-todo', 'editor viewer'],
]
const accountSentences: readonly Sentence[] = [
  ['read-account delete-account list-sessions end-session', 'self system-admin'],
  ['list-accounts disable-account read-audit-log', 'system-admin'],
]
/** Who is not told that it is there. Accounts are never hidden: what is refused is the administration. */
const neverTold = ['former-member', 'former', 'stranger', 'system-admin']
/** With the token of an invitation, which says that it is there. */
const withToken = ['accept-invitation', 'decline-invitation']

type Checked = {
  readonly table: Readonly<Record<string, readonly string[]>>
  readonly standings: readonly string[]
  readonly sentences: readonly Sentence[]
  readonly neverTold: readonly string[]
  readonly may: (action: string, standing: string) => string
}
const tables: Readonly<Record<string, Checked>> = {
  team: {
    table: teamPermissions,
    standings: teamStandings,
    sentences: teamSentences,
    neverTold,
    may: (action: string, standing: string) =>
      mayInTeam(action as TeamAction, standing as (typeof teamStandings)[number]),
  },
  todo: {
    table: todoPermissions,
    standings: todoStandings,
    sentences: todoSentences,
    neverTold,
    may: (action: string, standing: string) =>
      mayWithTodo(action as TodoAction, standing as (typeof todoStandings)[number]),
  },
  account: {
    table: accountPermissions,
    standings: accountStandings,
    sentences: accountSentences,
    neverTold: [],
    may: (action: string, standing: string) =>
      mayWithAccount(action as AccountAction, standing as (typeof accountStandings)[number]),
  },
}

for (const [name, { table, standings, sentences, neverTold, may }] of Object.entries(tables)) {
  void t.test(`${name}: each cell is what its sentence says`, (t) => {
    const actions = Object.keys(table)
    const said = sentences.flatMap(([some]) => some.split(' '))
    t.same([...said].sort(), [...actions].sort(), 'a sentence for each action, and one only')
    let cells = 0
    for (const [some, mayDo] of sentences) {
      for (const action of some.split(' ')) {
        for (const standing of standings) {
          const isTold = withToken.includes(action) || !neverTold.includes(standing)
          const refusal = isTold ? 'known' : 'unknown'
          const expected = mayDo.split(' ').includes(standing) ? 'allowed' : refusal
          t.equal(may(action, standing), expected, `${standing}: ${action}`)
          cells++
        }
      }
    }
    t.equal(cells, Object.values(table).flat().length)
    t.comment(`${cells} cells`)
    t.end()
  })
}

void t.test('who has several standings may do what any of them may', (t) => {
  t.equal(mayInTeam('rename-team', 'member', 'system-admin'), 'known')
  t.equal(mayInTeam('read-team', 'stranger', 'member'), 'allowed')
  t.equal(mayWithTodo('update-todo', 'viewer', 'editor'), 'allowed')
  t.equal(mayWithTodo('update-todo', 'stranger', 'viewer'), 'known')
  t.equal(mayWithAccount('disable-account', 'self', 'system-admin'), 'allowed')
  t.end()
})

void t.test('who has none is not told anything', (t) => {
  t.equal(mayInTeam('read-team'), 'unknown')
  t.end()
})
