// Personal todos in their shards, for those who share them.

import { shardOfTodo, type ShardMap } from '../domain/shard-map.ts'
import type { Todo } from '../domain/todo.ts'
import type { TodosElsewhere } from '../domain/todos-elsewhere.ts'
import { holdTransaction } from '../drivers/postgres/held-transaction.ts'
import type { Pool } from '../drivers/postgres/pool.ts'

/** `shards`: by name, all that the map has. */
export const createTodosElsewhere = (
  map: ShardMap,
  shards: ReadonlyMap<string, Pool>,
): TodosElsewhere => {
  const poolOf = (todoId: string): Pool | undefined => {
    const name = shardOfTodo(map, todoId)
    return name === undefined ? undefined : shards.get(name)
  }
  return {
    async ownerOf(todoId) {
      const rows = await poolOf(todoId)?.run(
        (sql) => sql<{ user_id: string }[]>`
          SELECT user_id FROM todos WHERE id = ${todoId} AND is_personal AND team_id IS NULL`,
      )
      return rows?.[0]?.user_id
    },
    async lock(todoId) {
      const pool = poolOf(todoId)
      if (!pool) return { isThere: false, release: () => Promise.resolve() }
      const held = holdTransaction(pool)
      try {
        const sql = await held.sql()
        const found = await Promise.race([
          sql`SELECT FROM todos WHERE id = ${todoId} FOR SHARE`,
          held.lost,
        ])
        return { isThere: found.count > 0, release: held.abandon }
      } catch (error) {
        await held.abandon()
        throw error
      }
    },
    async read(todoIds) {
      const pools = new Set(todoIds.map(poolOf))
      const readFrom = async (pool: Pool | undefined) =>
        pool?.run(
          (sql) => sql<Todo[]>`
            SELECT id, title, description, completed, user_id, created_at, updated_at
            FROM todos WHERE id = ANY(${todoIds as string[]}::text[])
              AND is_personal AND team_id IS NULL`,
        )
      const found = await Promise.all([...pools].map(readFrom))
      return new Map(found.flatMap((rows) => rows ?? []).map((todo) => [todo.id, todo]))
    },
  }
}
