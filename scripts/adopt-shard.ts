// A copy of the database of DATABASE_URL becomes its first shard, with all todos. Workers are stopped
// meanwhile; servers go on, without shards until they are started again. Whoever runs it may die anywhere:
// begun anew, it goes on.

import { identityFault } from '../lib/domain/shard-map.ts'
import { keepingAlive } from '../lib/drivers/postgres/keep-alive.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import {
  emptyOfAccounts,
  fingerprintsOf,
  forgetBegunMap,
  forgetOldTodos,
  giveAllTo,
  partitionsOfLog,
  stopWrites,
} from '../lib/shards/adopting.ts'
import { aloneWithMoves } from '../lib/shards/moves.ts'
import { beginShardMap, nameShard, readShardMap } from '../lib/shards/postgres.ts'

export type AdoptParts = {
  /** Of the database that has all. */
  readonly main: Pool
  /** Another one of it. */
  readonly lock: Pool
  /** By name: all of DATABASE_SHARDS. */
  readonly pools: ReadonlyMap<string, Pool>
  /** KAFKA_TODO_TOPIC. */
  readonly log: string
  readonly out: (line: string) => void
  /** Told of before it is done: whoever throws has died there. */
  readonly onStep?: (step: AdoptStep) => void
}
export type AdoptStep = 'compare' | 'name' | 'empty' | 'map' | 'commit' | 'adopted'

/** Nothing has changed for anybody; the message says why, and what to do. */
export class NotAdopted extends Error {}

export const adopt = async (parts: AdoptParts, name: string): Promise<void> => {
  const { main, lock, pools } = parts
  const copy = pools.get(name)
  if (!copy) throw new NotAdopted(`${name} is not in DATABASE_SHARDS: set it to the copy`)
  const isAlone = await aloneWithMoves(lock, async () => {
    const map = await readShardMap(main)
    if (map?.adopted === name) return parts.out(`${name}: was adopted already`)
    if (map) throw new NotAdopted('there is a map of shards: npm run shards')
    // Locks are of one database: whoever gets this one is in another.
    const isOther = await aloneWithMoves(copy, () => Promise.resolve())
    if (!isOther)
      throw new NotAdopted(`${name} in DATABASE_SHARDS leads to DATABASE_URL's own database`)
    await adoptCopy(parts, name, copy)
  })
  if (!isAlone) throw new NotAdopted('another process changes the shards: wait until it is done')
}

const adoptCopy = async (
  { main, log, out, onStep = () => {} }: AdoptParts,
  name: string,
  copy: Pool,
): Promise<void> => {
  const installation = await beginShardMap(main)
  const partitions = await main.transaction(
    (sql) =>
      keepingAlive(sql, async () => {
        await stopWrites(sql).catch(orBusy)
        const registered = await partitionsOfLog(sql, log)
        if (!registered)
          throw new NotAdopted(
            `DATABASE_URL knows no log ${log}: set KAFKA_TODO_TOPIC, or use init`,
          )
        if (registered.isClosed)
          throw new NotAdopted(
            'npm run command-log -- partitions is running: wait until it is done',
          )
        onStep('compare')
        const [ours, theirs] = await Promise.all([
          fingerprintsOf(sql),
          copy.transaction(fingerprintsOf, { timeoutMs: Infinity }),
        ])
        for (const [what, found] of ours) {
          if (theirs.get(what) !== found)
            throw new NotAdopted(
              `${name} is no copy of DATABASE_URL as it is now: ${what} differ (${theirs.get(what)}, and not ${found}). Stop all workers, and copy it again`,
            )
        }
        onStep('name')
        await forgetBegunMap(copy)
        const fault = identityFault(
          { installation },
          name,
          await nameShard(copy, { installation, name }),
        )
        if (fault !== undefined) throw new NotAdopted(fault)
        onStep('empty')
        await emptyOfAccounts(copy)
        onStep('map')
        await giveAllTo(sql, name, registered.partitions).catch(orBusy)
        onStep('commit')
        return registered.partitions
      }),
    { timeoutMs: Infinity },
  )
  onStep('adopted')
  out(
    `${name}: has all ${partitions} partitions; start servers and workers with DATABASE_SHARDS, then npm run shards -- finish-adoption`,
  )
}

/** The copy that nobody asks any more goes from DATABASE_URL, and from then on buckets may be moved. */
export const finishAdoption = async ({ main, lock, out }: AdoptParts): Promise<void> => {
  const isAlone = await aloneWithMoves(lock, async () => {
    if (!(await forgetOldTodos(main).catch(orBusy)))
      throw new NotAdopted('no shard was adopted here')
    out('DATABASE_URL: what it had of todos is deleted; buckets can be moved in a minute')
  })
  if (!isAlone) throw new NotAdopted('another process changes the shards: wait until it is done')
}

const orBusy = (error: unknown): never => {
  if ((error as { readonly code?: unknown }).code !== '55P03') throw error // lock_not_available
  throw new NotAdopted(
    'somebody reads or writes todos for long: stop all workers that are not started with DATABASE_SHARDS, and try again',
    { cause: error },
  )
}
