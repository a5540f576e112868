// What a log makes of an empty table, implemented a second time and as plainly as can be, one command
// after the other. The checker must not share code with the worker that it checks.

import type { Logged, Row } from './evidence.ts'

/** A todo's commands are in one partition, so offsets order them whatever partitions there are. */
export const inOffsetOrder = (log: readonly Logged[]): Logged[] =>
  [...log].sort((a, b) => a.offset - b.offset)

/** Records behind one of the same publisher with as high a number: copies, or arrived too late to count. */
export const passedBy = (log: readonly Logged[]): Set<Logged> => {
  const numbers = new Map<string, number>()
  const passed = new Set<Logged>()
  for (const one of inOffsetOrder(log)) {
    if (!one.stamp) continue
    const publisher = `${one.partition} ${one.stamp.by}`
    if (one.stamp.n <= (numbers.get(publisher) ?? 0)) passed.add(one)
    else numbers.set(publisher, one.stamp.n)
  }
  return passed
}

/** The rows that a log makes of nothing, and the outcomes that are kept of it; each command counts once. */
export const foldLog = (log: readonly Logged[]) => {
  const rows = new Map<string, Row>()
  const outcomes = new Map<string, string>()
  const forgotten = new Set<string>()
  const passed = passedBy(log)
  for (const one of inOffsetOrder(log)) {
    if (outcomes.has(one.commandId) || passed.has(one)) continue
    if (one.stamp && !one.keepsOutcome) forgotten.add(one.commandId)
    const row = rows.get(one.todoId)
    const isOwn = row?.userId === one.userId
    const isThere = row?.isPersonal === one.isPersonal && (isOwn || !row.isPersonal)
    const isCreate = one.kind === 'create'
    outcomes.set(
      one.commandId,
      isCreate
        ? row
          ? 'exists'
          : 'applied'
        : !isThere
          ? 'not-found'
          : !isOwn
            ? 'forbidden'
            : one.ifRevision && !one.ifRevision.includes(row.revision)
              ? 'precondition-failed'
              : 'applied',
    )
    if (outcomes.get(one.commandId) !== 'applied') continue
    if (one.kind === 'delete') rows.delete(one.todoId)
    else
      rows.set(one.todoId, {
        title: one.title ?? row?.title ?? '',
        description: one.description ?? row?.description ?? '',
        completed: one.completed ?? row?.completed ?? false,
        userId: one.userId,
        createdMs: row?.createdMs ?? one.atMs,
        updatedMs: Math.max(row?.updatedMs ?? 0, one.atMs),
        revision: (row?.revision ?? 0) + 1,
        isPersonal: one.isPersonal,
      })
  }
  for (const commandId of forgotten) outcomes.delete(commandId)
  return { rows, outcomes }
}
