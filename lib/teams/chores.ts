// What becomes of a team's todos that are in another database when a membership or the team ends: written
// down in the transaction that ends it, and done by a worker, again until it is done. Nobody sees a team's
// todos meanwhile who is not in it, nor can be given one to do.

import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { todosHere, unassign, type TodosOfTeams } from './todos.ts'

/** As user_id: all todos of the team are to go. */
const everybody = ''

export const todosElsewhere: TodosOfTeams = {
  async unassign(sql, { teamIds, userId, by }) {
    await sql`
      INSERT INTO team_chores (team_id, user_id, by_id)
      SELECT team_id, ${userId}, ${by} FROM unnest(${teamIds as string[]}::text[]) AS of (team_id)
      ORDER BY team_id ON CONFLICT DO NOTHING`
  },
  async deleteAll(sql, teamId) {
    await sql`
      INSERT INTO team_chores (team_id, user_id) VALUES (${teamId}, ${everybody})
      ON CONFLICT DO NOTHING`
  },
  // Waits for who is doing it just now.
  async rejoin(sql, teamId, userId) {
    await sql`DELETE FROM team_chores WHERE team_id = ${teamId} AND user_id = ${userId}`
  },
}

type Chore = {
  readonly team_id: string
  readonly user_id: string
  readonly by_id: string | null
}
export type ShardOfTeam = (
  teamId: string,
  sql: Sql,
) => Promise<{ readonly name: string; readonly pool: Pool }>

/** Until one that failed is tried again: its database may be down, and others are not. */
const pauseSec = 2

/**
 * Does one that is due; false: there is none. Rejects when it could not be done, which is tried again.
 * `shardOf`: the database that has a team's todos, until the transaction that it is given ends.
 */
export const doTeamChore = async (accounts: Pool, shardOf: ShardOfTeam): Promise<boolean> => {
  let begun: Chore | undefined
  try {
    return await accounts.transaction(async (sql) => {
      const [chore] = await sql<Chore[]>`
        SELECT team_id, user_id, by_id FROM team_chores WHERE next_try_at <= now()
        ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED`
      if (!chore) return false
      begun = chore
      const { team_id: teamId, user_id: userId, by_id: by } = chore
      // Committed there first: done twice, it changes nothing.
      const { pool, name } = await shardOf(teamId, sql)
      await pool.transaction((shard) =>
        userId === everybody
          ? todosHere.deleteAll(shard, teamId)
          : unassign(shard, { teamIds: [teamId], userId, by: by ?? userId }, name),
      )
      await sql`DELETE FROM team_chores WHERE team_id = ${teamId} AND user_id = ${userId}`
      return true
    })
  } catch (error) {
    const failed = begun
    if (failed) {
      await accounts.run(
        (sql) => sql`
          UPDATE team_chores SET next_try_at = now() + make_interval(secs => ${pauseSec})
          WHERE team_id = ${failed.team_id} AND user_id = ${failed.user_id}`,
      )
    }
    throw error
  }
}
