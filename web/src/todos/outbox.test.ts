// Changes on their way: whatever is lost, reloaded, opened twice or changed by others, each is applied once, in
// order, and over nothing that the user has not seen.

import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { seeded } from '../../../testing/seeded.ts'
import { ApiProblem, Unreachable } from '../api/problem.ts'
import type { Change } from './change.ts'
import type { Outbox } from './outbox.svelte.ts'
import { rowsOfPage, withAnswer, withoutTodo, withPage, type Row } from './rows.ts'
import type { Api } from './send-change.ts'
import { shownRows, type ShownRow } from './shown.ts'
import { revisionOf, type Todo } from './todo.ts'
import { createUnreliableApi, idStartOf } from './unreliable-api.ts'

// The compiler of the page makes these of its own; here a variable is a variable.
const same = <T>(value: T): T => value
Object.assign(globalThis, { $state: Object.assign(same<unknown>, { raw: same<unknown> }) })
const { createOutbox, undoMs } = await import('./outbox.svelte.ts')
const { createActions } = await import('./actions.ts')

const roundsMax = 40
const actionsMax = 60
const noId = new Set<string>()

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 }))
t.afterEach(() => mock.timers.reset())

/** Lets time pass in small steps, with whatever is done in each. */
const pass = async (ms: number) => {
  for (let passed = 0; passed < ms; passed += 50) {
    mock.timers.tick(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A browser: what it keeps, its locks, and its tabs. */
const createBrowser = (api: Api) => {
  const stored = new Map<string, string>()
  const held = new Map<string, Promise<unknown>>()
  const tabs: Tab[] = []
  const changed = (by: object) => {
    for (const tab of tabs) if (tab !== by) queueMicrotask(() => tab.box.reread())
  }
  const open = (): Tab => {
    const tab = { rows: [] as readonly Row[] } as Tab
    const storage = {
      get length() {
        return stored.size
      },
      key: (i: number) => [...stored.keys()][i] ?? null,
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => (stored.set(key, value), changed(tab)),
      removeItem: (key: string) => {
        if (stored.delete(key)) changed(tab)
      },
    }
    const locks = {
      async request<T>(name: string, run: () => Promise<T>): Promise<T> {
        while (held.has(name)) await held.get(name)
        const running = Promise.race([run(), tab.closed as Promise<never>])
        held.set(
          name,
          running.catch(() => {}),
        )
        return running.finally(() => held.delete(name))
      },
    }
    tab.closed = new Promise((resolve) => (tab.close = resolve))
    tab.box = createOutbox({
      api,
      storage,
      locks,
      user: 'ann',
      idStartOf: (_user, key) => Promise.resolve(idStartOf(key)),
      onApplied({ change, todo, etag }) {
        const touched = { by: 'ann', atMs: Date.now() }
        if (change.what.kind === 'delete') tab.rows = withoutTodo(tab.rows, change.todoId)
        else if (todo)
          tab.rows = withAnswer(
            tab.rows,
            { todo, revision: revisionOf(etag), touched },
            change.todoId,
          )
      },
    })
    tab.actions = createActions('mine', () => tab.box)
    tabs.push(tab)
    return tab
  }
  return {
    tabs,
    open,
    reload(tab: Tab) {
      tabs.splice(tabs.indexOf(tab), 1)
      tab.box.close()
      tab.close()
      const next = open()
      next.rows = tab.rows
    },
  }
}
type Tab = {
  rows: readonly Row[]
  box: Outbox
  actions: ReturnType<typeof createActions>
  closed: Promise<void>
  close: () => void
}
const shownIn = ({ rows, box }: Tab) => shownRows(rows, box.changes, 'mine', 'ann')

type Told = {
  /** Titles that the user has seen. */
  readonly seen: Set<string>
  /** What others had deleted, and the user made anew: in two tabs, perhaps twice. */
  readonly remade: Set<string>
}

const decide = ({ box, actions }: Tab, change: Change, wantsOwn: boolean, told: Told) => {
  const { state, what } = change
  if (state.kind === 'conflict' && state.theirs) told.seen.add(state.theirs.title)
  if (state.kind !== 'conflict' || !wantsOwn) return box.giveUp(change.key)
  if (!state.theirs && what.kind === 'edit') told.remade.add(what.before.title)
  actions.insist(change)
}

const playOnce = async (t: Test, random: ReturnType<typeof seeded>) => {
  const { api, applied, todos, others, becomeSteady } = createUnreliableApi(random)
  const browser = createBrowser(api)
  browser.open()
  const told: Told = { seen: new Set(), remade: new Set() }
  const { seen, remade } = told
  const made: string[] = []
  /** Which row a title was written in: a creation whose answer is lost is in a list twice for a moment. */
  const keyOf = new Map<string, string>()
  /** Whoever edits what was deleted may make it anew. */
  const lost = new Set<string>()
  const pick = <T>(all: readonly T[]): T | undefined => all[random.below(all.length)]
  let numbered = 0
  const titleNow = (start: string) => `${start} ${String(++numbered).padStart(4, '0')}`

  const act = (tab: Tab, row: ShownRow | undefined) => {
    if (row) seen.add(row.todo.title)
    const isCreation = random.below(4) === 0
    const title = random.below(15) === 0 ? '' : titleNow('mine')
    seen.add(title)
    if (!row || isCreation) {
      const name = titleNow('created')
      seen.add(name)
      if (tab.actions.create(name)) made.push(name)
      return
    }
    switch (random.below(6)) {
      case 0:
        return tab.actions.edit(row, { completed: !row.todo.completed })
      case 1:
        return tab.actions.remove(row)
      default:
        keyOf.set(title, row.key)
        return tab.actions.edit(row, { title })
    }
  }
  for (let i = random.below(actionsMax); i > 0; i--) {
    const tab = pick(browser.tabs)
    if (!tab) break
    const todo = pick(todos())
    const kind = random.below(20)
    if (kind === 0) browser.reload(tab)
    else if (kind === 1 && browser.tabs.length < 2) browser.open().rows = tab.rows
    else if (kind === 2) tab.box.retry()
    else if (kind === 3 && todo) others(todo.id, { title: titleNow('theirs') })
    else if (kind === 4 && todo) others(todo.id, { description: titleNow('about') })
    else if (kind === 5 && todo && random.below(3) === 0) {
      lost.add(todo.id)
      others(todo.id, 'delete')
    } else if (kind === 6) {
      const read = { where: 'anew', sinceMs: Date.now(), hasMore: false, gone: noId } as const
      tab.rows = withPage(tab.rows, { ...read, todos: todos() })
    } else if (kind === 7) {
      const undone = tab.box.changes.find(({ what }) => what.kind === 'delete')
      if (undone) tab.box.giveUp(undone.key)
    } else if (kind === 8) {
      const undecided = tab.box.changes.find(({ state }) => /refused|conflict/.test(state.kind))
      if (undecided) decide(tab, undecided, random.below(2) === 0, told)
    } else act(tab, pick(shownIn(tab)))
    const keys = browser.tabs.map((one) => shownIn(one).map(({ key }) => key))
    for (const own of keys) if (new Set(own).size < own.length) t.fail('a row is there twice')
    await pass(50 * random.below(10))
  }
  becomeSteady()
  const left = () => browser.tabs.reduce((sum, { box }) => sum + box.changes.length, 0)
  for (let rounds = 0; left() > 0 && rounds < 400; rounds++) {
    for (const tab of browser.tabs) {
      const undecided = tab.box.changes.find(({ state }) => /refused|conflict/.test(state.kind))
      if (undecided) {
        const isShown = shownIn(tab).some(({ pending }) => pending?.key === undecided.key)
        if (!isShown) {
          const states = [tab.rows, tab.box.changes]
          t.fail(`what is to be decided is shown to nobody: ${JSON.stringify(states)}`)
        }
        decide(tab, undecided, random.below(2) === 0, told)
      }
      await pass(50) // nobody decides in two tabs at once
    }
    await pass(undoMs / 4)
  }
  if (left() > 0) {
    const states = browser.tabs.map(({ box }) => box.changes)
    t.fail(`${left()} changes are never sent: ${JSON.stringify(states)}`)
  }
  for (const { before, after } of applied) if (before && !after) lost.add(before.id)
  for (const name of made) {
    const times = applied.filter(
      ({ method, after }) => method === 'POST' && after?.title === name && !lost.has(after.id),
    )
    if (times.length > 1 && !remade.has(name))
      t.fail(`created ${times.length} times: ${JSON.stringify(times)}`)
  }
  const unseen = applied.filter(({ before, after }) => {
    const isWrittenOver = before && before.title !== after?.title
    return isWrittenOver && !seen.has(before.title)
  })
  if (unseen.length > 0) t.fail(`written over what nobody had seen: ${JSON.stringify(unseen)}`)
  const titles = applied.flatMap(({ before, after }) =>
    after && before && before.title !== after.title ? [after.title] : [],
  )
  for (const [i, title] of titles.entries()) {
    const later = titles
      .slice(i + 1)
      .filter((one) => keyOf.get(one) === keyOf.get(title) && one <= title)
    if (browser.tabs.length === 1 && later.length > 0)
      t.fail(`${title} was applied before ${later.join()}`)
  }
}

t.test('whatever happens, a change is applied once, in order, over what was seen', async (t) => {
  const random = seeded(t)
  // With the pauses and keys of the page a seed repeats the same story.
  const { next } = random
  mock.method(Math, 'random', next)
  mock.method(crypto, 'randomUUID', () => `key-${next()}-a-b-c` as const)
  t.teardown(() => mock.restoreAll())
  for (let round = 0; round < roundsMax && t.passing(); round++) {
    await playOnce(t, random)
    if (!t.passing()) t.comment(`in round ${round}`)
  }
  t.ok(t.passing(), `${roundsMax} stories`)
})

const milk: Todo = {
  id: 'milk',
  title: 'Buy milk',
  description: '',
  completed: false,
  user_id: 'ann',
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
}

t.test('a server that asks for a pause has it, whatever the user does meanwhile', async (t) => {
  const asked: number[] = []
  const busy = () => new ApiProblem(503, {}, new Headers({ 'retry-after': '10' }))
  const tab = createBrowser((): Promise<never> => {
    asked.push(Date.now())
    return Promise.reject(busy())
  }).open()
  tab.actions.create('one')
  await pass(1_000)
  tab.actions.create('two')
  await pass(8_000)
  t.equal(asked.length, 1)
  tab.box.retry()
  await pass(100)
  t.equal(asked.length, 3, 'the network is back: both are sent at once')
  await pass(9_000)
  t.equal(asked.length, 3)
})

t.test('the pause grows after each failure, up to half a minute', async (t) => {
  const asked: number[] = []
  const tab = createBrowser(() => {
    asked.push(Date.now())
    return Promise.reject(new ApiProblem(500, {}, new Headers()))
  }).open()
  tab.actions.create('one')
  await pass(300_000)
  const pauses = asked.slice(1).map((at, i) => at - (asked[i] ?? 0))
  t.ok(asked.length > 10 && asked.length < 30, `${asked.length} attempts in five minutes`)
  t.ok(Math.max(...pauses) <= 30_050)
})

t.test('what is deleted can be had back for a while, and is sent then', async (t) => {
  const asked: string[] = []
  const tab = createBrowser((route: string) => {
    asked.push(route)
    return Promise.resolve({ status: 200, body: milk, etag: '"1"', next: undefined })
  }).open()
  tab.rows = rowsOfPage([milk])
  const [row] = shownIn(tab)
  if (!row) throw new Error('no row')
  tab.actions.remove(row)
  await pass(undoMs - 100)
  t.same(shownIn(tab), [])
  const [change] = tab.box.changes
  if (change) tab.box.giveUp(change.key)
  await pass(undoMs)
  t.same([asked, shownIn(tab).length], [[], 1])
  tab.actions.remove(row)
  await pass(undoMs + 100)
  t.same(asked, ['GET /api/todos/{id}', 'DELETE /api/todos/{id}'])
})

t.test('a creation whose answer is lost is there once, also after a reload', async (t) => {
  const stored: Todo[] = []
  const asked = new Set<string>()
  const browser = createBrowser((route, { headers }) => {
    asked.add(route)
    const key = headers?.['Idempotency-Key'] ?? ''
    if (stored.length === 0) stored.push({ ...milk, id: `${idStartOf(key)}and-more` })
    return Promise.reject(new Unreachable('the answer is lost'))
  })
  const readAnew = (tab: Tab) => {
    const read = { where: 'anew', sinceMs: Date.now(), hasMore: false, gone: noId } as const
    tab.rows = withPage(tab.rows, { ...read, todos: stored })
  }
  const tab = browser.open()
  tab.actions.create(milk.title)
  await pass(1_000)
  readAnew(tab)
  const titles = (one: Tab) => shownIn(one).map(({ todo }) => todo.title)
  t.same(titles(tab), [milk.title])
  browser.reload(tab)
  const [reloaded] = browser.tabs
  if (!reloaded) throw new Error('no tab')
  t.same(titles(reloaded), [milk.title])
  t.match(shownIn(reloaded), [{ pending: { what: { kind: 'create' } } }], 'marked until then')
  const [row] = shownIn(reloaded)
  if (row) reloaded.actions.edit(row, { title: milk.title.toUpperCase() })
  await pass(1_000)
  t.same([...asked], ['POST /api/todos'], 'what is made of it waits until it is answered')
  t.same(titles(reloaded), [milk.title.toUpperCase()])
  reloaded.actions.create(milk.title)
  await pass(1_000)
  t.same(titles(reloaded).length, 2, 'another of the same title is another')
})

t.test('what is acknowledged is asked for again, and not for ever', async (t) => {
  let asked = 0
  const tab = createBrowser(() => {
    asked++
    return Promise.resolve({ status: 202, body: {}, etag: undefined, next: undefined })
  }).open()
  tab.actions.create('one that others have deleted since')
  await pass(10_000)
  t.equal(shownIn(tab).length, 1)
  await pass(120_000)
  t.same([shownIn(tab), tab.box.changes], [[], []], 'the log has it, whatever became of it')
  t.ok(asked > 10 && asked < 50, `${asked} times`)
})

t.test('without a creation there is nothing to edit', async (t) => {
  const asked: string[] = []
  const tab = createBrowser((route: string) => {
    asked.push(route)
    return Promise.reject(new ApiProblem(400, { detail: 'no' }, new Headers()))
  }).open()
  tab.actions.create('one')
  const [row] = shownIn(tab)
  if (!row) throw new Error('no row')
  tab.actions.edit(row, { title: 'two' })
  await pass(1_000)
  t.same(asked, ['POST /api/todos'])
  t.match(shownIn(tab), [{ todo: { title: 'two' }, pending: { state: { why: 'no' } } }])
  const [creation] = tab.box.changes
  if (creation) tab.box.giveUp(creation.key)
  t.same([shownIn(tab), tab.box.changes], [[], []])
})
