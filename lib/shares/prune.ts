// Forgets shares of todos that are gone from another database: a worker that died between deleting a todo
// and its shares leaves them. They show nothing, but count as shares and take room.

import type { TodosElsewhere } from '../domain/todos-elsewhere.ts'
import type { Pool } from '../drivers/postgres/pool.ts'

/** Looked at each time, in turns through all: each costs a look-up in a shard. */
const sharesAtOnce = 1_000

/**
 * Rejects when a shard does not answer: what is not found there may be there. Each call goes on where the
 * last one ended. Returns how many it has forgotten.
 */
export const createPruneShares = (
  accounts: Pool,
  elsewhere: Pick<TodosElsewhere, 'read'>,
  atOnce = sharesAtOnce,
): (() => Promise<number>) => {
  let after = ''
  return async () => {
    // Whoever shares a todo has it locked until the share is committed: of one that is seen here, the todo
    // was there, and no id is given twice.
    const rows = await accounts.run(
      (sql) => sql<{ id: string; todo_id: string }[]>`
        SELECT id, todo_id FROM todo_shares WHERE id > ${after} ORDER BY id LIMIT ${atOnce}`,
    )
    const found = await elsewhere.read([...new Set(rows.map((row) => row.todo_id))])
    const gone = rows.filter((row) => !found.has(row.todo_id)).map(({ id }) => id)
    after = rows.length < atOnce ? '' : (rows.at(-1)?.id ?? '')
    if (gone.length === 0) return 0
    const { count } = await accounts.run(
      (sql) => sql`
        DELETE FROM todo_shares WHERE id IN (
          SELECT id FROM todo_shares WHERE id = ANY(${gone}) ORDER BY id FOR UPDATE)`,
    )
    return count
  }
}
