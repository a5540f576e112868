// Todos in several databases. Each call goes to the shard that the map says, by todo, owner or partition;
// what is of no shard (keys, the registered log, memberships, shares) to the database of accounts. A shard
// that does not answer fails the calls for what it has, and no other.

import { mergeSlices } from '../domain/merge-lists.ts'
import type { RegisteredLog } from '../domain/log-identity.ts'
import {
  guestsOfShard,
  ofShard,
  partitionOfBucket,
  partitionsOfShard,
  shardOfPartition,
  type ShardMap,
} from '../domain/shard-map.ts'
import { bucketOf, bucketOfOwner } from '../domain/todo-id.ts'
import type { Pool } from '../drivers/postgres/pool.ts'
import { createFollow } from './follow.ts'
import { shardTransactions } from './in-shard.ts'
import { partsOf } from './owners.ts'
import { readAnyPersonalTodo, readShareRole } from './personal-todos.ts'
import { createPostgresStore } from './postgres.ts'
import { readTodoOfTeam } from './team-todos.ts'
import type { ReadingStore, TodoStore } from './todo-store.ts'

export type ShardedStore = ReadingStore & {
  /** As worker's batches need it. Throws for a partition that is in no shard. */
  ofPartition(partition: number): TodoStore
  /** Throws for one that DATABASE_SHARDS does not have. */
  ofShard(name: string): TodoStore
  readonly shards: ReadonlyMap<string, TodoStore>
}

export type ShardPools = {
  /** As it is now. Throws while that is not known: then nobody is sent anywhere. */
  readonly map: () => ShardMap
  /** Of the database that has accounts, teams and shares. */
  readonly accounts: Pool
  /** By name: all that the map has. */
  readonly shards: ReadonlyMap<string, Pool>
  /** Of which of them the map does not have yet: nothing is asked of those. */
  readonly isWaiting?: (name: string) => boolean
}

export const createShardedStore = (
  { map, accounts, shards: pools, isWaiting = () => false }: ShardPools,
  wholeListMax = Infinity,
): ShardedStore => {
  const main = createPostgresStore(accounts)
  const shards = new Map(
    [...pools].map(([name, pool]): [string, TodoStore] => [
      name,
      {
        ...createPostgresStore(pool, wholeListMax),
        transaction: shardTransactions(pool, accounts),
      },
    ]),
  )
  const named = (name: string) => ofShard(shards, name)
  const ofPartition = (partition: number): TodoStore => {
    const name = shardOfPartition(map(), partition)
    if (name === undefined) throw new Error(`partition ${partition} is in no shard of the map`)
    return named(name)
  }
  const follow = createFollow(map, pools)
  /** Of a todo, by its id. Undefined: no shard has such a todo. */
  const ofTodo = async <T>(id: string, read: (name: string) => Promise<T | undefined>) => {
    const bucket = bucketOf(id)
    if (bucket !== undefined) return follow(bucket, read, (found) => found !== undefined)
    const { adopted } = map()
    return adopted === undefined ? undefined : read(adopted)
  }
  const poolOf = (name: string) => ofShard(pools, name)
  /** An owner's todos have a version since the first change of one, wherever they are. */
  const ofOwner = <T extends { readonly version: number }>(
    ownerId: string,
    read: (store: TodoStore) => Promise<T>,
  ): Promise<T> =>
    follow(
      bucketOfOwner(ownerId),
      (name) => read(named(name)),
      ({ version }) => version > 0,
    )
  /** A partition of one log, in its home or in a shard with some of its buckets (see the sink); or a team there. */
  const ofSource = (source: string) => {
    const [, shard, partition] = /(?:@([^@/]+))?(?:\/(\d+))?$/.exec(source) ?? []
    return shard === undefined ? ofPartition(Number(partition)) : named(shard)
  }

  const joined = () => [...shards.keys()].filter((name) => !isWaiting(name))
  /** What each answers, with its name. Rejects when none does. */
  const fromAll = async <T>(ask: (store: TodoStore) => Promise<T>) => {
    const names = joined()
    const settled = await Promise.allSettled(names.map((name) => ask(named(name))))
    const answers = settled.flatMap((one, i) =>
      one.status === 'fulfilled' ? [{ name: names[i] as string, answer: one.value }] : [],
    )
    const failed = settled.find((one) => one.status === 'rejected')
    if (answers.length === 0 && failed) throw failed.reason
    const missing = names.filter((name) => !answers.some((one) => one.name === name))
    return { answers, missing }
  }
  /** Rejects when one does not answer, after all have been asked. */
  const onAll = async <T>(ask: (store: TodoStore) => Promise<T>): Promise<T[]> => {
    const settled = await Promise.allSettled(joined().map((name) => ask(named(name))))
    return settled.map((one) => {
      if (one.status === 'rejected') throw one.reason
      return one.value
    })
  }
  /** As each said it last: a shard that is down has applied what it had. */
  const positions = new Map<string, ReadonlyMap<number, number>>()

  return {
    ofPartition,
    ofShard: named,
    shards,
    readTodo: (id, ...rest) => ofTodo(id, (name) => named(name).readTodo(id, ...rest)),
    async readPersonalTodo(userId, id) {
      // The row first: who has a role after that may see what was there before.
      const found = await ofTodo(id, (name) =>
        poolOf(name).run((sql) => readAnyPersonalTodo(sql, userId, id)),
      )
      if (!found) return undefined
      const { row, version } = found
      if (row.user_id === userId) return { row, standing: 'owner', version }
      const role = await accounts.run((sql) => readShareRole(sql, userId, id))
      return role && { row, standing: role, version: undefined }
    },
    async readTeamTodo(teamId, userId, id) {
      const found = await ofTodo(id, (name) =>
        poolOf(name).run((sql) => readTodoOfTeam(sql, teamId, id)),
      )
      if (!found) return undefined
      const isMember = await accounts.run(async (sql) => {
        const rows = await sql`
          SELECT FROM team_members WHERE team_id = ${teamId} AND user_id = ${userId}`
        return rows.count > 0
      })
      return isMember ? found : undefined
    },
    async revisionOf(id) {
      const revision = await ofTodo(
        id,
        async (name) => (await named(name).revisionOf(id)) || undefined,
      )
      return revision ?? 0
    },
    readPage: (page, ...rest) =>
      ofOwner(partsOf(page.owner).id, (store) => store.readPage(page, ...rest)),
    readPersonalSlice: (userId, ...what) =>
      ofOwner(userId, (store) => store.readPersonalSlice(userId, ...what)),
    readTeamSlice: (teamId, ...what) =>
      ofOwner(teamId, (store) => store.readTeamSlice(teamId, ...what)),
    async pagesVersion(owner) {
      const read = await ofOwner(partsOf(owner).id, async (store) => ({
        version: await store.pagesVersion(owner),
      }))
      return read.version
    },
    async readPublicSlice(range) {
      const { answers, missing } = await fromAll((store) => store.readPublicSlice(range))
      const slices = answers.map(({ answer }) => answer)
      return { ...mergeSlices(slices, range.count), missing }
    },
    async outcomesOf(commandIds) {
      const { answers } = await fromAll((store) => store.outcomesOf(commandIds))
      return new Map(answers.flatMap(({ answer }) => [...answer]))
    },
    claimIdempotencyKey: main.claimIdempotencyKey,
    nextOffset: (log, partition) => ofPartition(partition).nextOffset(log, partition),
    positionOf: (log, partition) => ofPartition(partition).positionOf(log, partition),
    numbersOf: (log, partition, publishers) =>
      ofPartition(partition).numbersOf(log, partition, publishers),
    isDeadLetter: (log, partition, offset) =>
      ofPartition(partition).isDeadLetter(log, partition, offset),
    async nextOffsets(log) {
      const { answers } = await fromAll((store) => store.nextOffsets(log))
      for (const { name, answer } of answers) positions.set(name, answer)
      const now = map()
      // What some part of is not applied is not applied; nor is what nobody has said to be.
      const lowest = new Map<number, number>()
      for (const name of shards.keys()) {
        const guests = guestsOfShard(now, name).map((bucket) => partitionOfBucket(now, bucket))
        for (const partition of [...partitionsOfShard(now, name), ...guests]) {
          const next = positions.get(name)?.get(partition) ?? 0
          lowest.set(partition, Math.min(next, lowest.get(partition) ?? Infinity))
        }
      }
      const isKnown = (partition: number) =>
        [...positions.values()].some((one) => one.has(partition))
      return new Map([...lowest].filter(([partition]) => isKnown(partition)))
    },
    registeredLog: main.registeredLog,
    async registerLog(log, found) {
      const partitions = map().shards.length
      if (found.partitions < partitions) {
        throw new Error(
          `the log ${log} has ${found.partitions} partitions and the map of shards ${partitions}: add partitions to it`,
        )
      }
      const spread: typeof found = { ...found, partitions }
      // Shards first: a worker whose shard knows no log would end.
      const known = await onAll((store) => store.registerLog(log, spread))
      const registered = await main.registerLog(log, spread)
      refuseOthers(log, known, registered)
      return registered
    },
    readOutbox: (source, ...rest) => ofSource(source).readOutbox(source, ...rest),
    async outboxSources(olderThanSec) {
      const { answers } = await fromAll((store) => store.outboxSources(olderThanSec))
      return answers.flatMap(({ answer }) => answer)
    },
    clearOutbox: (source, appended) => ofSource(source).clearOutbox(source, appended),
    async prune(olderThanSec) {
      const pruned = [
        await main.prune(olderThanSec),
        ...(await onAll((store) => store.prune(olderThanSec))),
      ]
      return pruned.reduce((sum, one) => sum + one, 0)
    },
    ping: main.ping,
    connectionsAllowed: main.connectionsAllowed,
    async close() {
      await Promise.all([main.close(), ...[...shards.values()].map((store) => store.close())])
    },
  }
}

/** One that was restored from a backup may know another log than the others. */
const refuseOthers = (
  log: string,
  known: readonly RegisteredLog[],
  { identity }: RegisteredLog,
): void => {
  const other = known.find((one) => one.identity !== identity)
  if (other) {
    throw new Error(
      `a shard knows the log ${log} as ${other.identity}, and the map's database as ${identity}`,
    )
  }
}
