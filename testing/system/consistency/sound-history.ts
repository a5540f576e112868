// A run of writes in which nothing went wrong, generated at random: what check.test.ts puts anomalies
// into.

import type { seeded } from '../../seeded.ts'
import type { Evidence, Logged, Operation, Row } from './evidence.ts'
import { soundLiveClients, type Change } from './sound-live-clients.ts'

export type Random = ReturnType<typeof seeded>
export type Draft = {
  -readonly [Key in keyof Evidence]: Evidence[Key] extends readonly (infer Item)[]
    ? Item[]
    : Evidence[Key] extends ReadonlyMap<infer K, infer V>
      ? Map<K, V>
      : Evidence[Key]
}

export const partitions = 3

const partitionOf = (todoId: string) => Number(todoId.slice(1)) % partitions
const pickOf = <T>(items: readonly T[], random: Random): T => items[random.below(items.length)] as T

/** A run in which nothing went wrong but what may: doubt, refusals, a retry that logged twice, and latecomers. */
export const soundHistory = (random: Random): Draft => {
  const operations: Operation[] = []
  const log: Logged[] = []
  const ends = new Map(Array.from({ length: partitions }, (_, one) => [one, 0]))
  const rows = new Map<string, Row>()
  const outcomes = new Map<string, string>()
  const changes: Change[] = []
  const personal = new Set<string>()
  const alive: string[] = []
  let made = 0
  const numbers = new Map<string, number>()
  const late: Omit<Logged, 'partition' | 'offset'>[] = []
  /** Some servers are from before there were stamps. */
  const stampOf = () => {
    const by = pickOf(['ann', 'bob', undefined], random)
    if (by === undefined) return undefined
    const n = (numbers.get(by) ?? 0) + 1
    numbers.set(by, n)
    return { by, n }
  }
  const append = (one: Omit<Logged, 'partition' | 'offset'>) => {
    const partition = partitionOf(one.todoId)
    const offset = ends.get(partition) ?? 0
    ends.set(partition, offset + 1)
    log.push({ ...one, partition, offset })
  }
  for (let n = 0; n < 300; n++) {
    const choice = random.below(4)
    const index = random.below(Math.max(1, alive.length))
    const target = alive[index]
    const kind: Operation['kind'] =
      target === undefined || choice < 2 ? 'create' : choice === 2 ? 'update' : 'delete'
    const todoId = kind === 'create' ? `t${made++}` : (target as string)
    if (kind === 'create' && random.below(4) === 0) personal.add(todoId)
    const isPersonal = personal.has(todoId)
    const fate = random.below(10)
    const outcome = fate === 0 ? 'fail' : fate === 1 ? 'info' : 'ok'
    const isLogged = outcome === 'ok' || (outcome === 'info' && random.below(2) === 0)
    const asked = {
      kind,
      todoId,
      userId: kind !== 'create' && random.below(10) === 0 ? 'bob' : 'ann',
      isPersonal,
      title: kind === 'delete' ? undefined : `title ${n}`,
      description: kind === 'create' ? `description ${n}` : undefined,
      completed: kind === 'update' ? random.below(2) === 0 : undefined,
      // Revisions that it may be at, and may have left.
      ifRevision: kind !== 'create' && random.below(2) === 0 ? [1 + random.below(2)] : undefined,
    }
    const row = rows.get(todoId)
    const effect =
      kind !== 'create' && row?.userId !== asked.userId
        ? isPersonal
          ? 'not-found'
          : 'forbidden'
        : row && asked.ifRevision?.includes(row.revision) === false
          ? 'precondition-failed'
          : 'applied'
    const answered = asked.ifRevision && outcome === 'ok' ? effect : undefined
    operations.push({ ...asked, outcome, answered, startMs: 3 * n, endMs: 3 * n + 1 })
    if (kind === 'delete') alive.splice(index, 1) // one delete a todo, whatever comes of it
    if (outcome === 'fail') continue
    const keepsOutcome = answered !== undefined || random.below(4) === 0
    const logged = { ...asked, commandId: `c${n}`, atMs: n, stamp: stampOf(), keepsOutcome }
    if (!isLogged) {
      if (logged.stamp) late.push(logged)
      continue
    }
    append(logged)
    if (random.below(20) === 0) append(logged)
    if (keepsOutcome || !logged.stamp) outcomes.set(`c${n}`, effect)
    if (effect !== 'applied') continue
    if (kind === 'delete') {
      changes.push({ todoId, isPersonal, revision: (row?.revision ?? 0) + 1, row: undefined })
      rows.delete(todoId)
    } else {
      const { title = '', description = row?.description ?? '', completed = false } = asked
      const createdMs = row?.createdMs ?? n
      const revision = (row?.revision ?? 0) + 1
      const times = { createdMs, updatedMs: n }
      const made = { title, description, completed, userId: 'ann', ...times, revision, isPersonal }
      rows.set(todoId, made)
      changes.push({ todoId, isPersonal, revision, row: made })
    }
    if (kind === 'create') alive.push(todoId)
  }
  // Nobody had said that these are there, and they come too late.
  for (const one of late) {
    const isPassed = log.some(
      ({ stamp, partition }) =>
        partition === partitionOf(one.todoId) &&
        stamp?.by === one.stamp?.by &&
        (stamp?.n ?? 0) > (one.stamp?.n ?? 0),
    )
    if (isPassed) append(one)
  }
  const list = [...rows]
    .filter(([, { isPersonal }]) => !isPersonal)
    .map(([id, { title }]) => ({ id, title }))
  return {
    operations,
    log,
    ends,
    todos: rows,
    outcomes,
    deadLetters: 0,
    nextOffsets: new Map(ends),
    reads: ['1', '2', '3'].map((version) => ({ connection: 1, version, todos: list })),
    finalLists: [list, list],
    live: soundLiveClients(changes, random),
  }
}
