// Buckets are moved between three shards while commands of many owners are applied by workers that race,
// crash and lose answers, and the mover is killed at each of its steps. In the end each acknowledged command
// was applied once, in its todo's order, each row is in one shard, and no page's version has gone back. A fourth
// shard joins on the way, gets buckets, and leaves in the end; who adds or removes it is killed at each step.
// SHARD_MOVES: how many moves; 8 without, one for each step of the mover, and one that it survives.

import t, { type Test } from 'tap'
import { createHomes } from '../../lib/command-log/homes.ts'
import { fnv1a } from '../../lib/command-log/postgres-partition.ts'
import type { LogRecord } from '../../lib/command-log/command-log.ts'
import { encodeCommand, type Command } from '../../lib/domain/command.ts'
import { shardOfBucket, spreadPartitions } from '../../lib/domain/shard-map.ts'
import { bucketCount, bucketOf, bucketOfOwner } from '../../lib/domain/todo-id.ts'
import type { TodoRow } from '../../lib/domain/todo.ts'
import { createPool, type Pool } from '../../lib/drivers/postgres/pool.ts'
import { contentsOfShard } from '../../lib/shards/membership.ts'
import { beginShardMap, finishShardMap, readShardMap } from '../../lib/shards/postgres.ts'
import { movesBegun } from '../../lib/shards/moves.ts'
import { shardOfBucketNow, type MoveStep } from '../../lib/todo-store/move/move-bucket.ts'
import { createShardedStore } from '../../lib/todo-store/sharded.ts'
import { moveBuckets } from '../../scripts/move-buckets.ts'
import { add, remove, type MembershipStep } from '../../scripts/shard-membership.ts'
import { seeded } from '../../testing/seeded.ts'
import { testDatabase } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { applyBatch } from './apply.ts'
import { fold } from './fold.ts'
import { createSink } from './sink.ts'

type Random = ReturnType<typeof seeded>

const log = 'log'
const partitions = 4
const found = { identity: 'kafka:cluster:topic', partitions }
const names = ['a', 'b', 'c']
const joiner = 'd'
/** All that settings name. */
const named = [...names, joiner]
const owners = Array.from({ length: 12 }, (_, i) => `owner-${i}`)
const moves = Number(process.env['SHARD_MOVES'] ?? 8)

const open = async (t: Test) => {
  const urls = await Promise.all(Array.from({ length: 1 + named.length }, () => testDatabase(t)))
  const opened: Pool[] = []
  const poolTo = (url = '', poolSize = 4) => {
    const pool = createPool({ url, poolSize, timeoutMs: 20_000 })
    opened.push(pool)
    return pool
  }
  t.teardown(() => Promise.all(opened.map((pool) => pool.close())))
  const main = poolTo(urls[0])
  const shards = () => new Map(named.map((name, i) => [name, poolTo(urls[i + 1], 6)]))
  await beginShardMap(main)
  await finishShardMap(main, spreadPartitions(partitions, names))
  const map = await readShardMap(main)
  if (!map) throw new Error('there is no map')
  const pools = shards()
  // Never told of a move: it goes by a map that is as old as can be.
  const store = createShardedStore({
    map: () => map,
    accounts: main,
    shards: pools,
    isWaiting: (name) => name === joiner,
  })
  await store.registerLog(log, found)
  const moving = shards()
  const parts = { map, pools: moving, slow: moving, main, lock: main, out: () => {} }
  return { main, map, pools, store, parts }
}
type Opened = Awaited<ReturnType<typeof open>>

/** Commands as a server publishes them; which of them there is in the log twice. */
const createPublisher = (random: Random) => {
  const homes = createHomes(() => partitions, fnv1a)
  const records = Array.from({ length: partitions }, (): LogRecord[] => [])
  const commands = Array.from({ length: partitions }, (): Command[] => [])
  const todos: { todoId: string; userId: string; isPersonal?: true }[] = []
  let made = 0
  const next = (): Command => {
    const commandId = `command-${++made}`
    const kept = random.below(3) === 0 && { keepsOutcome: true as const }
    const known = todos[random.below(todos.length * 2 + 1)]
    if (!known) {
      const userId = owners[random.below(owners.length)] as string
      const isPersonal = random.below(3) > 0
      const todo = {
        todoId: homes.newTodoId(isPersonal ? userId : undefined),
        userId,
        ...(isPersonal && { isPersonal: true as const }),
      }
      homes.sending()
      todos.push(todo)
      const title = `made ${made}`
      return {
        commandId,
        ...todo,
        ...kept,
        atMs: Date.now(),
        kind: 'create',
        title,
        description: '',
      }
    }
    const envelope = { commandId, ...known, ...kept, atMs: Date.now() }
    if (random.below(10) === 0) return { ...envelope, kind: 'delete' }
    return { ...envelope, kind: 'update', change: { title: `changed ${made}` } }
  }
  const append = (command: Command, stamp: { by: string; number: number } | undefined) => {
    const partition = homes.partitionOf(command.todoId)
    const offset = (records[partition] as LogRecord[]).length
    records[partition]?.push({ offset, value: Buffer.from(encodeCommand(command, stamp)) })
    return partition
  }
  let number = 0
  const repeated: [Command, { by: string; number: number } | undefined][] = []
  return {
    records,
    commands,
    todos,
    publish(count: number) {
      for (let i = 0; i < count; i++) {
        const command = next()
        // Those without a number are known by their outcome.
        const stamp = random.below(4) > 0 ? { by: 'server0000000000', number: ++number } : undefined
        commands[append(command, stamp)]?.push(command)
        // Again, with the same number, or under another one: later, and never as the first.
        if (random.below(6) === 0 && (stamp === undefined || command.keepsOutcome))
          repeated.push([command, undefined])
        const again = random.below(4) === 0 && repeated[random.below(repeated.length)]
        if (again) append(...again)
      }
    },
  }
}
type Publisher = ReturnType<typeof createPublisher>

const createWorkers = ({ store }: Opened, { records }: Publisher, random: Random) => {
  const createWorker = () =>
    createSink({
      log,
      store: store.ofPartition(0),
      shards: {
        storeOf: store.ofPartition,
        isDown: () => false,
        isDownNow: () => Promise.resolve(false),
        named: {
          storeOf: (shard) => store.shards.get(shard) as never,
          isDown: () => false,
          isDownNow: () => Promise.resolve(false),
        },
      },
      onApplied: () => {},
      logger: silentLog,
      async apply(...batch) {
        const isLost = random.below(40) === 0
        if (isLost && random.below(2) === 0) throw new Error('the request was lost')
        const result = await applyBatch(...batch)
        if (isLost) throw new Error('the answer was lost')
        return result
      },
    })
  const workers = [createWorker(), createWorker()]
  const nexts = records.map(() => 0)
  const deliver = async (partition: number) => {
    const all = records[partition] as LogRecord[]
    const next = nexts[partition] as number
    const from = Math.max(0, next - random.below(4))
    const some = all.slice(from, next + 1 + random.below(15))
    if (next >= all.length) return
    const which = random.below(workers.length)
    if (random.below(30) === 0) workers[which] = createWorker() // it was killed
    const delivery = {
      partition,
      records: some,
      endOffset: all.length,
      foundLog: () => Promise.resolve(found),
      abandoned: () => false,
      inDoubt: random.below(5) === 0,
    }
    const worker = workers[which] as (typeof workers)[number]
    // The other one does not know yet that it has lost the partition.
    const zombie = random.below(8) === 0 && workers[1 - which]?.(delivery)
    const result = await worker(delivery)
    if (zombie) await zombie
    if (result.kind === 'applied') nexts[partition] = from + some.length
    else if (result.kind === 'gap') nexts[partition] = result.expectedOffset
    else throw new Error(JSON.stringify(result))
  }
  return {
    async run(isOver: () => boolean, publish: () => void) {
      await Promise.all(
        records.map(async (all, partition) => {
          while (!isOver() || (nexts[partition] as number) < all.length) {
            if (!isOver()) publish()
            await deliver(partition)
          }
        }),
      )
    },
  }
}

/** What a user sees: never an older version, never a todo twice. */
const watchPages = async ({ store }: Opened, isOver: () => boolean, t: Test, random: Random) => {
  const versions = new Map<string, number>()
  let reads = 0
  while (!isOver()) {
    const owner = owners[random.below(owners.length)] as string
    const page = await store.readPage({ owner: `user:${owner}`, limit: 100, page: 1 })
    const ids = (JSON.parse(page.body.toString()) as { id: string }[]).map(({ id }) => id)
    if (new Set(ids).size !== ids.length || ids.length !== Math.min(page.total, 100))
      t.fail(`${owner}: ${ids.length} of ${page.total}`)
    const before = versions.get(owner) ?? 0
    if (page.version < before) t.fail(`${owner}: version ${page.version} after ${before}`)
    versions.set(owner, page.version)
    reads++
  }
  return { reads, versions }
}

const steps: readonly MoveStep[] = [
  'lock',
  'copy',
  'verify',
  'commit copy',
  'commit move',
  'commit deletion',
  'moved',
]
const killedAt = new Map<MoveStep | MembershipStep, number>()

/** Again and again: the first time it dies at its first step, and so on. */
const changeMembership = async (change: typeof add, { parts }: Opened): Promise<void> => {
  for (let survived = 0; ; survived++) {
    let steps = 0
    const onStep = (step: MembershipStep) => {
      if (steps++ < survived) return
      killedAt.set(step, (killedAt.get(step) ?? 0) + 1)
      throw new Error(`killed at ${step}`)
    }
    try {
      return await change({ ...parts, onStep }, joiner)
    } catch (error) {
      if (!(error as Error).message.startsWith('killed at')) throw error
    }
  }
}

const moveAtRandom = async (
  opened: Opened,
  buckets: () => number[],
  random: Random,
): Promise<void> => {
  const { parts } = opened
  const first = random.below(steps.length + 1)
  const joinsAt = random.below(moves - 2)
  for (let move = 0; move < moves; move++) {
    if (move === joinsAt) await changeMembership(add, opened)
    const known = buckets()
    const bucket = known[random.below(known.length)] as number
    const from = await shardOfBucketNow(parts, bucket)
    const others = (move < joinsAt ? names : named).filter((name) => name !== from)
    // What has just joined gets the first.
    const to = move === joinsAt ? joiner : (others[random.below(others.length)] as string)
    const wanted = { buckets: [bucket], to }
    const lastStep = steps[(first + move) % (steps.length + 1)]
    const onStep = (step: MoveStep) => {
      if (step !== lastStep) return
      killedAt.set(step, (killedAt.get(step) ?? 0) + 1)
      throw new Error(`killed at ${step}`)
    }
    try {
      await moveBuckets({ ...parts, onStep }, wanted)
    } catch (error) {
      if (!(error as Error).message.startsWith('killed at')) throw error
      // Half of them are left as they are for a while.
      if (random.below(2) === 0) await moveBuckets(parts)
    }
  }
  await moveBuckets(parts)
}

/** Whatever it has goes to others, and it goes. */
const leave = async (opened: Opened): Promise<void> => {
  const { main, parts } = opened
  const [moved] = [...((await readShardMap(main))?.moved ?? [])].filter(([, at]) => at === joiner)
  if (moved) await t.rejects(remove(parts, joiner), /has/)
  await moveBuckets(parts, { count: bucketCount, from: joiner, to: 'a' })
  await changeMembership(remove, opened)
}

t.test('buckets are moved while their commands come, and nothing is lost or doubled', async (t) => {
  const random = seeded(t)
  const opened = await open(t)
  const { main, pools, store, parts } = opened
  const publisher = createPublisher(random)
  publisher.publish(100)
  const workers = createWorkers(opened, publisher, random)
  let isOver = false
  const buckets = () => [
    ...owners.map(bucketOfOwner),
    ...publisher.todos.slice(-20).map(({ todoId }) => bucketOf(todoId) as number),
  ]
  const [, , watched] = await Promise.all([
    moveAtRandom(opened, buckets, random)
      .then(() => leave(opened))
      .finally(() => (isOver = true)),
    workers.run(
      () => isOver,
      () => publisher.publish(random.below(3)),
    ),
    watchPages(opened, () => isOver, t, random),
  ])
  t.comment(`killed at ${JSON.stringify([...killedAt])}, ${watched.reads} pages read`)
  t.comment(`${publisher.records.reduce((sum, all) => sum + all.length, 0)} records`)

  t.same(await movesBegun(main), [])
  const left = pools.get(joiner)
  t.same(left && (await contentsOfShard(left)), [])
  const now = await readShardMap(main)
  if (!now) throw new Error('there is no map')
  t.comment(`${now.moved?.size} buckets are elsewhere, map ${now.version}`)
  const expected = publisher.commands.map((commands) => fold(new Map(), commands))
  const rows = expected
    .flatMap(({ changes }) => changes.inserts)
    .sort((one, other) => (one.id < other.id ? -1 : 1))
  const stored: TodoRow[] = []
  const outcomes = new Map<string, string>()
  for (const [name, pool] of pools) {
    const here = await pool.run((sql) => sql<TodoRow[]>`SELECT * FROM todos ORDER BY id`)
    for (const row of here) {
      const bucket = bucketOf(row.id) as number
      t.equal(shardOfBucket(now, bucket), name, `a todo of bucket ${bucket}`)
      t.equal(await shardOfBucketNow(parts, bucket), name)
    }
    stored.push(...here)
    const kept = await pool.run(
      (sql) => sql<{ command_id: string; outcome: string }[]>`SELECT * FROM command_outcomes`,
    )
    for (const { command_id, outcome } of kept) {
      t.notOk(outcomes.has(command_id), 'an outcome is in one shard')
      outcomes.set(command_id, outcome)
    }
    const lists = await pool.run(
      (sql) => sql<{ user_id: string }[]>`SELECT user_id FROM personal_lists`,
    )
    for (const { user_id } of lists) t.equal(shardOfBucket(now, bucketOfOwner(user_id)), name)
    const letters = await pool.run((sql) => sql`SELECT reason FROM dead_letters`)
    t.same([...letters].slice(0, 3), [])
  }
  t.same(
    stored.sort((one, other) => (one.id < other.id ? -1 : 1)),
    rows,
  )
  for (const { command, outcome } of expected.flatMap(({ effects }) => effects)) {
    if (command.keepsOutcome) t.equal(outcomes.get(command.commandId), outcome)
  }
  const positions = await store.nextOffsets(log)
  t.same([...positions.values()].sort(), publisher.records.map((all) => all.length).sort())
  for (const owner of owners)
    t.ok((await store.pagesVersion(`user:${owner}`)) >= (watched.versions.get(owner) ?? 0))
})
