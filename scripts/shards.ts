// npm run shards [-- COMMAND]: which database has which todos. Printed; made, once, for databases that are
// empty or for one that has all; or changed, while todos are written.

import {
  guestsOfShard,
  identityFault,
  mapFault,
  partitionsOfShard,
  shardsUsed,
  shardsWaiting,
  spreadPartitions,
  type ShardMap,
} from '../lib/domain/shard-map.ts'
import { shardConnectionsNeeded } from '../lib/drivers/postgres/budget.ts'
import type { Databases } from '../lib/drivers/postgres/databases.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import { closeShards, openShards, type ShardDatabases } from '../lib/drivers/postgres/shards.ts'
import type { Config } from '../lib/runtime/config/config.ts'
import { databaseTarget, shardTargets } from '../lib/runtime/config/targets.ts'
import { isAdoptionOpen } from '../lib/shards/adopting.ts'
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
import { adopt, finishAdoption, NotAdopted } from './adopt-shard.ts'
import { runIfStarted, runOnDatabase, type Output } from './database-command.ts'
import { moveBuckets } from './move-buckets.ts'
import { add, NotChanged, remove, type MembershipParts } from './shard-membership.ts'
import { parseRequest, usage, type Request, type WantedMoves } from './shards-arguments.ts'

const timeoutMs = 10_000
/** Of a statement over a whole bucket, and how long its partition stays locked by a mover that vanished. */
const moveTimeoutMs = 60_000
/** Of an index on all todos of a shard, and of reading them all. */
const slowTimeoutMs = 6 * 3_600_000

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
        [NotDone, NotMoved, NotChanged, NotAdopted].some((kind) => error instanceof kind)
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
  const isAdopting = request.kind === 'init' && request.adopts !== undefined
  const limitMs = isAdopting ? slowTimeoutMs : request.kind === 'move' ? moveTimeoutMs : timeoutMs
  const pools = new Map(
    [...opened].map(([name, one]) => [name, one.pool('todos', { timeoutMs: limitMs })]),
  )
  const pool = databases.pool('todos', { timeoutMs: isAdopting ? slowTimeoutMs : timeoutMs })
  const lock = databases.pool('one-off', { timeoutMs })
  const parts = { main: pool, lock, pools, log: config.KAFKA_TODO_TOPIC, out }
  try {
    switch (request.kind) {
      case 'init':
        if (request.adopts === undefined)
          await init(pool, pools, request.partitions ?? config.KAFKA_PARTITIONS)
        else await adopt(parts, request.adopts)
        break
      case 'finish-adoption':
        await finishAdoption(parts)
        break
      case 'move':
        await move(parts, opened, request.wanted)
        break
      case 'add':
        await add(parts, request.name)
        break
      case 'remove':
        await remove(parts, request.name)
        break
      case 'print':
    }
    const map = await readShardMap(pool)
    const moves = map ? await movesBegun(pool) : []
    const lines = await describe(map, pools, moves, shardConnectionsNeeded(config))
    for (const { text } of lines) out(text)
    if (map && (await isAdoptionOpen(pool)))
      out(
        `${map.adopted}: was adopted; once all servers and workers are started with DATABASE_SHARDS, npm run shards -- finish-adoption`,
      )
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
  { main, lock, pools, out }: MembershipParts,
  opened: ShardDatabases,
  wanted: WantedMoves | undefined,
): Promise<void> => {
  const map = await readShardMap(main)
  const fault = mapFault(map, [...pools.keys()])
  if (!map || fault !== undefined) throw new NotDone(fault ?? 'there are no shards')
  if (wanted && !pools.has(wanted.to)) throw new NotDone(`${wanted.to} is not in DATABASE_SHARDS`)
  const waiting = shardsWaiting(map, [...pools.keys()])
  for (const [name, pool] of pools) {
    if (waiting.includes(name)) continue
    const wrong = identityFault(map, name, await readShardIdentity(pool))
    if (wrong !== undefined) throw new NotDone(wrong)
  }
  const slow = new Map(
    [...opened].map(([name, one]) => [name, one.pool('one-off', { timeoutMs: slowTimeoutMs })]),
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
  const waiting = shardsWaiting(map, [...pools.keys()])
  const names = [...shardsUsed(map)]
  const states = await Promise.all(
    names.map((name) => stateOf(map, name, pools.get(name), connectionsNeeded)),
  )
  return [
    { text: `map ${map.version}, ${map.shards.length} partitions`, isFault: false },
    ...names.map((name, i) => {
      const state = states[i]
      return {
        text: `${name}: ${contentsLine(map, name)}: ${state ?? 'there'}`,
        isFault: state !== undefined,
      }
    }),
    ...waiting.map((name) => ({
      text: `${name}: not in the map yet: npm run shards -- add ${name}`,
      isFault: false,
    })),
    ...moves.map(({ bucket, from, to }) => ({
      text: `bucket ${bucket}: the move from ${from} to ${to} is not finished: npm run shards -- move goes on with it`,
      isFault: true,
    })),
    ...faultLines,
  ]
}

const contentsLine = (map: ShardMap, name: string): string => {
  const partitions = partitionsOfShard(map, name)
  const guests = guestsOfShard(map, name).length
  if (partitions.length === 0) return `${guests} buckets of others`
  return `partitions ${partitions.join(', ')}${guests === 0 ? '' : ` and ${guests} buckets of others`}`
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
