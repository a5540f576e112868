// What becomes of a team's todos when a membership or the team ends, in the transaction that ends it. The
// order of locks is the worker's (todo-store: lockMemberships): memberships, todos, versions of pages.

import { keptEvents, lineOf, teamChannel, teamSource, updatedBody } from '../domain/event.ts'
import type { TodoRow } from '../domain/todo.ts'
import type { Sql } from '../drivers/postgres/pool.ts'

export type EndedMemberships = {
  readonly teamIds: readonly string[]
  readonly userId: string
  /** Who has ended them. */
  readonly by: string
}

export type TodosOfTeams = {
  /** Nobody is to do what `userId` was to do in these teams. After his memberships are gone. */
  unassign(sql: Sql, ended: EndedMemberships): Promise<void>
  /** After all memberships are gone. */
  deleteAll(sql: Sql, teamId: string): Promise<void>
  /** He is in the team again: what was his to do is. Under the lock of the team. */
  rejoin(sql: Sql, teamId: string, userId: string): Promise<void>
}

/** In the worker's order, too: whoever ends or changes more than one of a team locks all of them first. */
export const lockMembers = async (sql: Sql, teamId: string): Promise<void> => {
  await sql`
    SELECT FROM team_members WHERE team_id = ${teamId} ORDER BY team_id, user_id FOR UPDATE`
}

/**
 * Nobody is to do what `userId` was to do in these teams. After his memberships are gone: what was
 * assigned to him while they still were is seen here. `shard`: the database that `sql` is of.
 */
export const unassign = async (
  sql: Sql,
  { teamIds, userId, by }: EndedMemberships,
  shard?: string,
): Promise<void> => {
  if (teamIds.length === 0) return
  const changed = await sql<{ team_id: string; ids: string[] }[]>`
    WITH assigned AS (
      SELECT id FROM todos WHERE team_id = ANY(${teamIds as string[]}) AND assignee_id = ${userId}
      ORDER BY id FOR NO KEY UPDATE),
    unassigned AS (
      UPDATE todos SET assignee_id = NULL, revision = revision + 1,
        updated_at = greatest(updated_at, now())
      FROM assigned WHERE todos.id = assigned.id RETURNING todos.id, team_id)
    SELECT team_id, to_json((array_agg(id))[:${keptEvents + 1}]) AS ids
    FROM unassigned GROUP BY team_id ORDER BY team_id`
  const ids = changed.map((one) => one.team_id)
  // None that is changed here is without a row: that was made with its first todo.
  const versions = await sql<{ team_id: string; version: string }[]>`
    UPDATE team_lists SET version = version + 1 FROM (
      SELECT team_id FROM team_lists WHERE team_id = ANY(${ids}) ORDER BY team_id FOR NO KEY UPDATE
    ) AS locked WHERE team_lists.team_id = locked.team_id
    RETURNING team_lists.team_id, version`
  for (const { team_id: teamId, version } of versions) {
    const todos = changed.find((one) => one.team_id === teamId)?.ids ?? []
    // Versions only grow: so what is left of a team is in the order in which it was changed.
    await sql`
      INSERT INTO event_outbox (source, number, events)
      VALUES (${teamSource(teamId, shard)}, ${version}, ${await eventsOf(sql, teamId, todos, by)})`
  }
}

/** Of one team, in one append. Whoever watches reads the list anew where there are more. */
const toldBytesMax = 262_144

/** As the outbox has them: what who watches the team's list is told. */
const eventsOf = async (
  sql: Sql,
  teamId: string,
  todoIds: readonly string[],
  by: string,
): Promise<string> => {
  const channel = teamChannel(teamId)
  const gap = lineOf(channel, undefined)
  if (todoIds.length > keptEvents) return gap
  const rows = await sql<TodoRow[]>`
    SELECT id, title, description, completed, user_id, created_at, updated_at, revision,
      is_personal, team_id, assignee_id
    FROM todos WHERE id = ANY(${todoIds as string[]}) ORDER BY id`
  const lines = rows.map((row) => lineOf(channel, updatedBody(by, row))).join('\n')
  return lines.length > toldBytesMax ? gap : lines
}

const deleteAll = async (sql: Sql, teamId: string): Promise<void> => {
  // Statements of their own: they see what the worker has committed while this one waited for it.
  await sql`
    DELETE FROM todos WHERE id IN (
      SELECT id FROM todos WHERE team_id = ${teamId} ORDER BY id FOR UPDATE)`
  await sql`DELETE FROM team_lists WHERE team_id = ${teamId}`
}

export const todosHere: TodosOfTeams = {
  unassign: (sql, ended) => unassign(sql, ended),
  deleteAll,
  rejoin: () => Promise.resolve(),
}

/** The team, and all that is its own. */
export const deleteTeam = async (
  sql: Sql,
  teamId: string,
  todos: TodosOfTeams = todosHere,
): Promise<void> => {
  await lockMembers(sql, teamId)
  await sql`DELETE FROM team_members WHERE team_id = ${teamId}`
  await todos.deleteAll(sql, teamId)
  await sql`DELETE FROM teams WHERE id = ${teamId}`
}
