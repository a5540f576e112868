// Personal todos in their shards, for those who share them.

import { ofShard, shardOfTodo, type ShardMap } from '../domain/shard-map.ts'
import type { Todo } from '../domain/todo.ts'
import { bucketOf } from '../domain/todo-id.ts'
import type { TodosElsewhere } from '../domain/todos-elsewhere.ts'
import { holdTransaction } from '../drivers/postgres/held-transaction.ts'
import type { Pool } from '../drivers/postgres/pool.ts'
import { createFollow } from './follow.ts'

/** `shards`: by name, all that the map has. */
export const createTodosElsewhere = (
  map: () => ShardMap,
  shards: ReadonlyMap<string, Pool>,
): TodosElsewhere => {
  const followBucket = createFollow(map, shards)
  const poolOf = (name: string) => ofShard(shards, name)
  /** What has no bucket is moved nowhere. Undefined: no shard has such a todo. */
  const follow = async <T>(
    todoId: string,
    read: (name: string) => Promise<T>,
    isThere: (found: T) => boolean,
  ): Promise<T | undefined> => {
    const bucket = bucketOf(todoId)
    if (bucket !== undefined) return followBucket(bucket, read, isThere)
    const { adopted } = map()
    return adopted === undefined ? undefined : read(adopted)
  }
  const readIn = (name: string, todoIds: readonly string[]) =>
    poolOf(name).run(
      (sql) => sql<Todo[]>`
        SELECT id, title, description, completed, user_id, created_at, updated_at
        FROM todos WHERE id = ANY(${todoIds as string[]}::text[])
          AND is_personal AND team_id IS NULL`,
    )

  return {
    async ownerOf(todoId) {
      const rows = await follow(
        todoId,
        (name) =>
          poolOf(name).run(
            (sql) => sql<{ user_id: string }[]>`
              SELECT user_id FROM todos WHERE id = ${todoId} AND is_personal AND team_id IS NULL`,
          ),
        ({ length }) => length > 0,
      )
      return rows?.[0]?.user_id
    },
    async lock(todoId) {
      let last = nothing
      const lockIn = async (name: string): Promise<Locked> => {
        await last.release()
        last = nothing
        return (last = await lockRow(poolOf(name), todoId))
      }
      try {
        return (await follow(todoId, lockIn, ({ isThere }) => isThere)) ?? nothing
      } catch (error) {
        await last.release()
        throw error
      }
    },
    async read(todoIds) {
      const now = map()
      const shardOf = (todoId: string) => shardOfTodo(now, todoId)
      const names = new Set(todoIds.map(shardOf))
      names.delete(undefined)
      // Each where it is, and nowhere else: a move that was interrupted leaves copies.
      const found = await Promise.all(
        [...names].map(async (name = '') =>
          readIn(
            name,
            todoIds.filter((todoId) => shardOf(todoId) === name),
          ),
        ),
      )
      const todos = new Map(found.flat().map((todo) => [todo.id, todo]))
      // Read in a home, it is right. What is not there may have been moved, and so may what is elsewhere.
      const unsure = todoIds.filter((todoId) => {
        const bucket = bucketOf(todoId)
        if (bucket === undefined) return false
        return !todos.has(todoId) || now.moved?.has(bucket) === true
      })
      for (const todoId of unsure) {
        const rows = await follow(
          todoId,
          (name) => readIn(name, [todoId]),
          ({ length }) => length > 0,
        )
        todos.delete(todoId)
        for (const todo of rows ?? []) todos.set(todo.id, todo)
      }
      return todos
    },
  }
}

type Locked = Awaited<ReturnType<TodosElsewhere['lock']>>
const nothing: Locked = { isThere: false, release: () => Promise.resolve() }

const lockRow = async (pool: Pool, todoId: string): Promise<Locked> => {
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
}
