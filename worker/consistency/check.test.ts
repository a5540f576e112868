// The checker is checked: sound histories pass, and each anomaly, put into a sound one, is found and
// called by its name.

import t from 'tap'
import { seeded } from '../../scripts/testing.ts'
import { check, type Evidence, type Logged, type Operation, type Row } from './check.ts'

type Random = ReturnType<typeof seeded>
type Draft = {
  -readonly [Key in keyof Evidence]: Evidence[Key] extends readonly (infer Item)[]
    ? Item[]
    : Evidence[Key] extends ReadonlyMap<infer K, infer V>
      ? Map<K, V>
      : Evidence[Key]
}

const partitions = 3

/** A run in which nothing went wrong but what may: doubt, refusals, and a retry that logged twice. */
const soundHistory = (random: Random): Draft => {
  const operations: Operation[] = []
  const log: Logged[] = []
  const ends = new Map(Array.from({ length: partitions }, (_, one) => [one, 0]))
  const rows = new Map<string, Row>()
  const alive: string[] = []
  let made = 0
  let nowMs = 0
  const append = (one: Omit<Logged, 'partition' | 'offset'>) => {
    const partition = Number(one.todoId.slice(1)) % partitions
    const offset = ends.get(partition) ?? 0
    ends.set(partition, offset + 1)
    log.push({ ...one, partition, offset })
  }
  for (let n = 0; n < 300; n++) {
    const title = `title ${n}`
    const choice = random.below(4)
    const index = random.below(Math.max(1, alive.length))
    const target = alive[index]
    const kind: Operation['kind'] =
      target === undefined || choice < 2 ? 'create' : choice === 2 ? 'update' : 'delete'
    const todoId = kind === 'create' ? `t${made++}` : (target as string)
    const fate = random.below(10)
    const outcome = fate === 0 ? 'fail' : fate === 1 ? 'info' : 'ok'
    const isLogged = outcome === 'ok' || (outcome === 'info' && random.below(2) === 0)
    operations.push({ kind, title, outcome, todoId, startMs: nowMs + 1, endMs: nowMs + 2 })
    nowMs += 3
    if (kind === 'delete') alive.splice(index, 1) // one delete a todo, whatever comes of it
    if (!isLogged) continue
    const logged = { commandId: `c${n}`, kind, todoId, userId: 'ann', title }
    append(logged)
    if (random.below(20) === 0) append(logged)
    const revision = (rows.get(todoId)?.revision ?? 0) + 1
    if (kind === 'delete') rows.delete(todoId)
    else rows.set(todoId, { title, revision })
    if (kind === 'create') alive.push(todoId)
  }
  const titles = [...rows.values()].map(({ title }) => title)
  return {
    ...{ operations, log, ends, todos: rows, deadLetters: 0 },
    nextOffsets: new Map(ends),
    reads: [1, 2, 3].map((version) => ({ connection: 1, version, titles })),
    finalLists: [titles, [...titles].reverse()],
  }
}

void t.test('sound histories pass', (t) => {
  const random = seeded(t)
  for (let round = 0; round < 200; round++) {
    const violations = check(soundHistory(random))
    if (violations.length > 0) t.fail(JSON.stringify(violations[0]))
  }
  t.pass('200')
  t.end()
})

const pick = <T>(items: readonly T[], random: Random): T => items[random.below(items.length)] as T
const lastOk = (draft: Draft, kind: Operation['kind']): Operation =>
  draft.operations.findLast((one) => one.kind === kind && one.outcome === 'ok') as Operation
const loggedAs = (draft: Draft, { kind, title }: Operation): Logged =>
  draft.log.find((one) => one.kind === kind && one.title === title) as Logged
const replace = (draft: Draft, one: Logged, by: Partial<Logged>) => {
  draft.log = draft.log.map((logged) => (logged === one ? { ...logged, ...by } : logged))
}

const anomalies: Record<
  string,
  [invariant: string, inject: (draft: Draft, random: Random) => void]
> = {
  'an acknowledged write that is not in the log': [
    'I1',
    (draft) => {
      const { title } = lastOk(draft, 'create')
      draft.log = draft.log.filter((one) => one.title !== title)
    },
  ],
  'one write under two command ids': [
    'I2',
    (draft, random) => {
      const one = pick(draft.log, random)
      draft.log.push({ ...one, commandId: 'again', offset: 10_000 })
    },
  ],
  'a refused write that is logged': [
    'I3',
    (draft) => {
      const one = lastOk(draft, 'create')
      draft.operations = draft.operations.map((other) =>
        other === one ? { ...one, outcome: 'fail' } : other,
      )
    },
  ],
  'a write that nobody asked for': [
    'I3',
    (draft, random) => {
      const commandId = 'nobody'
      draft.log.push({ ...pick(draft.log, random), commandId, title: 'x', kind: 'update' })
    },
  ],
  'one todo in two partitions': [
    'I4',
    (draft) => {
      const one = loggedAs(draft, lastOk(draft, 'update'))
      replace(draft, one, { partition: (one.partition + 1) % partitions })
    },
  ],
  'two acknowledged writes in the other order': [
    'I5',
    (draft) => {
      const later = lastOk(draft, 'update')
      const earlier = draft.operations.find(
        (one) => one.todoId === later.todoId && one.kind === 'create',
      ) as Operation
      const [a, b] = [loggedAs(draft, earlier), loggedAs(draft, later)]
      draft.operations = draft.operations.map((one) =>
        one === earlier ? { ...one, outcome: 'ok' } : one,
      )
      replace(draft, a, { offset: b.offset })
      replace(draft, b, { offset: a.offset })
    },
  ],
  'an effect that came twice': [
    'I6',
    (draft, random) => {
      const [id, row] = pick([...draft.todos], random)
      draft.todos.set(id, { ...row, revision: row.revision + 1 })
    },
  ],
  'an effect that never came': [
    'I6',
    (draft, random) => draft.todos.delete(pick([...draft.todos.keys()], random)),
  ],
  'a deleted todo that came back': [
    'I6',
    (draft) => {
      const { todoId = '' } = lastOk(draft, 'delete')
      draft.todos.set(todoId, { title: 'back', revision: 1 })
    },
  ],
  'a good command among the dead letters': ['I6', (draft) => void (draft.deadLetters = 1)],
  'a partition that is not applied to its end': [
    'I7',
    (draft) => draft.nextOffsets.set(1, (draft.nextOffsets.get(1) ?? 0) - 1),
  ],
  'a list that went back': [
    'I8',
    (draft) => draft.reads.push({ connection: 1, version: 2, titles: [] }),
  ],
  'a refused write in a list': [
    'I8',
    (draft) => {
      const { title } = draft.operations.find(({ outcome }) => outcome === 'fail') as Operation
      draft.reads.push({ connection: 1, version: 4, titles: [title] })
    },
  ],
  'a list that stays stale': ['I8', (draft) => draft.finalLists.push(['old'])],
}

for (const [name, [invariant, inject]] of Object.entries(anomalies)) {
  void t.test(`${name} is found, as ${invariant}`, (t) => {
    const random = seeded(t)
    for (let round = 0; round < 20; round++) {
      const draft = soundHistory(random)
      inject(draft, random)
      const found = check(draft).map((violation) => violation.invariant)
      if (!found.includes(invariant as never)) t.fail(`found ${found.join() || 'nothing'}`)
    }
    t.pass('20 times')
    t.end()
  })
}
