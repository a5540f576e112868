// What the server is known to have: pages and events in whatever order they come.

import t from 'tap'
import { seeded } from '../../../testing/seeded.ts'
import { afterEvent, rowsOfPage, withAnswer, withPage, type LiveEvent, type Row } from './rows.ts'
import { listVersionOf, revisionOf, type Todo } from './todo.ts'

const todo = (id: string, second: number, changed = second): Todo => ({
  id,
  title: `title of ${id} at ${changed}`,
  description: '',
  completed: false,
  user_id: 'ann',
  created_at: new Date(second * 1_000).toISOString(),
  updated_at: new Date(changed * 1_000).toISOString(),
})
const anew = { where: 'anew', sinceMs: 0, hasMore: false, gone: new Set<string>() } as const
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
  t.equal(titles(withPage(newer, { ...anew, todos: [todo('a', 1, 5)] })), 'title of a at 6')
  t.equal(titles(withPage(newer, { ...anew, todos: [todo('a', 1, 7)] })), 'title of a at 7')
})

t.test('a page behind another adds what is not there yet', async (t) => {
  const rows = rowsOfPage([todo('c', 3), todo('b', 2)])
  const behind = { ...anew, where: 'behind', todos: [todo('b', 2), todo('a', 1)] } as const
  t.equal(ids(withPage(rows, behind)), 'c,b,a')
  const read = { ...anew, todos: [todo('a', 1)] }
  t.equal(ids(withPage(rows, read)), 'a', 'read anew, what is gone is gone')
})

t.test('what is deleted goes, and only that', async (t) => {
  const rows = rowsOfPage([todo('b', 2), todo('a', 1)])
  const gone = (id: string) => ({ kind: 'deleted', by: 'bob', revision: 2, id }) as const
  t.equal(ids(afterEvent(rows, gone('b'), 9)), 'a')
  t.equal(afterEvent(rows, gone('x'), 9), rows)
})

t.test('a row stays the same row when the server gives its todo an id', async (t) => {
  const answer = { todo: todo('a', 1), revision: 1, touched: undefined }
  const [row] = withAnswer([], answer, 'new-1')
  t.equal(row?.pageId, 'new-1')
  const heard = afterEvent([], { kind: 'created', by: 'ann', revision: 1, todo: todo('a', 1) }, 9)
  t.equal(withAnswer(heard, answer, 'new-1')[0]?.pageId, 'new-1', 'the event was faster')
  const event = { kind: 'updated', by: 'bob', revision: 2, todo: todo('a', 1, 2) } as const
  t.equal(afterEvent(row ? [row] : [], event, 9)[0]?.pageId, 'new-1')
})

t.test('what is older than all that was read comes with its page', async (t) => {
  const event = { kind: 'updated', by: 'bob', revision: 2, todo: todo('a', 1, 9) } as const
  const page = rowsOfPage([todo('c', 3), todo('b', 2)])
  t.equal(ids(afterEvent(page, event, 9, true)), 'c,b')
  t.equal(ids(afterEvent(page, event, 9, false)), 'c,b,a')
})

t.test("in whatever order pages and events come, the list is the server's", async (t) => {
  const random = seeded(t)
  const stories = 300
  for (let story = 0; story < stories; story++) {
    const server = new Map<string, { todo: Todo; revision: number }>()
    const gone = new Set<string>()
    let rows: readonly Row[] = []
    let clock = 0
    const list = () =>
      [...server.values()]
        .map((one) => one.todo)
        .sort((a, b) => (a.created_at < b.created_at ? 1 : -1))
    const reading: { sinceMs: number; todos?: readonly Todo[] }[] = []
    const events: LiveEvent[] = []
    const change = () => {
      const [known] = [...server.values()].slice(random.below(server.size || 1))
      const kind = random.below(3)
      const now = ++clock
      if (!known || kind === 0) {
        const made = { todo: todo(`t${now}`, now), revision: 1 }
        server.set(made.todo.id, made)
        events.push({ kind: 'created', by: 'bob', ...made })
      } else if (kind === 1) {
        const second = Date.parse(known.todo.created_at) / 1_000
        const next = { todo: todo(known.todo.id, second, now), revision: known.revision + 1 }
        server.set(next.todo.id, next)
        events.push({ kind: 'updated', by: 'bob', ...next })
      } else {
        const { id } = known.todo
        server.delete(id)
        events.push({ kind: 'deleted', by: 'bob', id, revision: known.revision + 1 })
      }
    }
    const hear = () => {
      const event = events.shift()
      if (event?.kind === 'deleted') gone.add(event.id)
      if (event) rows = afterEvent(rows, event, ++clock)
    }
    const answer = () => {
      const [read] = reading.splice(random.below(reading.length), 1)
      if (read?.todos) rows = withPage(rows, { ...anew, ...read, todos: read.todos, gone })
    }
    reading.push({ sinceMs: clock, todos: list() })
    for (let step = random.below(40); step > 0; step--) {
      const kind = random.below(8)
      if (kind < 4) change()
      else if (kind < 6) hear()
      else if (kind === 6) reading.push({ sinceMs: ++clock, todos: list() })
      else answer()
    }
    while (events.length + reading.length > 0) {
      if (random.below(2) === 0) hear()
      else answer()
    }
    const expected = titles(rowsOfPage(list()))
    if (titles(rows) !== expected) t.equal(titles(rows), expected, `story ${story}`)
  }
  t.ok(t.passing(), `${stories} stories`)
})

t.test('how new a list or a todo is, where its ETag says so', async (t) => {
  t.equal(listVersionOf('"1795765884012345-100-1"'), 1_795_765_884_012_345)
  t.equal(listVersionOf('W/"7-100-br"'), 7, 'weakened by a proxy that compresses')
  for (const none of [undefined, '"7.9-100"', '"none.9-100"', '"9f8a-1"', '"7"'])
    t.equal(listVersionOf(none), undefined, String(none))
  t.equal(revisionOf('"3"'), 3)
  for (const none of [undefined, '*', '"3-100"']) t.equal(revisionOf(none), undefined, String(none))
})
