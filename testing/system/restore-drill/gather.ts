// What the checker of the consistency test judges after a drill: once all that was logged is applied, without
// what clients saw of a past that was undone.

import { eventually } from '../../eventually.ts'
import type { Clients } from '../consistency/clients.ts'
import type { Evidence } from '../consistency/evidence.ts'
import {
  readKafkaLog,
  readNextOffsets,
  readTables,
  type LogPlace,
} from '../consistency/read-back.ts'
import { finalLists } from './final-lists.ts'

/** Reads of a database that was lost, and of a past that was undone, are not of the history that is judged. */
export type Undone = {
  readonly startMs: number
  readonly endMs: number
  readonly firstRead: number
  readonly lastRead: number
}

const appliedTimeoutMs = 180_000

export const gather = async (
  site: { readonly port: number; place(): LogPlace },
  clients: Clients,
  undone: readonly Undone[],
): Promise<Evidence> => {
  const log = await readKafkaLog(site.place())
  await eventually(
    () => readNextOffsets(site.place()),
    (applied) => [...log.ends].every(([one, end]) => (applied.get(one) ?? 0) === end),
    appliedTimeoutMs,
  )
  const tables = await readTables(site.place())
  const shown = [...tables.todos.values()].filter(({ isPersonal }) => !isPersonal)
  return {
    ...log,
    ...tables,
    // Acknowledged is acknowledged; what came of it was answered by a database that is undone.
    operations: clients.operations.map((one) =>
      undone.some(({ startMs, endMs }) => one.endMs > startMs && one.startMs < endMs)
        ? { ...one, answered: undefined }
        : one,
    ),
    reads: clients.reads.filter((_, index) =>
      undone.every(({ firstRead, lastRead }) => index < firstRead || index >= lastRead),
    ),
    finalLists: await finalLists(site.port, shown.length),
    live: [],
  }
}
