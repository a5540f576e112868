// What must hold after any run of writes, whatever was killed meanwhile. It compares the history that
// clients saw, the log, the table and the lists. Pure, and it shares no code with what it checks: it
// has a fold of its own.

import { isDeepStrictEqual } from 'node:util'
import { liveClientsAreTrue } from './check-live.ts'
import type { Evidence, Fields, Listed, Logged, Operation } from './evidence.ts'
import { foldLog, inOffsetOrder, passedBy } from './fold-log.ts'

export type Violation = {
  readonly invariant: `I${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12}`
  readonly detail: string
}

/** Every violation, named by its invariant; none for a sound run. */
export const check = (evidence: Evidence): Violation[] => {
  const byOperation = new Map<string, Logged[]>()
  for (const logged of inOffsetOrder(evidence.log)) {
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
    ...answersAreTrue(evidence, byOperation),
    ...nothingWaiting(evidence),
    ...readsAreTrue(evidence),
    ...endsAsTheTable(evidence),
    ...liveClientsAreTrue(evidence),
  ]
}

const keyOf = ({ kind, todoId, title }: Pick<Operation, 'kind' | 'todoId' | 'title'>) =>
  kind === 'delete' ? `delete ${todoId}` : `set ${title}`

const asText = (value: unknown): string => JSON.stringify(value) ?? 'nothing'

type ByOperation = ReadonlyMap<string, readonly Logged[]>

/** I1: what was acknowledged is in the log, under the id that the client got, and in time to count. */
const nothingLost = ({ operations, log }: Evidence, logged: ByOperation): Violation[] => {
  const passed = passedBy(log)
  return operations
    .filter((one) => one.outcome === 'ok')
    .flatMap((one) => {
      const copies = logged.get(keyOf(one))?.filter(({ todoId }) => todoId === one.todoId) ?? []
      if (copies.some((copy) => !passed.has(copy))) return []
      const why = copies.length > 0 ? 'logged too late to be applied' : 'not logged'
      return [{ invariant: 'I1' as const, detail: `${keyOf(one)} was acknowledged and is ${why}` }]
    })
}

/** I2: a retry may log a command twice, but under one id: two ids would be two effects. */
const nothingDoubled = (logged: ByOperation): Violation[] =>
  [...logged]
    .filter(([, copies]) => new Set(copies.map(({ commandId }) => commandId)).size > 1)
    .map(([key]) => ({ invariant: 'I2', detail: `${key} is logged under two command ids` }))

/** I3: what is logged or stored was asked for, just so, and not refused. */
const nothingFromNowhere = ({ operations, todos }: Evidence, logged: ByOperation): Violation[] => {
  const asked = new Map(operations.map((one) => [keyOf(one), one]))
  const add = (detail: string): Violation => ({ invariant: 'I3', detail })
  return [
    ...[...logged.values()].flat().flatMap((one) => {
      const operation = asked.get(keyOf(one))
      if (!operation) return [add(`${keyOf(one)} is logged, but was never asked for`)]
      if (operation.outcome === 'fail') return [add(`${keyOf(one)} is logged, but was refused`)]
      const isSame = operation.kind === one.kind && fieldsOf(operation) === fieldsOf(one)
      return isSame ? [] : [add(`${keyOf(one)} is logged otherwise: ${fieldsOf(one)}`)]
    }),
    ...[...todos.values()]
      .filter(({ title }) => (asked.get(`set ${title}`)?.outcome ?? 'fail') === 'fail')
      .map(({ title }) => add(`the table has ${title}, which was refused or never asked for`)),
  ]
}

/** As one text; a create without a description has an empty one. */
const fieldsOf = (one: Fields & Pick<Operation, 'kind' | 'userId' | 'isPersonal'>): string => {
  const { kind, userId, isPersonal, title, completed, ifRevision } = one
  const description = kind === 'create' ? (one.description ?? '') : one.description
  return asText([userId, isPersonal, title, description, completed, ifRevision])
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

/** I6: the table is what the log makes of nothing, field by field. */
const tableIsTheFold = ({ log, todos, outcomes, deadLetters }: Evidence): Violation[] => {
  const expected = foldLog(log)
  const add = (detail: string): Violation => ({ invariant: 'I6', detail })
  return [
    ...differences(expected.rows, todos).map((detail) => add(`todo ${detail}`)),
    ...differences(expected.outcomes, outcomes).map((detail) => add(`outcome of ${detail}`)),
    ...(deadLetters > 0 ? [add(`${deadLetters} dead letters`)] : []),
  ]
}

const differences = <T>(expected: ReadonlyMap<string, T>, found: ReadonlyMap<string, T>) =>
  [...new Set([...expected.keys(), ...found.keys()])]
    .filter((id) => !isDeepStrictEqual(expected.get(id), found.get(id)))
    .map((id) => `${id} is ${asText(found.get(id))}, the log makes it ${asText(expected.get(id))}`)

/** I9: who waited for a write was answered with what came of it. */
const answersAreTrue = ({ operations, outcomes }: Evidence, logged: ByOperation): Violation[] =>
  operations.flatMap((one) => {
    const commandId = logged.get(keyOf(one))?.[0]?.commandId
    const stored = commandId === undefined ? undefined : outcomes.get(commandId)
    if (one.answered === undefined || one.answered === stored) return []
    const detail = `${keyOf(one)} was answered as ${one.answered}, and is ${stored ?? 'nowhere'}`
    return [{ invariant: 'I9' as const, detail }]
  })

/** I7: every partition is without holes, and applied to its end. */
const nothingWaiting = ({ log, ends, nextOffsets }: Evidence): Violation[] =>
  [...new Set([...ends.keys(), ...nextOffsets.keys()])].flatMap((partition) => {
    const end = ends.get(partition) ?? 0
    const next = nextOffsets.get(partition) ?? 0
    const offsets = log.filter((one) => one.partition === partition).map(({ offset }) => offset)
    const held = new Set(offsets.filter((offset) => offset < end)).size
    const add = (detail: string): Violation => ({ invariant: 'I7', detail })
    return [
      ...(held === end ? [] : [add(`partition ${partition} holds ${held} of ${end} records`)]),
      ...(next === end
        ? []
        : [add(`partition ${partition} ends at ${end}, is applied to ${next}`)]),
    ]
  })

/** One for each shard. */
type Versions = readonly number[]

/** A shard whose todos are not in a list does not go back. */
const versionsIn = (text: string): Versions =>
  text === '' ? [] : text.split('.').map((one) => (one === 'none' ? Infinity : Number(one)))

/** I8: lists never go back on a connection, and one version is one list, of what was asked for. */
const readsAreTrue = ({ operations, reads, finalLists }: Evidence): Violation[] => {
  const refused = new Set(
    operations.filter(({ outcome }) => outcome === 'fail').map(({ title }) => title),
  )
  const known = new Set(operations.map(({ title }) => title))
  const personal = new Set(
    operations.filter(({ isPersonal }) => isPersonal).map(({ title }) => title),
  )
  const newest = new Map<number, Versions>()
  const byVersion = new Map<string, string>()
  const violations: Violation[] = []
  const add = (detail: string) => violations.push({ invariant: 'I8', detail })
  for (const { connection, version, todos } of reads) {
    const before = newest.get(connection) ?? []
    const now = versionsIn(version)
    const isBack = now.length < before.length || now.some((one, i) => one < (before[i] ?? 0))
    if (now.length === 0 || isBack)
      add(`connection ${connection} went from ${before.join('.')} to ${version}`)
    // A shard that is missing comes back where it was, or later.
    const seen = now.map((one, i) => (one === Infinity ? (before[i] ?? 0) : one))
    newest.set(connection, seen)
    const list = asText(todos.map(({ id, title }) => [id, title]))
    if ((byVersion.get(version) ?? list) !== list) add(`version ${version} is two lists`)
    byVersion.set(version, list)
  }
  for (const { title } of [...reads.map(({ todos }) => todos), ...finalLists].flat()) {
    if (refused.has(title)) add(`a list held ${title}, which was refused`)
    else if (personal.has(title)) add(`a list held ${title}, which is personal`)
    else if (!known.has(title)) add(`a list held ${title}, which was never asked for`)
  }
  return violations
}

/** I8: when nothing changes any more, every answer is what the table holds, in its order. */
const endsAsTheTable = ({ todos, finalLists }: Evidence): Violation[] => {
  const textOf = (list: readonly Listed[]) => asText(list.map(({ id, title }) => [id, title]))
  const shown = [...todos].filter(([, { isPersonal }]) => !isPersonal)
  const expected = textOf(shown.map(([id, { title }]) => ({ id, title })))
  return finalLists
    .filter((list) => textOf(list) !== expected)
    .map((list) => ({
      invariant: 'I8',
      detail: `a list stays stale: ${list.length} todos, the table has ${shown.length}`,
    }))
}
