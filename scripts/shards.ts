// npm run shards [-- init]: which database has which todos. Printed; or made, once, for databases that
// are empty.

import {
  identityFault,
  mapFault,
  partitionsOfShard,
  spreadPartitions,
  type ShardMap,
} from '../lib/domain/shard-map.ts'
import { shardConnectionsNeeded } from '../lib/drivers/postgres/budget.ts'
import type { Databases } from '../lib/drivers/postgres/databases.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import { closeShards, openShards } from '../lib/drivers/postgres/shards.ts'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import { databaseTarget, shardTargets } from '../lib/runtime/config/targets.ts'
import {
  beginShardMap,
  connectionsAllowed,
  contentsOf,
  finishShardMap,
  nameShard,
  readShardIdentity,
  readShardMap,
} from '../lib/shards/postgres.ts'
import { parseOptions, UsageError } from './command-line.ts'
import { confirmTargets, yesOption } from './confirm.ts'
import { runOnDatabase, type Output } from './database-command.ts'

const usage = `usage: npm run shards [-- init [--partitions N]] [-- --yes]
Prints which shard of DATABASE_SHARDS has which partitions of the command log, and whether each is there.
  init              makes the map, and names each shard: DATABASE_URL and all shards must be migrated and
                    empty; begun anew after a failure, it goes on
  --partitions N    of the command log; KAFKA_PARTITIONS without it
  -y, --yes         write to the default database, where DATABASE_URL is not set
Exit codes: 0 done, 1 failed, or a shard is not as the map says, 2 wrong usage, or not told where to write.`

const timeoutMs = 10_000

type Request =
  | { readonly kind: 'print' }
  | {
      readonly kind: 'init'
      readonly partitions: number | undefined
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
        error instanceof NotDone
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
  const pools = new Map([...opened].map(([name, one]) => [name, one.pool('todos', { timeoutMs })]))
  const pool = databases.pool('todos', { timeoutMs })
  try {
    if (request.kind === 'init')
      await init(pool, pools, request.partitions ?? config.KAFKA_PARTITIONS)
    const map = await readShardMap(pool)
    const lines = await describe(map, pools, shardConnectionsNeeded(config))
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
  await finishShardMap(pool, spreadPartitions(partitions, [...pools.keys()]))
}

type Line = { readonly text: string; readonly isFault: boolean }

const describe = async (
  map: ShardMap | undefined,
  pools: ShardPools,
  connectionsNeeded: number,
): Promise<Line[]> => {
  const fault = mapFault(map, [...pools.keys()])
  const faultLines = fault === undefined ? [] : [{ text: fault, isFault: true }]
  if (!map) {
    return fault === undefined
      ? [{ text: 'there are no shards: all todos are in DATABASE_URL', isFault: false }]
      : faultLines
  }
  const names = [...new Set(map.shards)]
  const states = await Promise.all(
    names.map((name) => stateOf(map, name, pools.get(name), connectionsNeeded)),
  )
  return [
    { text: `map ${map.version}, ${map.shards.length} partitions`, isFault: false },
    ...names.map((name, i) => {
      const state = states[i]
      const has = `partitions ${partitionsOfShard(map, name).join(', ')}`
      return { text: `${name}: ${has}: ${state ?? 'there'}`, isFault: state !== undefined }
    }),
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

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await shards(process.argv.slice(2), () => readConfigOrExit('script'), {
    out: (line) => console.log(line),
    err: (line) => console.error(line),
    confirm: (config, isConfirmed) =>
      confirmTargets(
        [databaseTarget(config, process.env), ...shardTargets(config, process.env)],
        isConfirmed,
      ),
  })
}
