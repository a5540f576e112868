// npm run shards [-- init|move]: which database has which todos. Printed; made, once, for databases that
// are empty; or changed, while todos are written.

import {
  guestsOfShard,
  identityFault,
  mapFault,
  partitionsOfShard,
  shardsUsed,
  spreadPartitions,
  type ShardMap,
} from '../lib/domain/shard-map.ts'
import { bucketCount } from '../lib/domain/todo-id.ts'
import { shardConnectionsNeeded } from '../lib/drivers/postgres/budget.ts'
import type { Databases } from '../lib/drivers/postgres/databases.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import { closeShards, openShards, type ShardDatabases } from '../lib/drivers/postgres/shards.ts'
import type { Config } from '../lib/runtime/config/config.ts'
import { databaseTarget, shardTargets } from '../lib/runtime/config/targets.ts'
import { movesBegun, type BegunMove } from '../lib/shards/moves.ts'
import { freeShares } from '../lib/shards/free-shares.ts'
import {
  beginShardMap,
  connectionsAllowed,
  contentsOf,
  finishShardMap,
  nameShard,
  readShardIdentity,
  readShardMap,
} from '../lib/shards/postgres.ts'
import { NotMoved } from '../lib/todo-store/move/move-bucket.ts'
import { parseOptions, UsageError } from './command-line.ts'
import { yesOption } from './confirm.ts'
import { runIfStarted, runOnDatabase, type Output } from './database-command.ts'
import { moveBuckets } from './move-buckets.ts'

const usage = `usage: npm run shards [-- init [--partitions N] | move [BUCKET... SHARD]] [-- --yes]
Prints which shard of DATABASE_SHARDS has which partitions of the command log and how many buckets of others,
which moves are not finished, and whether each shard is there.
  init              makes the map, and names each shard: DATABASE_URL and all shards must be migrated and
                    empty; begun anew after a failure, it goes on
  move BUCKET... SHARD
                    moves buckets, from 0 to ${bucketCount - 1}, to a shard while servers and workers run; one after
                    the other: writes of the bucket's partition wait meanwhile, none is refused. What was
                    interrupted is finished first; move alone does just that
  --partitions N    of the command log; KAFKA_PARTITIONS without it
  -y, --yes         write to the default database, where DATABASE_URL is not set
Exit codes: 0 done, 1 failed, or a shard is not as the map says, 2 wrong usage, or not told where to write.`

const timeoutMs = 10_000
/** Of a statement over a whole bucket, and how long its partition stays locked by a mover that vanished. */
const moveTimeoutMs = 60_000
/** Of an index on all todos of a shard. */
const indexTimeoutMs = 6 * 3_600_000

type Request =
  | { readonly kind: 'print' }
  | {
      readonly kind: 'init'
      readonly partitions: number | undefined
      readonly isConfirmed: boolean
    }
  | {
      readonly kind: 'move'
      /** Undefined: to finish what was begun. */
      readonly wanted: { readonly buckets: readonly number[]; readonly to: string } | undefined
      readonly isConfirmed: boolean
    }

const parseRequest = (args: readonly string[]): Request => {
  const { values, positionals } = parseOptions(
    args,
    { ...yesOption, partitions: { type: 'string' } },
    { allowPositionals: true },
  )
  const [kind, ...rest] = positionals
  const { partitions, yes: isConfirmed = false } = values
  if (kind === 'move') {
    if (partitions !== undefined) throw new UsageError('--partitions is for init')
    return { kind, wanted: wantedMoves(rest), isConfirmed }
  }
  if (rest.length > 0) throw new UsageError(`"${rest[0]}" is one too many`)
  if (kind !== undefined && kind !== 'init') throw new UsageError(`"${kind}" is not a command`)
  if (partitions !== undefined && !/^[1-9]\d{0,2}$/.test(partitions))
    throw new UsageError(`"${partitions}" is not a number of partitions from 1 to 999`)
  if (kind === undefined) {
    if (partitions !== undefined) throw new UsageError('--partitions is for init')
    return { kind: 'print' }
  }
  return {
    kind,
    partitions: partitions === undefined ? undefined : Number(partitions),
    isConfirmed,
  }
}

const wantedMoves = (rest: readonly string[]) => {
  const to = rest.at(-1)
  if (to === undefined) return undefined
  const buckets = rest.slice(0, -1).map((text) => {
    const bucket = Number(text)
    if (!/^\d{1,4}$/.test(text) || bucket >= bucketCount)
      throw new UsageError(`"${text}" is not a bucket from 0 to ${bucketCount - 1}`)
    return bucket
  })
  if (buckets.length === 0) throw new UsageError(`give the buckets that are to go to ${to}`)
  return { buckets: [...new Set(buckets)], to }
}

/** Something is not as it must be; the line says what to do. */
class NotDone extends Error {}

type ShardPools = ReadonlyMap<string, Pool>

/** Returns the exit code. */
export const shards = (
  args: readonly string[],
  readSettings: () => Config,
  output: Output,
): Promise<number> =>
  runOnDatabase(
    {
      usage,
      parse: parseRequest,
      run: (request, config, databases) => withShards(request, config, databases, output),
      explain: (error) =>
        error instanceof NotDone || error instanceof NotMoved
          ? error.message
          : `not done (${error.message}): check DATABASE_URL and DATABASE_SHARDS, and npm run migrate`,
    },
    args,
    readSettings,
    output,
  )

const withShards = async (
  request: Request,
  config: Config,
  databases: Databases,
  { out }: Output,
): Promise<number> => {
  const opened = openShards(config)
  const limitMs = request.kind === 'move' ? moveTimeoutMs : timeoutMs
  const pools = new Map(
    [...opened].map(([name, one]) => [name, one.pool('todos', { timeoutMs: limitMs })]),
  )
  const pool = databases.pool('todos', { timeoutMs })
  try {
    if (request.kind === 'init')
      await init(pool, pools, request.partitions ?? config.KAFKA_PARTITIONS)
    if (request.kind === 'move') await move(databases, opened, pool, pools, request.wanted, out)
    const map = await readShardMap(pool)
    const moves = map ? await movesBegun(pool) : []
    const lines = await describe(map, pools, moves, shardConnectionsNeeded(config))
    for (const { text } of lines) out(text)
    return lines.some(({ isFault }) => isFault) ? 1 : 0
  } finally {
    await closeShards(opened)
  }
}

const init = async (pool: Pool, pools: ShardPools, partitions: number): Promise<void> => {
  if (pools.size === 0) throw new NotDone('DATABASE_SHARDS is not set: set it to name=URL, …')
  if (partitions < pools.size) {
    throw new NotDone(
      `${partitions} partitions are too few for ${pools.size} shards: give --partitions ${pools.size} or more`,
    )
  }
  if (await readShardMap(pool)) return
  for (const [name, one] of [['DATABASE_URL', pool] as const, ...pools]) {
    const contents = await contentsOf(one)
    if (contents !== undefined) {
      throw new NotDone(`nothing was made: ${name} is not empty, ${contents}. Take empty databases`)
    }
  }
  const installation = await beginShardMap(pool)
  for (const [name, one] of pools) {
    const fault = identityFault(
      { installation },
      name,
      await nameShard(one, { installation, name }),
    )
    if (fault !== undefined) throw new NotDone(fault)
  }
  await freeShares(pool)
  await finishShardMap(pool, spreadPartitions(partitions, [...pools.keys()]))
}

const move = async (
  databases: Databases,
  opened: ShardDatabases,
  main: Pool,
  pools: ShardPools,
  wanted: { readonly buckets: readonly number[]; readonly to: string } | undefined,
  out: (line: string) => void,
): Promise<void> => {
  const map = await readShardMap(main)
  const fault = mapFault(map, [...pools.keys()])
  if (!map || fault !== undefined) throw new NotDone(fault ?? 'there are no shards')
  if (wanted && !pools.has(wanted.to)) throw new NotDone(`${wanted.to} is not in DATABASE_SHARDS`)
  for (const [name, pool] of pools) {
    const wrong = identityFault(map, name, await readShardIdentity(pool))
    if (wrong !== undefined) throw new NotDone(wrong)
  }
  const lock = databases.pool('one-off', { timeoutMs })
  const slow = new Map(
    [...opened].map(([name, one]) => [name, one.pool('one-off', { timeoutMs: indexTimeoutMs })]),
  )
  await moveBuckets({ map, pools, main, lock, slow, out }, wanted)
}

type Line = { readonly text: string; readonly isFault: boolean }

const describe = async (
  map: ShardMap | undefined,
  pools: ShardPools,
  moves: readonly BegunMove[],
  connectionsNeeded: number,
): Promise<Line[]> => {
  const fault = mapFault(map, [...pools.keys()])
  const faultLines = fault === undefined ? [] : [{ text: fault, isFault: true }]
  if (!map) {
    return fault === undefined
      ? [{ text: 'there are no shards: all todos are in DATABASE_URL', isFault: false }]
      : faultLines
  }
  const names = [...shardsUsed(map)]
  const states = await Promise.all(
    names.map((name) => stateOf(map, name, pools.get(name), connectionsNeeded)),
  )
  return [
    { text: `map ${map.version}, ${map.shards.length} partitions`, isFault: false },
    ...names.map((name, i) => {
      const state = states[i]
      const has = `partitions ${partitionsOfShard(map, name).join(', ')}`
      const guests = guestsOfShard(map, name).length
      const alsoHas = guests === 0 ? '' : ` and ${guests} buckets of others`
      return {
        text: `${name}: ${has}${alsoHas}: ${state ?? 'there'}`,
        isFault: state !== undefined,
      }
    }),
    ...moves.map(({ bucket, from, to }) => ({
      text: `bucket ${bucket}: the move from ${from} to ${to} is not finished: npm run shards -- move goes on with it`,
      isFault: true,
    })),
    ...faultLines,
  ]
}

/** What is wrong with it. */
const stateOf = async (
  map: ShardMap,
  name: string,
  pool: Pool | undefined,
  connectionsNeeded: number,
): Promise<string | undefined> => {
  if (!pool) return 'not in DATABASE_SHARDS'
  try {
    const fault = identityFault(map, name, await readShardIdentity(pool))
    const allowed = await connectionsAllowed(pool)
    if (fault !== undefined || connectionsNeeded <= allowed) return fault
    return `allows ${allowed} connections, and a server and a worker may open ${connectionsNeeded}: raise max_connections, or lower DB_POOL_SIZE or WORKER_POOL_SIZE`
  } catch (error) {
    return `does not answer (${(error as Error).message})`
  }
}

await runIfStarted(import.meta.filename, shards, (config, env) => [
  databaseTarget(config, env),
  ...shardTargets(config, env),
])
