// One todo of an owner or of the public list, with what says which changes the snapshot has that it was
// read in: also where there is no such todo.

import type { PageOwner } from '../domain/page.ts'
import type { TodoRow } from '../domain/todo.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { rowColumns } from './applying.ts'
import { ofOwner } from './owners.ts'

export type VersionedTodo = {
  readonly row: TodoRow | undefined
  readonly version: string
}

/** One statement, so one snapshot. */
export const readSingle = async (
  sql: Sql,
  owner: PageOwner | 'public',
  id: string,
  versionInSql = sql`''`,
): Promise<VersionedTodo> => {
  type Row = { readonly [K in keyof TodoRow]: TodoRow[K] | null } & { readonly snapshot: string }
  const [found] = await sql<Row[]>`
    SELECT ${rowColumns(sql)}, snapshot
    FROM (SELECT ${versionInSql}::text AS snapshot) AS taken
    LEFT JOIN todos ON id = ${id} AND ${ofOwner(sql, owner)}`
  if (!found) throw new Error('a left join gives one row')
  const { snapshot, ...row } = found
  return { row: row.id === null ? undefined : (row as TodoRow), version: snapshot }
}
