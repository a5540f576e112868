// Does what the end of a membership, or of a team, has left to do on shards: one chore after the other, and
// again until it is done. Any worker may; one that dies leaves it to another.

import { ofShard } from '../../lib/domain/shard-map.ts'
import { createBoundedLog, type Log } from '../../lib/runtime/log.ts'
import { settledShardOfOwner } from '../../lib/shards/moves.ts'
import type { Shards } from '../../lib/shards/open.ts'
import type { ShardOfTeam } from '../../lib/teams/chores.ts'
import { createRounds, type Rounds } from '../rounds.ts'

/** Looked at this often: one statement, of a table that is nearly always empty. */
const pollIntervalMs = 1_000
/** In one round. Chores of a shard that is down fail at once, and wait: those behind them have their turn. */
const failuresMax = 10

export const createTeamChores = (
  doOne: (shardOf: ShardOfTeam) => Promise<boolean>,
  { map, pools }: Pick<Shards, 'map' | 'pools'>,
  log: Log,
): Rounds => {
  const warn = createBoundedLog((fields, message) => log.warn(fields, message))

  const shardOf: ShardOfTeam = async (teamId, sql) => {
    const name = await settledShardOfOwner(sql, map(), teamId)
    return { name, pool: ofShard(pools, name) }
  }
  return createRounds(pollIntervalMs, async (isStopping) => {
    for (let failures = 0; !isStopping() && failures < failuresMax;) {
      try {
        if (!(await doOne(shardOf))) return
      } catch (error) {
        failures++
        warn(
          { reason: (error as Error).message },
          'todos of a team wait to be changed: trying again',
        )
      }
    }
  })
}
