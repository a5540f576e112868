// Moves one bucket from a shard to another while its commands come. The row of its partition's position in
// the home is locked meanwhile: nothing of the partition is applied anywhere, and a worker waits there.
//
// Transactions are committed in this order: where the bucket goes, its home, where it was. The home's
// decides: before it nothing has happened but a copy that nobody asks for, after it what is left is to be
// deleted. Two of the three are often one. Whoever moves may die anywhere; begun anew, it goes on.

import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { homeOfBucket, partitionOfBucket, type ShardMap } from '../../domain/shard-map.ts'
import { keepingAlive } from '../../drivers/postgres/keep-alive.ts'
import type { Pool, Sql } from '../../drivers/postgres/pool.ts'
import { shardElsewhere } from '../follow.ts'
import { copyBucket, deleteBucket, lockBucket, readBucket } from './bucket-rows.ts'

export type Shards = {
  readonly map: ShardMap
  /** By name. */
  readonly pools: ReadonlyMap<string, Pool>
}

/** Told of before it is done: whoever throws has died there. */
export type MoveStep =
  | 'lock'
  | 'copy'
  | 'verify'
  | 'commit copy'
  | 'commit move'
  | 'commit deletion'
  | 'moved'
export type OnStep = (step: MoveStep) => void | Promise<void>

export type Moved = {
  readonly todos: number
  /** While nothing of the partition was applied. */
  readonly heldMs: number
}

/** Nothing was moved; the message says why. */
export class NotMoved extends Error {}

/** Another part of the batch that the home has just applied is being applied. */
const partsInStepMsMax = 2_000
const pollIntervalMs = 5

/** Where it is, as its home says. */
export const shardOfBucketNow = async ({ map, pools }: Shards, bucket: number): Promise<string> => {
  const home = homeOfBucket(map, bucket)
  return (await poolNamed(pools, home).run((sql) => shardElsewhere(sql, bucket))) ?? home
}

/** Undefined: it was there already. */
export const moveBucket = async (
  shards: Shards,
  bucket: number,
  to: string,
  onStep: OnStep = () => {},
): Promise<Moved | undefined> => {
  const { map, pools } = shards
  const home = homeOfBucket(map, bucket)
  const from = await shardOfBucketNow(shards, bucket)
  if (from === to) return undefined
  const partition = partitionOfBucket(map, bucket)
  const sessions = new Map<string, Sql>()
  /** In its transaction, which is begun if it is not. */
  const inShard = <T>(name: string, work: (sql: Sql) => Promise<T>): Promise<T> => {
    const open = sessions.get(name)
    if (open) return work(open)
    return poolNamed(pools, name).transaction(
      async (sql) => {
        sessions.set(name, sql)
        return keepingAlive(sql, () => work(sql))
      },
      { timeoutMs: Infinity },
    )
  }

  const move = randomUUID()
  let heldMs = 0
  let todos = 0
  await inShard(from, async (source) => {
    await inShard(home, async (decisive) => {
      await onStep('lock')
      const startedMs = performance.now()
      const positions = await lockPositions(decisive, partition)
      if (((await shardElsewhere(decisive, bucket)) ?? home) !== from)
        throw new NotMoved(`bucket ${bucket} is being moved by another process`)
      if (from !== home) await lockInStep(source, partition, positions)
      await lockBucket(source, bucket)
      const rows = await readBucket(source, bucket)

      await inShard(to, async (destination) => {
        if (to !== home) {
          const isGuestHouse = await hasGuests(decisive, partition, to)
          if (isGuestHouse) await lockInStep(destination, partition, positions)
          else await joinPartition(decisive, destination, partition)
        }
        await deleteCopy(destination, bucket) // that was never used
        if (to !== home)
          await destination`INSERT INTO guest_buckets (bucket, move) VALUES (${bucket}, ${move})`
        await onStep('copy')
        await copyBucket(source, destination, bucket)
        await onStep('verify')
        const copied = await readBucket(destination, bucket)
        if (copied.checksum !== rows.checksum)
          throw new NotMoved(`the copy of bucket ${bucket} in ${to} is not what ${from} has`)
        await raiseLists(destination)
        if (to !== home) await onStep('commit copy')
      })

      todos = rows.counts.get('todos') ?? 0
      await setElsewhere(decisive, bucket, partition, to === home ? undefined : { shard: to, move })
      if (from === home) await deleteAll(source, bucket, rows.counts)
      await onStep('commit move')
      heldMs = performance.now() - startedMs
    })
    if (from === home) return
    await deleteCopy(source, bucket)
    await raiseLists(source)
    await onStep('commit deletion')
  })
  await onStep('moved')
  return { todos, heldMs }
}

/** Deletes what an interrupted move has left in a shard that does not have the bucket. */
export const deleteLeftCopy = async (
  { map, pools }: Shards,
  bucket: number,
  name: string,
): Promise<void> => {
  const home = homeOfBucket(map, bucket)
  if (name === home) return // it is deleted there by the move itself
  await poolNamed(pools, home).transaction(async (decisive) => {
    // Under the lock of a move: none is on its way.
    await lockPositions(decisive, partitionOfBucket(map, bucket))
    if ((await shardElsewhere(decisive, bucket)) === name) return
    await poolNamed(pools, name).transaction(async (sql) => {
      await deleteCopy(sql, bucket)
      await raiseLists(sql)
    })
  })
}

/** In a shard that is not the bucket's home. */
const deleteCopy = async (sql: Sql, bucket: number): Promise<void> => {
  await deleteBucket(sql, bucket)
  await sql`DELETE FROM guest_buckets WHERE bucket = ${bucket}`
}

const poolNamed = (pools: ReadonlyMap<string, Pool>, name: string): Pool => {
  const pool = pools.get(name)
  if (!pool) throw new NotMoved(`${name} is not in DATABASE_SHARDS`)
  return pool
}

/** Of each log: nearly always there is one. */
type Positions = ReadonlyMap<string, number>

const positionsOf = async (sql: Sql, partition: number, lock = sql``): Promise<Positions> => {
  const rows = await sql<{ log: string; next_offset: string }[]>`
    SELECT log, next_offset FROM command_offsets
    WHERE partition = ${partition} AND log NOT LIKE '(%' ORDER BY log ${lock}`
  return new Map(rows.map((row) => [row.log, Number(row.next_offset)]))
}

/** Nothing of the partition is applied until the transaction has ended, by no worker. */
const lockPositions = async (sql: Sql, partition: number): Promise<Positions> => {
  // One of which nothing was applied has a row now, too.
  await sql`
    INSERT INTO command_offsets (log, partition, next_offset)
    SELECT log, ${partition}, 0 FROM command_logs ORDER BY log ON CONFLICT DO NOTHING`
  return positionsOf(sql, partition, sql`FOR UPDATE`)
}

/** A worker applies what is for the home first: what it has not applied here yet comes in a moment. */
const lockInStep = async (sql: Sql, partition: number, positions: Positions): Promise<void> => {
  const deadlineMs = performance.now() + partsInStepMsMax
  const isInStep = (here: Positions) =>
    [...positions].every(([log, position]) => (here.get(log) ?? 0) === position)
  while (!isInStep(await positionsOf(sql, partition))) {
    if (performance.now() > deadlineMs)
      throw new NotMoved(
        `partition ${partition} is not applied in all of its shards: start a worker, then try again`,
      )
    await delay(pollIntervalMs)
  }
  if (!isInStep(await positionsOf(sql, partition, sql`FOR UPDATE`)))
    throw new NotMoved(`partition ${partition} went on while it was locked`)
}

const hasGuests = async (sql: Sql, partition: number, shard: string): Promise<boolean> => {
  const rows = await sql`
    SELECT FROM buckets_elsewhere WHERE partition = ${partition} AND shard = ${shard} LIMIT 1`
  return rows.count > 0
}

/** A shard that has nothing of the partition yet is where the home is: with its numbers, too. */
const joinPartition = async (home: Sql, sql: Sql, partition: number): Promise<void> => {
  const [known] = await home<{ logs: string; offsets: string; numbers: string }[]>`
    SELECT (SELECT coalesce(json_agg(json_build_object(
        'log', log, 'identity', identity, 'partitions', partitions)), '[]')
        FROM command_logs)::text AS logs,
      (SELECT coalesce(json_agg(json_build_object('log', log, 'next_offset', next_offset)), '[]')
        FROM command_offsets WHERE partition = ${partition} AND log NOT LIKE '(%')::text AS offsets,
      (SELECT coalesce(json_agg(known), '[]') FROM publisher_numbers AS known
        WHERE partition = ${partition})::text AS numbers`
  // One that was registered when the shard joined the map is not known there.
  await sql`
    INSERT INTO command_logs (log, identity, partitions)
    SELECT * FROM json_to_recordset(${known?.logs ?? '[]'}::text::json)
      AS of (log text, identity text, partitions int)
    ON CONFLICT DO NOTHING`
  await sql`
    INSERT INTO command_offsets (log, partition, next_offset)
    SELECT log, ${partition}::int, next_offset
    FROM json_to_recordset(${known?.offsets ?? '[]'}::text::json) AS of (log text, next_offset bigint)
    ORDER BY log
    ON CONFLICT (log, partition) DO UPDATE SET next_offset = excluded.next_offset`
  await sql`DELETE FROM publisher_numbers WHERE partition = ${partition}`
  await sql`
    INSERT INTO publisher_numbers
    SELECT * FROM json_populate_recordset(
      NULL::publisher_numbers, ${known?.numbers ?? '[]'}::text::json)`
}

/** A worker that has read what was there before compares the count of moves, and reads it again. */
const setElsewhere = async (
  sql: Sql,
  bucket: number,
  partition: number,
  there: { readonly shard: string; readonly move: string } | undefined,
): Promise<void> => {
  if (there === undefined) await sql`DELETE FROM buckets_elsewhere WHERE bucket = ${bucket}`
  else
    await sql`
      INSERT INTO buckets_elsewhere (bucket, partition, shard, move)
      VALUES (${bucket}, ${partition}, ${there.shard}, ${there.move})
      ON CONFLICT (bucket) DO UPDATE SET shard = excluded.shard, move = excluded.move`
  await sql`
    UPDATE command_offsets SET moves = moves + 1
    WHERE partition = ${partition} AND log NOT LIKE '(%'`
}

/** Exactly the rows that were compared. */
const deleteAll = async (
  sql: Sql,
  bucket: number,
  expected: ReadonlyMap<string, number>,
): Promise<void> => {
  const deleted = await deleteBucket(sql, bucket)
  for (const [table, count] of expected) {
    if (deleted.get(table) !== count)
      throw new NotMoved(`${table} of bucket ${bucket} changed while it was moved`)
  }
  await raiseLists(sql)
}

/** In the transaction that changes them, as each batch does: see sql/008. */
const raiseLists = async (sql: Sql): Promise<void> => {
  await sql`
    INSERT INTO list_versions AS stored (log, partition, changes) VALUES ('(moves)', 0, 1)
    ON CONFLICT (log, partition) DO UPDATE SET changes = stored.changes + 1`
}
