// A user's changes: what is shown of them, which is sent next, and what becomes of those behind one that is done.

import t from 'tap'
import { ApiProblem, Unreachable } from '../api/problem.ts'
import { nextToSend, rebased, type Change } from './change.ts'
import { idStartLength } from './id-start.ts'
import { createKeptChanges } from './kept-changes.ts'
import { rowsOfPage } from './rows.ts'
import { sendChange, type Api } from './send-change.ts'
import { shownRows } from './shown.ts'
import type { Todo } from './todo.ts'

const at = new Date(5_000).toISOString()
const milk: Todo = {
  id: 'milk',
  title: 'Buy milk',
  description: '',
  completed: false,
  user_id: 'ann',
  created_at: at,
  updated_at: at,
}
const change = (key: string, what: Change['what'], more: Partial<Change> = {}): Change => ({
  key,
  list: 'mine',
  todoId: what.kind === 'create' ? `new-${key}` : 'milk',
  madeAtMs: Number(key),
  sendAtMs: 0,
  what,
  state: { kind: 'waiting' },
  ...more,
})
const create = (key: string, title: string, more: Partial<Change> = {}) =>
  change(key, { kind: 'create', fields: { title } }, more)
const edit = (key: string, title: string, more: Partial<Change> = {}) =>
  change(key, { kind: 'edit', fields: { title }, before: milk }, more)
const shown = (changes: readonly Change[], rows = rowsOfPage([milk])) =>
  shownRows(rows, changes, 'mine', 'ann')

t.test('a change shows at once, and is marked', async (t) => {
  const rows = shown([create('1', 'Call Bob'), edit('2', 'Buy oat milk'), create('3', 'Sleep')])
  t.same(
    rows.map(({ todo, pending }) => [todo.title, pending?.key]),
    [
      ['Sleep', '3'],
      ['Call Bob', '1'],
      ['Buy oat milk', '2'],
    ],
  )
  t.same(shown([change('1', { kind: 'delete', before: milk })]), [])
  t.equal(shown([edit('1', 'x', { list: 'public' })])[0]?.todo.title, 'Buy milk', 'another list')
})

t.test('what is refused comes back as the server has it, with the reason', async (t) => {
  const refused = { state: { kind: 'refused', why: 'no' } } as const
  const [edited] = shown([edit('1', 'Buy oat milk', refused)])
  t.match(edited, { todo: { title: 'Buy milk' }, pending: { state: { why: 'no' } } })
  t.equal(shown([change('1', { kind: 'delete', before: milk }, refused)]).length, 1)
})

t.test('a todo that is heard of before it is answered is there once', async (t) => {
  const start = (digit: string) => digit.repeat(idStartLength)
  const heard = rowsOfPage([{ ...milk, id: `${start('a')}bcd` }])
  const first = create('1', 'Buy milk', { idStart: start('a') })
  t.match(shown([first], heard), [{ key: 'new-1', pending: { key: '1' } }])
  const second = create('2', 'Buy milk', { idStart: start('b') })
  t.equal(shown([first, second], heard).length, 2, 'of two, one was heard of')
  t.equal(shown([create('3', 'Buy milk')], heard).length, 2, 'one that was never sent')
})

t.test('each todo has one change under way, in order, once its time has come', async (t) => {
  const changes = [edit('1', 'a'), edit('2', 'b'), create('3', 'c', { sendAtMs: 50 })]
  const keys = (nowMs: number, all: readonly Change[] = changes) =>
    nextToSend(all, nowMs).map(({ key }) => key)
  t.same(keys(49), ['1'])
  t.same(keys(50), ['1', '3'])
  t.same(keys(0, [edit('1', 'a', { state: { kind: 'sending' } }), edit('2', 'b')]), [])
  const conflict = { kind: 'conflict', theirs: milk, etag: '"2"' } as const
  t.same(
    keys(0, [edit('1', 'a', { state: conflict }), edit('2', 'b')]),
    [],
    'the user decides first',
  )
  t.same(keys(0, [edit('1', 'a', { state: { kind: 'refused', why: '' } }), edit('2', 'b')]), ['2'])
})

t.test('those behind a change that is done know its todo by now', async (t) => {
  const first = create('1', 'Buy milk')
  const second = edit('2', 'Buy oat milk', { todoId: 'new-1' })
  const [left, ...none] = rebased([first, second], first, milk, '"1"')
  t.same(none, [])
  t.match(left, { todoId: 'milk', what: { before: milk, etag: '"1"' } })
})

t.test('a change is kept until it is done, and is never half sent', async (t) => {
  const stored = new Map<string, string>()
  const storage = {
    get length() {
      return stored.size
    },
    key: (i: number) => [...stored.keys()][i] ?? null,
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  }
  const kept = createKeptChanges(storage, 'ann')
  kept.keep(edit('2', 'b', { state: { kind: 'sending' } }))
  kept.keep(create('1', 'a'))
  stored.set('todos.change.ann.3', '{')
  createKeptChanges(storage, 'bob').keep(create('4', 'of another user'))
  t.same(
    createKeptChanges(storage, 'ann')
      .read()
      .map(({ key, state }) => `${key} ${state.kind}`),
    ['1 waiting', '2 waiting'],
  )
  kept.clear()
  t.equal(createKeptChanges(storage, 'bob').read().length, 1)
})

/** Answers as a server does; what it was asked is in `asked`. */
const answering = (answers: Readonly<Record<string, unknown>>) => {
  const asked: string[] = []
  const api = async (route: string, ask: { readonly headers?: Record<string, string> }) => {
    asked.push([route, ask.headers?.['If-Match']].filter(Boolean).join(' '))
    const answer = answers[route.split(' ')[0] ?? '']
    if (answer instanceof Error) throw answer
    return { status: 200, body: milk, etag: '"7"', next: undefined, ...(answer as object) }
  }
  return { api: api as unknown as Api, asked }
}
const problem = (status: number, headers = {}) =>
  new ApiProblem(status, { detail: `problem ${status}` }, new Headers(headers))

t.test('text is written over what the user saw, and nothing else', async (t) => {
  const same = answering({})
  const etags: string[] = []
  const done = await sendChange(same.api, edit('1', 'x'), (etag) => etags.push(etag))
  t.match(done, { kind: 'applied', etag: '"7"' })
  t.same(same.asked, ['GET /api/todos/{id}', 'PATCH /api/todos/{id} "7"'])
  t.same(etags, ['"7"'], 'kept before it is sent')
  const theirs = { ...milk, title: 'Buy beer' }
  const other = answering({ GET: { body: theirs } })
  t.match(await sendChange(other.api, edit('1', 'x'), () => {}), { kind: 'conflict', theirs })
  t.same(other.asked, ['GET /api/todos/{id}'])
})

t.test('two who change the same meet, two who change something else do not', async (t) => {
  const outcomeOf = async (what: Change['what'], theirs: Partial<Todo>) => {
    const { api } = answering({
      PATCH: problem(412),
      DELETE: problem(412),
      GET: { body: { ...milk, ...theirs } },
    })
    return (await sendChange(api, change('1', { ...what, etag: '"1"' } as typeof what), () => {}))
      .kind
  }
  const fields = (fields: Partial<Todo>) => ({ kind: 'edit', fields, before: milk }) as const
  for (const [what, theirs, outcome] of [
    [fields({ title: 'x' }), { title: 'y' }, 'conflict'],
    [fields({ title: 'x' }), { title: 'x' }, 'again'],
    [fields({ title: 'x' }), { description: 'y' }, 'again'],
    [fields({ description: 'x' }), { description: 'y' }, 'conflict'],
    [fields({ assignee_id: 'ann' }), { assignee_id: 'bob' }, 'conflict'],
    [fields({ assignee_id: null }), { assignee_id: 'bob' }, 'conflict'],
    [fields({ assignee_id: 'ann' }), { title: 'y' }, 'again'],
    [fields({ title: 'x', completed: true }), { completed: true }, 'again'],
    [{ kind: 'delete', before: milk }, { title: 'y' }, 'conflict'],
    [{ kind: 'delete', before: milk }, { description: 'y' }, 'conflict'],
    [{ kind: 'delete', before: milk }, { completed: true }, 'again'],
  ] as const) {
    t.equal(
      await outcomeOf(what, theirs),
      outcome,
      `${JSON.stringify(what)} ${JSON.stringify(theirs)}`,
    )
  }
})

t.test('what must be decided on is shown, wherever its todo is', async (t) => {
  const conflict = { kind: 'conflict', theirs: undefined, etag: '*' } as const
  const [row, ...none] = shown([edit('1', 'Buy oat milk', { state: conflict })], [])
  t.same(none, [])
  t.match(row, { todo: { title: 'Buy milk' }, pending: { key: '1' } }, 'it is deleted')
  const behind = [edit('1', 'a', { state: conflict }), edit('2', 'b')]
  t.match(shown(behind), [{ todo: { title: 'b' }, pending: { key: '1' } }], 'one waits behind it')
  const deleted = change('2', { kind: 'delete', before: milk })
  t.match(shown([edit('1', 'a', { state: conflict }), deleted]), [{ pending: { key: '1' } }])
})

t.test('what others did meanwhile is not what the user saw', async (t) => {
  const tick = change('1', { kind: 'edit', fields: { completed: true }, before: milk })
  const theirs = { ...milk, title: 'Buy beer', completed: true }
  const [behind] = rebased([tick, edit('2', 'x')], tick, theirs, '"7"')
  t.match(behind?.what, { before: { title: 'Buy milk', completed: true } })
  t.equal(Object.hasOwn(behind?.what ?? {}, 'etag'), false)
})

t.test('a tick needs no version, but where the server asks for one', async (t) => {
  const tick = change('1', { kind: 'edit', fields: { completed: true }, before: milk })
  const lenient = answering({})
  await sendChange(lenient.api, tick, () => {})
  t.same(lenient.asked, ['PATCH /api/todos/{id}'])
  const strict = answering({ PATCH: problem(428) })
  await sendChange(strict.api, tick, () => {})
  t.equal(strict.asked.at(-1), 'PATCH /api/todos/{id} "7"')
})

t.test('each answer is one outcome', async (t) => {
  const remove = change('1', { kind: 'delete', before: milk })
  for (const [one, answer, outcome] of [
    [create('1', 'a'), { POST: { status: 202, body: { id: 'a', message: '' } } }, 'accepted'],
    [create('1', 'a'), { POST: new Unreachable('') }, 'later'],
    [create('1', 'a'), { POST: problem(503, { 'retry-after': '2' }) }, 'later'],
    [create('1', 'a'), { POST: problem(401) }, 'later'],
    [create('1', 'a'), { POST: problem(400) }, 'refused'],
    [create('1', 'a'), { POST: {} }, 'applied'],
    [edit('1', 'a'), { PATCH: problem(404) }, 'conflict'],
    [edit('1', 'a'), { GET: problem(404) }, 'conflict'],
    [remove, { DELETE: problem(404) }, 'applied'],
    [remove, { GET: problem(404) }, 'applied'],
    [remove, { DELETE: problem(403) }, 'refused'],
  ] as const) {
    const { kind } = await sendChange(answering(answer).api, one, () => {})
    t.equal(kind, outcome, JSON.stringify(answer))
  }
  const busy = answering({ POST: problem(503, { 'retry-after': '2' }) })
  t.match(await sendChange(busy.api, create('1', 'a'), () => {}), {
    afterMs: 2_000,
    isReached: true,
  })
})
