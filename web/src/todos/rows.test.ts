// What the server is known to have: pages and events in whatever order they come.

import t from 'tap'
import { afterEvent, rowsOfPage, withPage, type Row } from './rows.ts'
import type { Todo } from './todo.ts'

const todo = (id: string, second: number, changed = second): Todo => ({
  id,
  title: `title of ${id} at ${changed}`,
  description: '',
  completed: false,
  user_id: 'ann',
  created_at: new Date(second * 1_000).toISOString(),
  updated_at: new Date(changed * 1_000).toISOString(),
})
const ids = (rows: readonly Row[]) => rows.map((row) => row.todo.id).join()
const titles = (rows: readonly Row[]) => rows.map((row) => row.todo.title).join()

t.test('what is created is in its place: the newest first, once', async (t) => {
  const page = rowsOfPage([todo('c', 3), todo('a', 1)])
  const event = { kind: 'created', by: 'bob', revision: 1, todo: todo('b', 2) } as const
  const rows = afterEvent(page, event, 9)
  t.equal(ids(rows), 'c,b,a')
  t.equal(afterEvent(rows, event, 10), rows, 'it came twice')
  t.same(rows[1]?.touched, { by: 'bob', atMs: 9 })
  t.equal(ids(afterEvent(rows, { ...event, todo: todo('d', 3) }, 9)), 'd,c,b,a')
})

t.test('what is older changes nothing, whichever way it comes', async (t) => {
  const updated = (revision: number, changed: number) =>
    ({ kind: 'updated', by: 'bob', revision, todo: todo('a', 1, changed) }) as const
  const page = rowsOfPage([todo('a', 1, 5)])
  t.equal(afterEvent(page, updated(4, 4), 9), page, 'an event of before the list')
  const newer = afterEvent(page, updated(6, 6), 9)
  t.equal(titles(newer), 'title of a at 6')
  t.equal(afterEvent(newer, updated(5, 7), 9), newer, 'a revision counts more than a clock')
  t.equal(titles(withPage(newer, [todo('a', 1, 5)], 'anew')), 'title of a at 6')
  t.equal(titles(withPage(newer, [todo('a', 1, 7)], 'anew')), 'title of a at 7')
})

t.test('a page behind another adds what is not there yet', async (t) => {
  const rows = rowsOfPage([todo('c', 3), todo('b', 2)])
  t.equal(ids(withPage(rows, [todo('b', 2), todo('a', 1)], 'behind')), 'c,b,a')
  t.equal(ids(withPage(rows, [todo('a', 1)], 'anew')), 'a', 'read anew, what is gone is gone')
})

t.test('what is deleted goes, and only that', async (t) => {
  const rows = rowsOfPage([todo('b', 2), todo('a', 1)])
  const gone = (id: string) => ({ kind: 'deleted', by: 'bob', revision: 2, id }) as const
  t.equal(ids(afterEvent(rows, gone('b'), 9)), 'a')
  t.equal(afterEvent(rows, gone('x'), 9), rows)
})
