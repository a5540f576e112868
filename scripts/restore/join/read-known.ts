// What each database says of where buckets are, and which of them went back in time: read for those who
// decide. All must answer, for what one has is needed to judge another.

import { restoredTo, type ShardIdentity } from '../../../lib/domain/shard-map.ts'
import type { Pool } from '../../../lib/drivers/postgres/pool.ts'
import { readShardIdentity } from '../../../lib/shards/postgres.ts'
import type { Known, Place } from './decide-places.ts'

export type KnownOf = Known & {
  /** By shard: the moment that it is of. */
  readonly moments: ReadonlyMap<string, Date>
}

/** Undefined: there are no shards. */
export const readKnown = async (
  main: Pool,
  pools: ReadonlyMap<string, Pool>,
  log: string,
): Promise<KnownOf | undefined> => {
  const map = await readMain(main)
  if (!map) return undefined
  const homeless = map.homes.find((name) => !pools.has(name))
  if (homeless !== undefined)
    throw new Error(`the map has the shard ${homeless}: add it to DATABASE_SHARDS`)
  const moments = new Map<string, Date>()
  const elsewhere = new Map<string, ReadonlyMap<number, Place>>()
  const guests = new Map<string, ReadonlyMap<number, string>>()
  const positions = new Map<string, ReadonlyMap<number, number>>()
  for (const [name, pool] of pools) {
    const identity = await readShardIdentity(pool).catch((error: unknown) => {
      throw new Error(`the shard ${name} does not answer: ${(error as Error).message}`, {
        cause: error,
      })
    })
    if (!identity && !map.homes.includes(name)) continue // it waits to be added
    const moment = momentOf(map.installation, name, identity)
    if (moment) moments.set(name, moment)
    const found = await readShard(pool, log).catch((error: unknown) => {
      if (!noSuchTable.has(String((error as { readonly code?: unknown }).code))) throw error
      throw new Error(`${name} has the tables of an older release: run npm run migrate`, {
        cause: error,
      })
    })
    // Of partitions that it is not the home of, nothing.
    const isHome = (bucket: number) => map.homes[bucket % map.homes.length] === name
    elsewhere.set(name, new Map([...found.elsewhere].filter(([bucket]) => isHome(bucket))))
    guests.set(name, found.guests)
    positions.set(name, found.positions)
  }
  return { ...map, moments, restored: new Set(moments.keys()), elsewhere, guests, positions }
}

/** Or column. */
const noSuchTable = new Set(['42P01', '42703'])

const readMain = (main: Pool) =>
  main.run(async (sql) => {
    const [row] = await sql<
      {
        installation: string
        version: string
        homes: string[]
        moved: [number, string][]
        begun: [number, { from: string; to: string }][]
      }[]
    >`
      SELECT installation, version,
        to_json(ARRAY(SELECT shard FROM shard_partitions ORDER BY partition)) AS homes,
        (SELECT coalesce(json_agg(json_build_array(bucket, shard)), '[]') FROM shard_buckets) AS moved,
        (SELECT coalesce(json_agg(json_build_array(bucket, json_build_object(
          'from', from_shard, 'to', to_shard))), '[]') FROM shard_moves) AS begun
      FROM shard_map WHERE version <> 0`
    return (
      row && {
        installation: row.installation,
        isMainRestored: Number(row.version) < 0,
        homes: row.homes,
        moved: new Map(row.moved),
        begun: new Map(row.begun),
      }
    )
  })

/** Undefined: it did not go back. Throws where it is another database. */
const momentOf = (
  installation: string,
  name: string,
  found: ShardIdentity | undefined,
): Date | undefined => {
  const restored = found && restoredTo(found.name)
  if (found?.installation === installation && (restored?.name ?? found.name) === name)
    return restored && new Date(restored.to)
  throw new Error(`${name} in DATABASE_SHARDS leads to another database: set its URL`)
}

const readShard = (pool: Pool, log: string) =>
  pool.run(async (sql) => {
    const [row] = await sql<
      {
        elsewhere: [number, { shard: string; move: string | null }][]
        guests: [number, string][]
        positions: [number, number][]
      }[]
    >`
      SELECT (SELECT coalesce(json_agg(json_build_array(bucket, json_build_object(
          'shard', shard, 'move', move))), '[]') FROM buckets_elsewhere) AS elsewhere,
        (SELECT coalesce(json_agg(json_build_array(bucket, move)), '[]') FROM guest_buckets) AS guests,
        (SELECT coalesce(json_agg(json_build_array(partition, next_offset)), '[]')
          FROM command_offsets WHERE log = ${log}) AS positions`
    if (!row) throw new Error('a query of aggregates gives one row')
    return {
      elsewhere: new Map(
        row.elsewhere.map(([bucket, { shard, move }]): [number, Place] => [
          bucket,
          { shard, move: move ?? undefined },
        ]),
      ),
      guests: new Map(row.guests),
      positions: new Map(row.positions),
    }
  })
