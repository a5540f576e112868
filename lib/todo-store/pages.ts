// A page of an owner's todos, by its number. Postgres reads all that lies before it, and counts what there
// is: both end at `pagedMax`, so that no page costs more than that one.

import { pagedMax, type PageName, type PageSnapshot } from '../domain/page.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { isOfTeam, ofOwner, versionOf } from './owners.ts'
import { todoJsonInSql } from './todo-json.ts'

type Row = { readonly version: string; readonly total: number; readonly body: string }

export const readPage = async (
  sql: Sql,
  name: PageName,
  versionInSql = versionOf(sql, name.owner),
): Promise<PageSnapshot> => {
  const [row] = await pageQuery(sql, name, versionInSql)
  const { version, total = 0, body } = row ?? {}
  return { version: Number(version), total, body: Buffer.from(`[${body}]`) }
}

/** What is counted is read in order, from the index: it may be the last in the table. */
export const pageQuery = (
  sql: Sql,
  { owner, limit, page }: PageName,
  versionInSql = versionOf(sql, owner),
) => sql<Row[]>`
  SELECT
    ${versionInSql} AS version,
    (SELECT count(*)::int FROM (
      SELECT FROM todos WHERE ${ofOwner(sql, owner)}
      ORDER BY created_at DESC, id DESC LIMIT ${pagedMax + 1}) AS counted) AS total,
    (SELECT coalesce(string_agg(todo_json, E',\\n' ORDER BY created_at DESC, id DESC), '')
    FROM (
      SELECT created_at, id, ${todoJsonInSql(sql, isOfTeam(owner))} AS todo_json
      FROM todos WHERE ${ofOwner(sql, owner)}
      ORDER BY created_at DESC, id DESC
      LIMIT ${limit} OFFSET ${(page - 1) * limit}
    ) AS listed) AS body`
