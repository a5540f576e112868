// A shard joins the map of shards, or leaves it, while servers and workers run. Whoever runs it may die
// anywhere: begun anew, it goes on.

import {
  guestsOfShard,
  identityFault,
  partitionsOfShard,
  shardsUsed,
  type ShardMap,
} from '../lib/domain/shard-map.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import {
  addShard,
  beginWithoutPositions,
  contentsOfShard,
  removeShard,
} from '../lib/shards/membership.ts'
import { aloneWithMoves } from '../lib/shards/moves.ts'
import { contentsOf, nameShard, readShardIdentity, readShardMap } from '../lib/shards/postgres.ts'

export type MembershipParts = {
  /** Of the database with the map. */
  readonly main: Pool
  /** Another one of it, for the lock that keeps moves away. */
  readonly lock: Pool
  /** By name: all of DATABASE_SHARDS. */
  readonly pools: ReadonlyMap<string, Pool>
  readonly out: (line: string) => void
  /** Told of before it is done: whoever throws has died there. */
  readonly onStep?: (step: MembershipStep) => void
}
export type MembershipStep = 'name' | 'forget positions' | 'join' | 'joined' | 'leave' | 'left'

/** Nothing was changed; the message says why. */
export class NotChanged extends Error {}

export const add = (parts: MembershipParts, name: string): Promise<void> =>
  whileNothingMoves(parts, name, async (map, pool) => {
    const { main, out, onStep = () => {} } = parts
    if (shardsUsed(map).has(name)) return out(`${name}: in the map already`)
    await refuseContents(map, name, pool)
    onStep('name')
    const { installation } = map
    const fault = identityFault(map, name, await nameShard(pool, { installation, name }))
    if (fault !== undefined) throw new NotChanged(fault)
    onStep('forget positions')
    await beginWithoutPositions(main, pool)
    onStep('join')
    await addShard(main, name)
    onStep('joined')
    out(`${name}: has joined the map; give it buckets with npm run shards -- move`)
  })

export const remove = (parts: MembershipParts, name: string): Promise<void> =>
  whileNothingMoves(parts, name, async (map, pool) => {
    const { main, out, onStep = () => {} } = parts
    if (!shardsUsed(map).has(name)) return out(`${name}: not in the map`)
    const partitions = partitionsOfShard(map, name)
    if (partitions.length > 0)
      throw new NotChanged(`${name} is home of the partitions ${partitions.join(', ')}, and stays`)
    const guests = guestsOfShard(map, name).length
    if (guests > 0)
      throw new NotChanged(
        `${name} has ${guests} buckets: move them away with npm run shards -- move --count ${guests} ${name} SHARD`,
      )
    onStep('leave')
    const fault = identityFault(map, name, await readShardIdentity(pool))
    if (fault !== undefined) throw new NotChanged(fault)
    await refuseRest(name, pool)
    if (!(await removeShard(main, name)))
      throw new NotChanged('moves are not finished: run npm run shards -- move')
    onStep('left')
    out(`${name}: has left the map; take it out of DATABASE_SHARDS, start all anew, then stop it`)
  })

const whileNothingMoves = async (
  { main, lock, pools }: MembershipParts,
  name: string,
  change: (map: ShardMap, pool: Pool) => Promise<void>,
): Promise<void> => {
  const pool = pools.get(name)
  if (!pool) throw new NotChanged(`${name} is not in DATABASE_SHARDS`)
  const isAlone = await aloneWithMoves(lock, async () => {
    const map = await readShardMap(main)
    if (!map) throw new NotChanged('there is no map of shards: run npm run shards -- init')
    await change(map, pool)
  })
  if (!isAlone) throw new NotChanged('another process is moving buckets: wait until it is done')
}

/** One that has left the map may come back. Of others, anything that it has is somebody else's. */
const refuseContents = async (map: ShardMap, name: string, pool: Pool): Promise<void> => {
  const found = await readShardIdentity(pool)
  const fault = found && identityFault(map, name, found)
  if (fault !== undefined) throw new NotChanged(fault)
  if (found) return refuseRest(name, pool)
  const contents = await contentsOf(pool)
  if (contents !== undefined)
    throw new NotChanged(`${name} is not empty, ${contents}: take an empty database`)
}

const refuseRest = async (name: string, pool: Pool): Promise<void> => {
  const rest = await contentsOfShard(pool)
  if (rest.length === 0) return
  const list = rest.map(({ what, count }) => `${count} ${what}`).join('; ')
  throw new NotChanged(`${name} has what would be lost: ${list}`)
}
