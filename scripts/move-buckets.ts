// Moves buckets from shard to shard, one after the other, and first those that an earlier run has begun.

import { setTimeout as delay } from 'node:timers/promises'
import {
  homeOfBucket,
  ofShard,
  shardOfBucket,
  shardsUsed,
  type ShardMap,
} from '../lib/domain/shard-map.ts'
import { bucketCount } from '../lib/domain/todo-id.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import { makesIdsWithoutBucket } from '../lib/shards/adopting.ts'
import {
  aloneWithMoves,
  beginMove,
  finishMove,
  movesBegun,
  type BegunMove,
} from '../lib/shards/moves.ts'
import { readShardMap } from '../lib/shards/postgres.ts'
import {
  bucketsThatStay,
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
    if (wanted) await begin(parts, wanted, indexed)
    for (const pool of indexed) await dropBucketIndexes(pool)
  })
  if (!isAlone) throw new NotMoved('another process is moving buckets: wait until it is done')
}

const begin = async (parts: MoveParts, wanted: WantedMoves, indexed: Set<Pool>): Promise<void> => {
  const { main, out } = parts
  const { to } = wanted
  // Read now, when nobody else changes it: the shard may have left it since.
  const map = await readShardMap(main)
  if (!map || !shardsUsed(map).has(to))
    throw new NotMoved(`${to} is not in the map: run npm run shards -- add ${to}`)
  const stay = await createStay(parts, map)
  const buckets =
    'buckets' in wanted ? wanted.buckets : await fullest(parts, map, wanted, stay(wanted.from))
  for (const bucket of buckets) {
    const from = await shardOfBucketNow(parts, bucket)
    if (from === to) {
      out(`bucket ${bucket}: in ${to} already`)
      continue
    }
    if ((await stay(from)).has(bucket))
      throw new NotMoved(
        `bucket ${bucket} stays in ${from}: an owner of its todos has others there, whose ids have no bucket`,
      )
    const begun = { bucket, from, to }
    await beginMove(main, begun)
    await move(parts, begun, indexed)
  }
}

/** As many as are wanted: those that have most todos, for to move one costs nearly the same. */
const fullest = async (
  { slow, out }: MoveParts,
  map: ShardMap,
  { count, from }: { readonly count: number; readonly from: string },
  staying: Promise<ReadonlySet<number>>,
): Promise<number[]> => {
  const todos = await ofShard(slow, from).run(todosByBucket)
  const todosIn = (bucket: number) => todos.get(bucket) ?? 0
  const stay = await staying
  if (stay.size > 0)
    out(`${stay.size} buckets stay in ${from}: their owners have todos whose ids have no bucket`)
  return Array.from({ length: bucketCount }, (_, bucket) => bucket)
    .filter((bucket) => shardOfBucket(map, bucket) === from && !stay.has(bucket))
    .sort((one, other) => todosIn(other) - todosIn(one) || one - other)
    .slice(0, count)
}

/** Which buckets of a shard stay there. None but in the one that was adopted, which is looked at once. */
const createStay = async ({ main, slow }: MoveParts, { adopted }: ShardMap) => {
  const isUndecided = adopted !== undefined && (await makesIdsWithoutBucket(main))
  let known: Promise<ReadonlySet<number>> | undefined
  return (from: string): Promise<ReadonlySet<number>> => {
    if (from !== adopted) return Promise.resolve(new Set())
    if (isUndecided)
      throw new NotMoved(
        'ids without a bucket may still be made: run npm run shards -- finish-adoption, and wait for a minute',
      )
    return (known ??= ofShard(slow, from).run(bucketsThatStay))
  }
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
