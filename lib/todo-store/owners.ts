// Whose todos are asked for, as conditions of SQL.

import type { LogPosition } from '../domain/must-see.ts'
import type { PageOwner } from '../domain/page.ts'
import type { Sql } from '../drivers/postgres/pool.ts'

/** `PageOwner` as its kind and its id. An id of a user may have a colon. */
export const partsOf = (owner: PageOwner) => {
  const end = owner.indexOf(':')
  return { kind: owner.slice(0, end) as 'user' | 'team', id: owner.slice(end + 1) }
}

/** Each is what an index is for: see sql/013. */
export const ofOwner = (sql: Sql, owner: PageOwner | 'public') => {
  if (owner === 'public') return sql`NOT is_personal`
  const { kind, id } = partsOf(owner)
  return kind === 'team'
    ? sql`team_id = ${id}`
    : sql`is_personal AND team_id IS NULL AND user_id = ${id}`
}

/**
 * 0 before the first change. One row, which each transaction that changes a todo of the owner raises: so
 * a version says which of them a snapshot has, on whatever server it was taken.
 */
export const versionOf = (sql: Sql, owner: PageOwner) => {
  const { kind, id } = partsOf(owner)
  return kind === 'team'
    ? sql`coalesce((SELECT version FROM team_lists WHERE team_id = ${id}), 0)`
    : sql`coalesce((SELECT version FROM personal_lists WHERE user_id = ${id}), 0)`
}

/**
 * -1 where the commands at these positions are not applied, and once it is a replica no more: what is
 * written there then is not what the primary has.
 */
export const versionOnReplica = (
  sql: Sql,
  owner: PageOwner,
  log: string,
  positions: readonly LogPosition[] = [],
) =>
  sql`CASE WHEN pg_is_in_recovery() AND ${areApplied(sql, log, positions)}
    THEN ${versionOf(sql, owner)} ELSE -1 END`

/** A partition's row is written by each transaction that applies some of it, as the versions are. */
const areApplied = (sql: Sql, log: string, positions: readonly LogPosition[]) =>
  positions.length === 0
    ? sql`true`
    : sql`NOT EXISTS (
        SELECT FROM unnest(${positions.map((one) => one.partition)}::int[],
          ${positions.map((one) => one.offset)}::bigint[]) AS needed (partition, record_offset)
        WHERE NOT EXISTS (
          SELECT FROM command_offsets AS applied
          WHERE log = ${log} AND applied.partition = needed.partition
            AND next_offset > needed.record_offset))`

/** A team's todos are shown with what is theirs alone. */
export const isOfTeam = (owner: PageOwner | 'public') => owner.startsWith('team:')
