// What must hold after any run of writes, whatever was killed meanwhile: the history that clients saw,
// the log, the table and the lists are held against each other. Pure, and it shares no code with what
// it checks: it has a fold of its own.

/** `ok`: 202. `fail`: certainly not taken (a 4xx, or a 503 that says so). `info`: nobody knows. */
export type Outcome = 'ok' | 'fail' | 'info'

export type Operation = {
  readonly kind: 'create' | 'update' | 'delete'
  /** Undefined for a create whose answer never came. */
  readonly todoId: string | undefined
  /** The title it sets, which no other operation sets; a todo is deleted by one operation at most. */
  readonly title: string
  readonly startMs: number
  readonly endMs: number
  readonly outcome: Outcome
}

export type Logged = {
  readonly partition: number
  readonly offset: number
  readonly commandId: string
  readonly kind: Operation['kind']
  readonly todoId: string
  readonly userId: string
  readonly title: string
}

export type Row = { readonly title: string; readonly revision: number }

/** A list as one connection read it, in the order of its reads. */
export type ListRead = {
  readonly connection: number
  readonly version: number
  readonly titles: readonly string[]
}

export type Evidence = {
  readonly operations: readonly Operation[]
  readonly log: readonly Logged[]
  /** Each partition's end when everything was over. */
  readonly ends: ReadonlyMap<number, number>
  readonly todos: ReadonlyMap<string, Row>
  readonly nextOffsets: ReadonlyMap<number, number>
  readonly deadLetters: number
  readonly reads: readonly ListRead[]
  /** The whole list, as each of several connections read it at the end. */
  readonly finalLists: readonly (readonly string[])[]
}

export type Violation = {
  readonly invariant: `I${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8}`
  readonly detail: string
}

/** Every violation, named by its invariant; none for a sound run. */
export const check = (evidence: Evidence): Violation[] => {
  const byOperation = new Map<string, Logged[]>()
  for (const logged of [...evidence.log].sort((a, b) => a.offset - b.offset)) {
    const key = keyOf(logged)
    byOperation.set(key, [...(byOperation.get(key) ?? []), logged])
  }
  return [
    ...nothingLost(evidence, byOperation),
    ...nothingDoubled(byOperation),
    ...nothingFromNowhere(evidence, byOperation),
    ...oneHome(evidence),
    ...realTimeOrder(evidence, byOperation),
    ...tableIsTheFold(evidence),
    ...nothingWaiting(evidence),
    ...readsAreTrue(evidence),
  ]
}

const keyOf = (one: { kind: Operation['kind']; todoId: string | undefined; title: string }) =>
  one.kind === 'delete' ? `delete ${one.todoId}` : `set ${one.title}`

type ByOperation = ReadonlyMap<string, readonly Logged[]>

/** I1: what was acknowledged is in the log. */
const nothingLost = ({ operations }: Evidence, logged: ByOperation): Violation[] =>
  operations
    .filter((one) => one.outcome === 'ok' && !logged.has(keyOf(one)))
    .map((one) => ({ invariant: 'I1', detail: `${keyOf(one)} was acknowledged and is not logged` }))

/** I2: a retry may log a command twice, but under one id: two ids would be two effects. */
const nothingDoubled = (logged: ByOperation): Violation[] =>
  [...logged]
    .filter(([, copies]) => new Set(copies.map(({ commandId }) => commandId)).size > 1)
    .map(([key]) => ({ invariant: 'I2', detail: `${key} is logged under two command ids` }))

/** I3: what is logged was asked for, and not refused. */
const nothingFromNowhere = ({ operations }: Evidence, logged: ByOperation): Violation[] => {
  const asked = new Map(operations.map((one) => [keyOf(one), one.outcome]))
  return [...logged.keys()]
    .filter((key) => (asked.get(key) ?? 'fail') === 'fail')
    .map((key) => ({
      invariant: 'I3',
      detail: `${key} is logged, but was ${asked.has(key) ? 'refused' : 'never asked for'}`,
    }))
}

/** I4: all commands of a todo are in one partition, or nothing orders them. */
const oneHome = ({ log }: Evidence): Violation[] => {
  const homes = new Map<string, number>()
  return log.flatMap(({ todoId, partition }) => {
    const home = homes.get(todoId) ?? partition
    homes.set(todoId, home)
    const detail = `${todoId} is in partitions ${home} and ${partition}`
    return home === partition ? [] : [{ invariant: 'I4' as const, detail }]
  })
}

/** I5: what was acknowledged before another was asked for is before it in the log. */
const realTimeOrder = ({ operations }: Evidence, logged: ByOperation): Violation[] => {
  const byTodo = new Map<string, { one: Operation; offset: number }[]>()
  for (const one of operations) {
    const offset = logged.get(keyOf(one))?.[0]?.offset
    if (one.outcome !== 'ok' || one.todoId === undefined || offset === undefined) continue
    byTodo.set(one.todoId, [...(byTodo.get(one.todoId) ?? []), { one, offset }])
  }
  return [...byTodo.values()].flatMap((known) =>
    known.flatMap((a) =>
      known
        .filter((b) => a.one.endMs < b.one.startMs && a.offset > b.offset)
        .map((b) => ({
          invariant: 'I5' as const,
          detail: `${keyOf(b.one)} was asked for after ${keyOf(a.one)}, and is logged before it`,
        })),
    ),
  )
}

/** Whose each todo is, its title and how many commands made it; deleted ones are gone for good. */
const foldLog = (log: readonly Logged[]): Map<string, Row> => {
  const rows = new Map<string, Row & { userId: string }>()
  const seen = new Set<string>()
  for (const { commandId, kind, todoId, userId, title } of [...log].sort(
    (a, b) => a.offset - b.offset,
  )) {
    if (seen.has(commandId)) continue
    seen.add(commandId)
    const row = rows.get(todoId)
    if (kind === 'create') {
      if (!row) rows.set(todoId, { title, revision: 1, userId })
    } else if (row?.userId === userId) {
      if (kind === 'delete') rows.delete(todoId)
      else rows.set(todoId, { title, revision: row.revision + 1, userId })
    }
  }
  return rows
}

/** I6: the table is what the log makes of nothing, each command counted once. */
const tableIsTheFold = ({ log, todos, deadLetters }: Evidence): Violation[] => {
  const expected = foldLog(log)
  const describe = (row?: Row) => (row ? `"${row.title}", revision ${row.revision}` : 'not there')
  const differing = [...new Set([...expected.keys(), ...todos.keys()])].filter(
    (id) => describe(expected.get(id)) !== describe(todos.get(id)),
  )
  return [
    ...differing.map((id) => ({
      invariant: 'I6' as const,
      detail: `${id} is ${describe(todos.get(id))}, the log makes it ${describe(expected.get(id))}`,
    })),
    ...(deadLetters > 0
      ? [{ invariant: 'I6' as const, detail: `${deadLetters} dead letters` }]
      : []),
  ]
}

/** I7: every partition is applied to its end. */
const nothingWaiting = ({ ends, nextOffsets }: Evidence): Violation[] =>
  [...ends]
    .filter(([partition, end]) => (nextOffsets.get(partition) ?? 0) !== end)
    .map(([partition, end]) => ({
      invariant: 'I7',
      detail: `partition ${partition} ends at ${end}, applied up to ${nextOffsets.get(partition)}`,
    }))

/** I8: lists never go back on a connection, hold what was asked for only, and end as the table. */
const readsAreTrue = ({ operations, todos, reads, finalLists }: Evidence): Violation[] => {
  const known = new Set(
    operations.flatMap(({ outcome, title }) => (outcome === 'fail' ? [] : title)),
  )
  const newest = new Map<number, number>()
  const violations: Violation[] = []
  const add = (detail: string) => violations.push({ invariant: 'I8', detail })
  for (const { connection, version, titles } of reads) {
    const before = newest.get(connection) ?? 0
    if (version < before) add(`connection ${connection} went back from ${before} to ${version}`)
    newest.set(connection, version)
    for (const title of titles) if (!known.has(title)) add(`a list held ${title}`)
  }
  const expected = [...todos.values()].map(({ title }) => title).sort()
  for (const list of finalLists) {
    const isSame = list.length === expected.length && [...list].sort().join() === expected.join()
    if (!isSame) add(`a list stays stale: ${list.length} todos, the table has ${expected.length}`)
  }
  return violations
}
