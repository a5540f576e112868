// The checker is checked: sound histories pass, and each anomaly, put into a sound one, is found and
// called by its name.

import t from 'tap'
import { seeded } from '../../seeded.ts'
import { check } from './check.ts'
import type { Heard, Logged, Operation, Row } from './evidence.ts'
import { partitions, soundHistory, type Draft, type Random } from './sound-history.ts'

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

const lastConditional = (draft: Draft, answered: string): Operation =>
  draft.operations.findLast(
    (one) => one.kind === 'update' && one.answered === answered,
  ) as Operation
const answerOtherwise = (draft: Draft, one: Operation, answered: string) => {
  draft.operations = draft.operations.map((other) => (other === one ? { ...one, answered } : other))
}

const isRefused = ({ kind, outcome }: Operation) => kind !== 'delete' && outcome === 'fail'

type HeardEvent = Extract<Heard, { kind: 'event' }>
const isEvent = (one: Heard): one is HeardEvent => one.kind === 'event'
/** Replaces the last event that a reader of the public list heard by others. */
const replaceLastHeard = (draft: Draft, by: (one: HeardEvent) => readonly Heard[]) =>
  rewriteHeard(draft, 'reader', (heard) => {
    const last = heard.findLastIndex(isEvent)
    return heard.toSpliced(last, 1, ...by(heard[last] as HeardEvent))
  })
const rewriteHeard = (
  draft: Draft,
  name: string,
  rewrite: (heard: readonly Heard[]) => readonly Heard[],
) => {
  draft.live = draft.live.map((one) =>
    one.name === name ? { ...one, heard: rewrite(one.heard) } : one,
  )
}

type Anomaly = [invariant: string, inject: (draft: Draft, random: Random) => void]
const anomalies: Record<string, Anomaly> = {
  'an acknowledged write that is not in the log': [
    'I1',
    (draft) => {
      const { title } = lastOk(draft, 'create')
      draft.log = draft.log.filter((one) => one.title !== title)
    },
  ],
  'an acknowledgement that names another todo': [
    'I1',
    (draft) => {
      const one = loggedAs(draft, lastOk(draft, 'create'))
      draft.operations = draft.operations.map((other) =>
        other.title === one.title ? { ...other, todoId: 'another' } : other,
      )
    },
  ],
  'an acknowledged write that its publisher has passed by': [
    'I1',
    (draft) => {
      const { commandId } = loggedAs(draft, lastOk(draft, 'create'))
      const stamp = { by: 'ann', n: 0 }
      draft.log = draft.log.map((one) => (one.commandId === commandId ? { ...one, stamp } : one))
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
  'a write that is logged otherwise than asked': [
    'I3',
    (draft) => replace(draft, loggedAs(draft, lastOk(draft, 'create')), { description: 'another' }),
  ],
  "a write under another user's name": [
    'I3',
    (draft) => replace(draft, loggedAs(draft, lastOk(draft, 'create')), { userId: 'carol' }),
  ],
  'a refused write in the table': [
    'I3',
    (draft) => {
      const { title = '' } = draft.operations.find(isRefused) as Operation
      const [id, row] = [...draft.todos][0] as [string, Row]
      draft.todos.set(id, { ...row, title })
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
      draft.todos.set(todoId, [...draft.todos.values()][0] as Row)
    },
  ],
  ...Object.fromEntries(
    Object.entries({
      description: 'another',
      completed: 'neither',
      userId: 'carol',
      createdMs: -1,
      updatedMs: -1,
    }).map(([field, value]): [string, Anomaly] => [
      `a todo with a wrong ${field}`,
      [
        'I6',
        (draft, random) => {
          const [id, row] = pick([...draft.todos], random)
          draft.todos.set(id, { ...row, [field]: value })
        },
      ],
    ]),
  ),
  'a command whose outcome was not stored': [
    'I6',
    (draft, random) => void draft.outcomes.delete(pick([...draft.outcomes.keys()], random)),
  ],
  'a command that was refused by mistake': [
    'I6',
    (draft, random) => void draft.outcomes.set(pick(draft.log, random).commandId, 'exists'),
  ],
  'a condition that was not minded': [
    'I6',
    (draft) => {
      const one = lastConditional(draft, 'precondition-failed')
      draft.outcomes.set(loggedAs(draft, one).commandId, 'applied')
      const row = draft.todos.get(one.todoId ?? '')
      if (row) draft.todos.set(one.todoId ?? '', { ...row, revision: row.revision + 1 })
    },
  ],
  'a condition that was lost on the way': [
    'I3',
    (draft) => {
      const one = lastConditional(draft, 'precondition-failed')
      replace(draft, loggedAs(draft, one), { ifRevision: undefined })
    },
  ],
  'a write answered as refused that took effect': [
    'I9',
    (draft) => answerOtherwise(draft, lastConditional(draft, 'applied'), 'precondition-failed'),
  ],
  'a write answered as applied that had no effect': [
    'I9',
    (draft) => answerOtherwise(draft, lastConditional(draft, 'precondition-failed'), 'applied'),
  ],
  'a good command among the dead letters': ['I6', (draft) => void (draft.deadLetters = 1)],
  'a partition that is not applied to its end': [
    'I7',
    (draft) => draft.nextOffsets.set(1, (draft.nextOffsets.get(1) ?? 0) - 1),
  ],
  'a hole in the log': [
    'I7',
    (draft, random) => {
      const one = pick(draft.log, random)
      draft.log = draft.log.filter((other) => other !== one)
    },
  ],
  'a partition that is applied past its end': [
    'I7',
    (draft) => draft.nextOffsets.set(1, (draft.nextOffsets.get(1) ?? 0) + 1),
  ],
  'a partition that the log does not have': ['I7', (draft) => draft.nextOffsets.set(9, 1)],
  'a list that went back': [
    'I8',
    (draft) =>
      draft.reads.push({ connection: 1, version: '2', todos: draft.reads[0]?.todos ?? [] }),
  ],
  'a list without a version': [
    'I8',
    (draft) => draft.reads.push({ connection: 2, version: '', todos: [] }),
  ],
  'a list of shards that goes back in one of them': [
    'I8',
    (draft) => {
      const { todos = [] } = draft.reads[0] ?? {}
      for (const version of ['3.4', 'none.5', '2.6'])
        draft.reads.push({ connection: 2, version, todos })
    },
  ],
  'two lists of one version': [
    'I8',
    (draft) => draft.reads.push({ connection: 2, version: '3', todos: [] }),
  ],
  'a refused write in a list': [
    'I8',
    (draft) => {
      const { title = '' } = draft.operations.find(isRefused) as Operation
      draft.reads.push({ connection: 1, version: '4', todos: [{ id: 't0', title }] })
    },
  ],
  'a list of what nobody wrote': [
    'I8',
    (draft) =>
      draft.reads.push({ connection: 1, version: '4', todos: [{ id: 't0', title: 'nobody' }] }),
  ],
  'a personal todo in a list': [
    'I8',
    (draft) => {
      const { title = '', todoId = '' } = draft.operations.find(
        ({ kind, isPersonal }) => isPersonal && kind === 'create',
      ) as Operation
      draft.reads.push({ connection: 1, version: '4', todos: [{ id: todoId, title }] })
    },
  ],
  'a list that stays stale': [
    'I8',
    (draft) => draft.finalLists.push(draft.finalLists[0]?.slice(1) ?? []),
  ],
  'a list in another order': [
    'I8',
    (draft) => draft.finalLists.push([...(draft.finalLists[0] ?? [])].reverse()),
  ],
  'an event that a client did not hear': [
    'I10',
    (draft) =>
      replaceLastHeard(draft, (one) => [
        { ...one, place: { ...one.place, number: one.place.number + 1 } },
      ]),
  ],
  'the last event of a channel, not heard': ['I11', (draft) => replaceLastHeard(draft, () => [])],
  'an event that came twice': ['I10', (draft) => replaceLastHeard(draft, (one) => [one, one])],
  'an event that was numbered twice': [
    'I10',
    (draft) =>
      replaceLastHeard(draft, (one) => [
        one,
        { ...one, place: { ...one.place, number: one.place.number + 1 } },
      ]),
  ],
  'two events of a todo in the other order': [
    'I10',
    (draft) =>
      replaceLastHeard(draft, (one) => [
        { ...one, revision: one.revision + 1 },
        { ...one, place: { ...one.place, number: one.place.number + 1 } },
      ]),
  ],
  'an event of another epoch without a gap': [
    'I10',
    (draft) =>
      replaceLastHeard(draft, (one) => [{ ...one, place: { ...one.place, epoch: 'another' } }]),
  ],
  'a gap that leads back': [
    'I10',
    (draft) =>
      replaceLastHeard(draft, (one) => [
        one,
        { kind: 'gap', place: { ...one.place, number: one.place.number - 1 } },
      ]),
  ],
  'an event that says what is not so': [
    'I11',
    (draft) =>
      replaceLastHeard(draft, (one) => [
        { ...one, todo: { ...([...draft.todos.values()][0] as Row), title: 'another' } },
      ]),
  ],
  'a list that was never read after a gap': [
    'I11',
    (draft) => replaceLastHeard(draft, (one) => [one, { kind: 'gap', place: one.place }]),
  ],
  'a list, read after a gap, that was older than the gap': [
    'I11',
    (draft) =>
      replaceLastHeard(draft, (one) => [
        one,
        { kind: 'gap', place: one.place },
        { kind: 'list', todos: new Map() },
      ]),
  ],
  'an event of a personal todo in the public list': [
    'I12',
    (draft) => {
      const personal = draft.live.find(({ name }) => name === 'owner')?.heard.find(isEvent)
      rewriteHeard(draft, 'reader', (heard) => [...heard, personal as Heard])
    },
  ],
  "an event of one user's todo to another": [
    'I12',
    (draft) => {
      const heard = draft.live.find(({ name }) => name === 'owner')?.heard.find(isEvent)
      rewriteHeard(draft, 'other owner', (heardBefore) => [...heardBefore, heard as Heard])
    },
  ],
  "a todo of another's in the list that a client read": [
    'I12',
    (draft) => {
      const todos = draft.live
        .find(({ name }) => name === 'owner')
        ?.heard.find((one) => one.kind === 'list')?.todos
      const id = draft.log.find(({ isPersonal }) => isPersonal)?.todoId ?? ''
      const [row] = draft.todos.values()
      rewriteHeard(draft, 'other owner', (heard) => [
        ...heard,
        { kind: 'list', todos: new Map([...(todos ?? []), [id, row as Row]]) },
      ])
    },
  ],
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

/** The last event, a gap to `epoch`, the list as it is then, and the same event again. */
const againBehindGap = (draft: Draft, epochOf: (epoch: string) => string) =>
  replaceLastHeard(draft, (one) => {
    const place = { epoch: epochOf(one.place.epoch), number: one.place.number }
    const held = [...draft.todos].filter(([, row]) => !row.isPersonal)
    return [
      one,
      { kind: 'gap', place },
      { kind: 'list', todos: new Map(held) },
      { ...one, place: { ...place, number: place.number + 1 } },
    ]
  })

void t.test('an event that comes again behind a gap is one of another epoch', async (t) => {
  const random = seeded(t)
  const foundIn = (epochOf: (epoch: string) => string) => {
    const draft = soundHistory(random)
    againBehindGap(draft, epochOf)
    return check(draft).filter(({ invariant }) => invariant === 'I10').length
  }
  for (let round = 0; round < 20; round++) {
    t.equal(
      foundIn(() => 'another'),
      0,
      'who keeps events has forgotten what it had',
    )
    t.equal(
      foundIn((epoch) => epoch),
      1,
      'in the same epoch it is a double',
    )
  }
})
