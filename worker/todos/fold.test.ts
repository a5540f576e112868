// fold is pure, so everything it can meet is tried: every transition, and tens of thousands of random
// runs of commands against a model that applies them one by one.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import type { Command } from '../../lib/domain/command.ts'
import type { TodoRow } from '../../lib/domain/todo.ts'
import { fold } from './fold.ts'
import { randomCommands } from '../../testing/random-commands.ts'

const row = (over: Partial<TodoRow> = {}): TodoRow => ({
  id: 'a',
  title: 'before',
  description: 'text',
  completed: false,
  user_id: 'ann',
  created_at: new Date(1_000),
  updated_at: new Date(1_000),
  revision: 3,
  is_personal: false,
  team_id: null,
  assignee_id: null,
  ...over,
})
const rows = (...all: TodoRow[]) => new Map(all.map((one) => [one.id, one]))
let made = 0
const envelope = (userId = 'ann') => ({ commandId: `c${++made}`, todoId: 'a', userId, atMs: 2_000 })
const create = (userId?: string): Command => ({
  ...envelope(userId),
  kind: 'create',
  title: 'new',
  description: '',
})
const update = (change: object, userId?: string): Command => ({
  ...envelope(userId),
  kind: 'update',
  change,
})
const remove = (userId?: string): Command => ({ ...envelope(userId), kind: 'delete' })

const outcomes = (folded: ReturnType<typeof fold>) => folded.effects.map(({ outcome }) => outcome)

t.test('a create makes a row, once', async (t) => {
  const folded = fold(rows(), [create(), create('eve')])
  t.match(folded.changes.inserts, [{ id: 'a', title: 'new', user_id: 'ann', revision: 1 }])
  t.same(outcomes(folded), ['applied', 'exists'])
  t.same(outcomes(fold(rows(row()), [create()])), ['exists'])
})

t.test('an update changes what it names, and nothing else', async (t) => {
  const { changes } = fold(rows(row()), [update({ completed: true }), update({ title: 'after' })])
  t.same(changes.updates, [
    row({ title: 'after', completed: true, updated_at: new Date(2_000), revision: 5 }),
  ])
  t.same([changes.inserts, changes.deletes], [[], []])
})

t.test('only the owner changes or deletes', async (t) => {
  const folded = fold(rows(row()), [update({ title: 'mine' }, 'eve'), remove('eve')])
  t.same(outcomes(folded), ['forbidden', 'forbidden'])
  t.same(folded.changes, { inserts: [], updates: [], deletes: [] })
})

t.test('what is not there is not found, and nothing brings it back', async (t) => {
  t.same(outcomes(fold(rows(), [update({ title: 'x' }), remove()])), ['not-found', 'not-found'])
  const folded = fold(rows(row()), [remove(), update({ title: 'x' })])
  t.same(outcomes(folded), ['applied', 'not-found'])
  t.same(folded.changes, { inserts: [], updates: [], deletes: ['a'] })
})

t.test('personal and public todos do not see each other', async (t) => {
  const personal = (command: Command): Command => ({ ...command, isPersonal: true })
  const mine = row({ is_personal: true })
  for (const make of [() => update({ title: 'x' }), () => remove()]) {
    t.same(outcomes(fold(rows(mine), [make()])), ['not-found'], 'even by its owner')
    t.same(outcomes(fold(rows(row()), [personal(make())])), ['not-found'])
    t.same(outcomes(fold(rows(mine), [personal({ ...make(), userId: 'eve' })])), ['not-found'])
    t.same(outcomes(fold(rows(mine), [personal(make())])), ['applied'])
  }
  t.match(fold(rows(), [personal(create())]).changes, { inserts: [{ is_personal: true }] })
  t.match(fold(rows(), [create()]).changes, { inserts: [{ is_personal: false }] })
  const moved = fold(rows(row()), [remove(), personal(create())])
  t.match(moved.changes, { updates: [{ is_personal: true }] })
})

t.test('create, update, delete, create in one batch is one insert', async (t) => {
  const { changes } = fold(rows(), [create(), update({ title: 'x' }), remove(), create()])
  t.match(changes, { inserts: [{ title: 'new', revision: 1 }], updates: [], deletes: [] })
  t.match(fold(rows(row()), [remove(), create()]).changes, { inserts: [], deletes: [] })
})

t.test('a condition is compared with the todo as those before it left it', async (t) => {
  const at = (
    revisions: number[],
    command = update({ title: `at ${revisions.join()}` }),
  ): Command => ({ ...command, ifRevision: revisions }) as Command
  const folded = fold(rows(row()), [
    at([2]),
    at([3]),
    at([3]),
    at([1, 4]),
    at([5], { ...envelope(), kind: 'toggle' }),
    at([], remove()),
    at([5], remove()),
    at([6], remove('eve')),
    at([6], remove()),
    at([6], remove()),
  ])
  t.equal(
    outcomes(folded).join(),
    'precondition-failed,applied,precondition-failed,applied,applied,' +
      'precondition-failed,precondition-failed,forbidden,applied,not-found',
  )
  t.same(folded.changes, { inserts: [], updates: [], deletes: ['a'] })
  const mine = row({ is_personal: true })
  const others = { ...at([1], update({ title: 'x' }, 'eve')), isPersonal: true } as Command
  t.same(
    outcomes(fold(rows(mine), [others])),
    ['not-found'],
    'of which version is no business of hers',
  )
})

t.test('partial changes of different fields both take effect', async (t) => {
  const { changes } = fold(rows(row()), [update({ title: 'a' }), update({ description: 'b' })])
  t.match(changes.updates, [{ title: 'a', description: 'b', completed: false, revision: 5 }])
})

t.test('a toggle turns what it finds', async (t) => {
  const toggle = (): Command => ({ ...envelope(), kind: 'toggle' })
  t.match(fold(rows(row()), [toggle()]).changes.updates, [{ completed: true, revision: 4 }])
  t.match(fold(rows(row()), [toggle(), toggle()]).changes.updates, [
    { completed: false, revision: 5 },
  ])
  const done = update({ completed: true })
  t.match(fold(rows(row()), [done, toggle()]).changes.updates, [
    { completed: false, title: 'before' },
  ])
  t.same(outcomes(fold(rows(), [toggle()])), ['not-found'])
  t.same(outcomes(fold(rows(row()), [{ ...toggle(), userId: 'eve' }])), ['forbidden'])
})

t.test('a command completes a todo that was open', async (t) => {
  const done = update({ completed: true })
  const { effects } = fold(rows(row()), [done, update({ completed: true }), done])
  t.same(
    effects.map(({ completes }) => completes),
    [true, false, false],
  )
})

t.test("a todo's time does not go back", async (t) => {
  const { changes } = fold(rows(row({ updated_at: new Date(9_000) })), [update({ title: 'x' })])
  t.same(changes.updates[0]?.updated_at, new Date(9_000))
})

t.test('any batch, split anywhere, is the same as one by one', async (t) => {
  const random = seeded(t)
  for (let round = 0; round < 30_000; round++) {
    const commands = randomCommands(random, 1 + random.below(15), 3)
    const whole = apply(new Map(), [commands])
    const oneByOne = apply(
      new Map(),
      commands.map((command) => [command]),
    )
    const at = random.below(commands.length + 1)
    const split = apply(new Map(), [commands.slice(0, at), commands.slice(at)])
    if (!same(whole, oneByOne) || !same(whole, split)) {
      t.same(whole, oneByOne, `round ${round}`)
      t.same(split, oneByOne, `round ${round}, split at ${at}`)
      return
    }
  }
  t.pass('30,000 rounds')
})

/** Applies batch after batch to a table in memory; each id may be changed once a batch. */
const apply = (table: Map<string, TodoRow>, batches: readonly (readonly Command[])[]) => {
  const known = new Set<string>() // duplicates are left out before: see fresh.ts
  for (const batch of batches) {
    const fresh = batch.filter(({ commandId }) => !known.has(commandId) && known.add(commandId))
    const { inserts, updates, deletes } = fold(table, fresh).changes
    const ids = [...inserts, ...updates].map((one) => one.id).concat(deletes)
    if (new Set(ids).size !== ids.length) throw new Error('one id twice in a batch')
    if (inserts.some((one) => table.has(one.id))) throw new Error('an insert of a row that exists')
    if (updates.some((one) => !table.has(one.id))) throw new Error('an update of no row')
    for (const id of deletes) table.delete(id)
    for (const one of [...inserts, ...updates]) table.set(one.id, one)
  }
  return [...table.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
