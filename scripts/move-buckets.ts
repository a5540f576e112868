// Moves buckets from shard to shard, one after the other, and first those that an earlier run has begun.

import { setTimeout as delay } from 'node:timers/promises'
import { homeOfBucket, shardOfBucket, shardsUsed } from '../lib/domain/shard-map.ts'
import { bucketCount } from '../lib/domain/todo-id.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import {
  aloneWithMoves,
  beginMove,
  finishMove,
  movesBegun,
  type BegunMove,
} from '../lib/shards/moves.ts'
import { readShardMap } from '../lib/shards/postgres.ts'
import {
  dropBucketIndexes,
  indexBuckets,
  todosByBucket,
} from '../lib/todo-store/move/bucket-rows.ts'
import {
  deleteLeftCopy,
  moveBucket,
  NotMoved,
  shardOfBucketNow,
  type OnStep,
  type Shards,
} from '../lib/todo-store/move/move-bucket.ts'
import type { WantedMoves } from './shards-arguments.ts'

export type MoveParts = Shards & {
  /** Of the database with the map. */
  readonly main: Pool
  /** Another one of it: it is held as long as buckets are moved. */
  readonly lock: Pool
  /** By name, of the shards: an index may take minutes. */
  readonly slow: ReadonlyMap<string, Pool>
  readonly out: (line: string) => void
  readonly onStep?: OnStep
}

/** What keeps a bucket where it is, such as a batch on its way, passes in milliseconds. */
const attemptsMax = 5
const pauseMs = 200

/** Without `wanted`, only those that were begun. Rejects with the first that could not be moved. */
export const moveBuckets = async (parts: MoveParts, wanted?: WantedMoves): Promise<void> => {
  const indexed = new Set<Pool>()
  const isAlone = await aloneWithMoves(parts.lock, async () => {
    for (const begun of await movesBegun(parts.main)) await move(parts, begun, indexed)
    if (wanted) await refuseUnknown(parts, wanted.to)
    for (const bucket of await bucketsOf(parts, wanted))
      await begin(parts, bucket, wanted?.to ?? '', indexed)
    for (const pool of indexed) await dropBucketIndexes(pool)
  })
  if (!isAlone) throw new NotMoved('another process is moving buckets: wait until it is done')
}

/** Read now, when nobody else changes it: it may have left the map since. */
const refuseUnknown = async ({ main }: MoveParts, to: string): Promise<void> => {
  const map = await readShardMap(main)
  if (!map || !shardsUsed(map).has(to))
    throw new NotMoved(`${to} is not in the map: run npm run shards -- add ${to}`)
}

/** As many as are wanted: those that have most todos, for to move one costs the same. */
const bucketsOf = async (
  { main, slow }: MoveParts,
  wanted: WantedMoves | undefined,
): Promise<readonly number[]> => {
  if (!wanted) return []
  if ('buckets' in wanted) return wanted.buckets
  const { count, from } = wanted
  const map = await readShardMap(main)
  const pool = slow.get(from)
  if (!map || !pool) throw new NotMoved(`${from} is not in DATABASE_SHARDS`)
  const todos = await pool.run(todosByBucket)
  const todosIn = (bucket: number) => todos.get(bucket) ?? 0
  return Array.from({ length: bucketCount }, (_, bucket) => bucket)
    .filter((bucket) => shardOfBucket(map, bucket) === from)
    .sort((one, other) => todosIn(other) - todosIn(one) || one - other)
    .slice(0, count)
}

const begin = async (
  parts: MoveParts,
  bucket: number,
  to: string,
  indexed: Set<Pool>,
): Promise<void> => {
  const from = await shardOfBucketNow(parts, bucket)
  if (from === to) return parts.out(`bucket ${bucket}: in ${to} already`)
  const begun = { bucket, from, to }
  await beginMove(parts.main, begun)
  await move(parts, begun, indexed)
}

const move = async (
  parts: MoveParts,
  { bucket, from, to }: BegunMove,
  indexed: Set<Pool>,
): Promise<void> => {
  for (const name of [from, to]) {
    const pool = parts.slow.get(name)
    if (!pool) throw new NotMoved(`${name} is not in DATABASE_SHARDS`)
    if (indexed.has(pool)) continue
    await indexBuckets(pool)
    indexed.add(pool)
  }
  const moved = await attempt(parts, bucket, to)
  await deleteLeftCopy(parts, bucket, from)
  await finishMove(parts.main, bucket, to === homeOfBucket(parts.map, bucket) ? undefined : to)
  const what = moved
    ? `${moved.todos} todos, writes were held for ${Math.ceil(moved.heldMs)} ms`
    : 'it was there already, what was left in the old shard is deleted'
  parts.out(`bucket ${bucket}: ${from} to ${to}: ${what}`)
}

const attempt = async (parts: MoveParts, bucket: number, to: string) => {
  for (let attempts = 1; ; attempts++) {
    try {
      return await moveBucket(parts, bucket, to, parts.onStep)
    } catch (error) {
      if (!(error instanceof NotMoved) || attempts === attemptsMax) throw error
      await delay(pauseMs)
    }
  }
}
