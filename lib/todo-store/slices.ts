// A slice of a list from any place in it, at the same cost: an index is entered at the place and read
// on from there (keyset pagination), where an OFFSET would read all that lies before it.

import type { PageOwner, Range, Slice } from '../domain/page.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { isOfTeam, ofOwner } from './owners.ts'
import { todoJsonInSql } from './todo-json.ts'

/** Whose todos. */
export type Owner = PageOwner | 'public'

/** With what says which changes its snapshot has, where that was asked for. */
export type VersionedSlice = Slice & { readonly version: string }

type Row = {
  readonly version: string
  readonly body: string
  readonly has_more: boolean
  readonly created_at: Date | null
  readonly id: string | null
}

export const readSlice = async (
  sql: Sql,
  owner: Owner,
  range: Range,
  versionInSql = sql`''`,
): Promise<VersionedSlice> => {
  const [row] = await sliceQuery(sql, owner, range, versionInSql)
  if (!row) throw new Error('a query of aggregates gives one row')
  const { body, has_more, created_at, id } = row
  const next = has_more && created_at && id !== null ? { createdAt: created_at, id } : undefined
  return { body: Buffer.from(`[${body}]`), next, version: row.version }
}

/**
 * Compared as a row, which enters the index at the place: as two conditions and an OR, Postgres reads
 * what lies before it, too. One todo more than asked for says whether there are more.
 */
export const sliceQuery = (
  sql: Sql,
  owner: Owner,
  { after, count }: Range,
  versionInSql = sql`''`,
) => sql<Row[]>`
  WITH listed AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY created_at DESC, id DESC) AS n, created_at, id,
      ${todoJsonInSql(sql, isOfTeam(owner))} AS todo_json
    FROM todos
    WHERE ${ofOwner(sql, owner)}
      ${after ? sql`AND (created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::text)` : sql``}
    ORDER BY created_at DESC, id DESC
    LIMIT ${count + 1})
  SELECT
    ${versionInSql}::text AS version,
    coalesce(string_agg(todo_json, E',\\n' ORDER BY n) FILTER (WHERE n <= ${count}), '') AS body,
    count(*) > ${count} AS has_more,
    max(created_at) FILTER (WHERE n = ${count}) AS created_at,
    max(id) FILTER (WHERE n = ${count}) AS id
  FROM listed`
