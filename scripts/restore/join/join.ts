// npm run restore -- --join: databases of several moments become one installation again. It decides first,
// and refuses what would lose something; then it mends, and last it lets everybody use what was restored.
// Whatever it dies at, it can be run again.

import { readRanges } from '../../../lib/command-log/open.ts'
import { openDatabases, type Databases } from '../../../lib/drivers/postgres/databases.ts'
import type { Pool } from '../../../lib/drivers/postgres/pool.ts'
import { closeShards, openShards } from '../../../lib/drivers/postgres/shards.ts'
import { postgresUrls } from '../../../lib/drivers/postgres/urls.ts'
import type { Config } from '../../../lib/runtime/config/config.ts'
import { createLog } from '../../../lib/runtime/log.ts'
import { aloneWithMoves } from '../../../lib/shards/moves.ts'
import { dropBucketIndexes } from '../../../lib/todo-store/move/bucket-rows.ts'
import { deleteLeftCopy } from '../../../lib/todo-store/move/move-bucket.ts'
import type { Write } from '../../database-command.ts'
import { decideOffsets, type OffsetDecision, type Reader } from './decide-offsets.ts'
import { decidePlaces, type Decision } from './decide-places.ts'
import { mendMain } from './mend-main.ts'
import { mendShard, setOffsets, useShard } from './mend-shard.ts'
import { readAssigned, type Assigned } from './mend-teams.ts'
import { readKnown, type KnownOf } from './read-known.ts'

const timeoutMs = 15_000
/** Of a statement that goes over all todos of a shard. */
const slowTimeoutMs = 3_600_000

/** `acceptsLoss`: of commands that no log has any more. Rejects in lines that say what to do. */
export const joinRestored = async (
  config: Config,
  { acceptsLoss }: { readonly acceptsLoss: boolean },
  out: Write,
): Promise<void> => {
  const databases = openDatabases(postgresUrls(config))
  const shards = openShards(config)
  const poolsOf = (name: 'todos' | 'one-off', limitMs: number) =>
    new Map([...shards].map(([shard, one]) => [shard, one.pool(name, { timeoutMs: limitMs })]))
  try {
    const main = databases.pool('todos', { timeoutMs })
    const pools = poolsOf('todos', timeoutMs)
    const slow = poolsOf('one-off', slowTimeoutMs)
    const work = () => join({ config, databases, main, pools, slow, acceptsLoss, out })
    const lock = databases.pool('one-off', { timeoutMs })
    if (!(await aloneWithMoves(lock, work)))
      throw new Error('buckets are being moved: wait until that is done')
  } finally {
    await closeShards(shards)
    await databases.close()
  }
}

type Parts = {
  readonly config: Config
  readonly databases: Databases
  readonly main: Pool
  readonly pools: ReadonlyMap<string, Pool>
  readonly slow: ReadonlyMap<string, Pool>
  readonly acceptsLoss: boolean
  readonly out: Write
}

const join = async (parts: Parts): Promise<void> => {
  const { config, databases, main, pools, slow, acceptsLoss, out } = parts
  const log = config.KAFKA_TODO_TOPIC
  const known = await readKnown(main, pools, log)
  if (!known || (known.restored.size === 0 && !known.isMainRestored))
    return out('all databases are in use: none waits to join')
  for (const [shard, moment] of known.moments) out(`${shard} is as of ${moment.toISOString()}`)
  if (known.isMainRestored) out('DATABASE_URL was restored')

  const decided = decidePlaces(known)
  const offsets = await decideLog(config, databases, known, decided)
  const unnamed = [...decided.places.values()].filter(({ shard }) => !known.guests.has(shard))
  const refusals = [
    ...new Set(unnamed.map(({ shard }) => `${shard} has buckets: add it to DATABASE_SHARDS`)),
    ...decided.refusals,
    ...(acceptsLoss ? [] : offsets.lost.map((line) => `${line}: give --accept-loss to go on so`)),
  ]
  if (refusals.length > 0) throw new Error(refusals.join('\n'))

  const assigned: Assigned[] = []
  for (const [shard, pool] of slow) {
    if (!known.guests.has(shard)) continue // it waits to be added
    if (known.restored.has(shard)) await mendShard(pool, shard, log, known, decided, offsets, out)
    else await pool.run((sql) => setOffsets(sql, shard, log, offsets.readers))
    if (known.restored.has(shard) || known.isMainRestored)
      assigned.push(...(await readAssigned(pool)))
  }
  const map = { installation: '', version: 0, shards: known.homes }
  const copies = decided.strays.filter(({ shard }) => !known.restored.has(shard))
  for (const { bucket, shard } of copies) {
    await deleteLeftCopy({ map, pools: slow }, bucket, shard)
    out(`bucket ${bucket}: what ${shard} had of it is deleted`)
  }
  if (known.isMainRestored || known.begun.size > 0)
    for (const pool of slow.values()) await dropBucketIndexes(pool)
  await mendMain(main, log, known, decided, offsets, assigned, out)
  for (const shard of known.restored) await useShard(slow, shard)
  out(
    `joined: ${[...known.restored, ...(known.isMainRestored ? ['DATABASE_URL'] : [])].join(', ')}`,
  )
}

const decideLog = async (
  config: Config,
  databases: Databases,
  known: KnownOf,
  { places }: Decision,
): Promise<OffsetDecision> => {
  const ranges = await readRanges(config, databases, createLog('restore', 'silent')).catch(
    (error: unknown) => {
      throw new Error(`the command log does not answer: ${(error as Error).message}`, {
        cause: error,
      })
    },
  )
  const { homes, positions } = known
  const readers = new Map<string, Reader>()
  const read = (shard: string, partition: number) => {
    const next = positions.get(shard)?.get(partition) ?? 0
    readers.set(`${shard} ${partition}`, { shard, partition, next })
  }
  homes.forEach(read)
  for (const [bucket, { shard }] of places) read(shard, bucket % homes.length)
  const isOurs = config.COMMAND_LOG === 'postgres' && known.isMainRestored
  return decideOffsets([...readers.values()], ranges, isOurs)
}
