// Which channels a change goes to: those of whoever may see the todo, and no others.

import t from 'tap'
import type { Command } from '../../lib/domain/command.ts'
import type { TodoRow } from '../../lib/domain/todo.ts'
import { eventsOf } from './bodies.ts'

const row = (over: Partial<TodoRow>): TodoRow => ({
  id: 'a',
  title: 'x',
  description: '',
  completed: false,
  user_id: 'ann',
  created_at: new Date(0),
  updated_at: new Date(0),
  revision: 2,
  is_personal: true,
  team_id: null,
  assignee_id: null,
  ...over,
})
const command = { kind: 'toggle', commandId: 'c', todoId: 'a', userId: 'bob', atMs: 0 } as Command
const applied = (todo: TodoRow, over: Partial<Command> = {}) => ({
  command: { ...command, ...over } as Command,
  outcome: 'applied' as const,
  completes: false,
  todo,
})

void t.test('a change goes to the list that the todo is in', (t) => {
  const channelsOf = (over: Partial<TodoRow>, ...shared: string[]) =>
    eventsOf([applied(row(over))], new Set(shared)).map(({ channel }) => channel)
  t.same(channelsOf({ is_personal: false }), ['todos'])
  t.same(channelsOf({ team_id: 'one' }), ['team:one'])
  t.same(channelsOf({}), ['user:ann'])
  t.same(channelsOf({}, 'b'), ['user:ann'], 'another one is shared')
  t.same(channelsOf({}, 'a'), ['user:ann', 'todo:a'], 'and to those whom it is shared with')
  t.end()
})

void t.test('both are told the same, of a deletion too; of a refusal nobody is', (t) => {
  for (const kind of ['toggle', 'delete'] as const) {
    const [own, shared] = eventsOf([applied(row({}), { kind })], new Set('a'))
    t.equal(own?.body, shared?.body)
    t.match(JSON.parse(own?.body ?? ''), { by: 'bob' })
  }
  const refused = { command, outcome: 'forbidden' as const, completes: false }
  t.same(eventsOf([refused], new Set('a')), [])
  t.end()
})
