// A public list as a whole, and which changes are in it.

import { newestCount, type ListName, type ListSnapshot } from '../domain/list.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { todoJsonInSql } from './todo-json.ts'

/**
 * Which changes of public todos a snapshot has, as a JSON object: so many of each partition. Their sum,
 * the lists' version, says it on the primary only. There snapshots follow each other. A replica may see two
 * commits of different partitions in the other order, and have the same sum with another list.
 */
export const publicChanges = (sql: Sql) => sql`(
  SELECT coalesce(json_object_agg(log || ' ' || partition, changes ORDER BY log, partition), '{}')
  FROM list_versions)::text`

/** '{}' once it is a replica no more: see versionOnReplica. */
export const publicChangesOnReplica = (sql: Sql) =>
  sql`CASE WHEN pg_is_in_recovery() THEN ${publicChanges(sql)} ELSE '{}' END`

/** `changes`: what `changesInSql` gives, such as publicChanges(). One statement, so one snapshot. */
export const readList = async (
  sql: Sql,
  list: ListName,
  wholeListMax: number,
  changesInSql = sql`''`,
): Promise<ListSnapshot & { readonly changes: string }> => {
  const isBounded = list === 'all' && wholeListMax !== Infinity
  // CASE does not read what it does not give.
  const [row] = await sql<{ version: string; body: string | null; changes: string }[]>`
    SELECT (SELECT sum(changes) FROM list_versions) AS version, ${changesInSql} AS changes,
      CASE WHEN ${isBounded ? isLongerThan(sql, wholeListMax) : sql`false`} THEN NULL ELSE (
        SELECT coalesce(string_agg(todo_json, E',\\n' ORDER BY created_at DESC, id DESC), '')
        FROM (
          SELECT created_at, id, ${todoJsonInSql(sql)} AS todo_json
          FROM todos WHERE NOT is_personal ORDER BY created_at DESC, id DESC
          ${list === 'newest' ? sql`LIMIT ${newestCount}` : sql``}
        ) AS listed) END AS body`
  if (!row) throw new Error('a query of aggregates gives one row')
  const body = row.body === null ? '' : `[${row.body}]`
  return { version: Number(row.version), body: Buffer.from(body), changes: row.changes }
}

/** Of the public list, as its index says; of a long one, no more than that is read. */
const isLongerThan = (sql: Sql, count: number) => sql`
  (SELECT count(*) FROM (
    SELECT FROM todos WHERE NOT is_personal ORDER BY created_at DESC, id DESC LIMIT ${count + 1}
  ) AS first) > ${count}`
