// Databases of one installation that went back to an earlier moment, alone or together, on a real Postgres.
// In the end each command of the log was applied once and each row is in one shard; or it was refused, and
// something would have been lost. A copy of a database is what a restore to its moment makes.
// JOINS: how many random ones.

import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { createHomes } from '../../../lib/command-log/homes.ts'
import { fnv1a } from '../../../lib/command-log/postgres-partition.ts'
import type { LogRecord } from '../../../lib/command-log/command-log.ts'
import { encodeCommand, type Command } from '../../../lib/domain/command.ts'
import { homeOfBucket, shardOfBucket, spreadPartitions } from '../../../lib/domain/shard-map.ts'
import { bucketOf, bucketOfOwner } from '../../../lib/domain/todo-id.ts'
import type { TodoRow } from '../../../lib/domain/todo.ts'
import { createPool, type Pool } from '../../../lib/drivers/postgres/pool.ts'
import { connectShards } from '../../../lib/shards/open.ts'
import { eventually } from '../../../testing/eventually.ts'
import { readConfig } from '../../../lib/runtime/config/config.ts'
import { movesBegun } from '../../../lib/shards/moves.ts'
import {
  beginShardMap,
  finishShardMap,
  nameShard,
  readShardIdentity,
  readShardMap,
} from '../../../lib/shards/postgres.ts'
import { shardOfBucketNow, type MoveStep } from '../../../lib/todo-store/move/move-bucket.ts'
import { createShardedStore } from '../../../lib/todo-store/sharded.ts'
import { seeded } from '../../../testing/seeded.ts'
import { databaseUrl, testDatabase } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import { createSink } from '../../../worker/todos/sink.ts'
import { fold } from '../../../worker/todos/fold.ts'
import { moveBuckets } from '../../move-buckets.ts'
import { fence } from '../fence.ts'
import { joinRestored } from './join.ts'

const log = 'todos'
const partitions = 4
const found = { identity: 'kafka:cluster:topic', partitions }
const names = ['a', 'b', 'c']
const everybody = ['main', ...names]
const owners = Array.from({ length: 8 }, (_, i) => `owner-${i}`)
const trials = Number(process.env['JOINS'] ?? 2)

const template = testDatabase(t)

/** Databases by name, and all that was ever published to them. */
const createWorld = async (t: Test, below: (max: number) => number) => {
  const empty = await template
  const admin = postgres(databaseUrl(empty, 'postgres'), { max: 1, onnotice: () => {} })
  const copies: string[] = []
  const copyOf = async (url: string): Promise<string> => {
    const copy = `test_${randomBytes(6).toString('hex')}`
    const template = new URL(url).pathname.slice(1)
    await admin.unsafe(`CREATE DATABASE ${copy} TEMPLATE ${template} STRATEGY file_copy`)
    copies.push(copy)
    return databaseUrl(url, copy)
  }
  const urls = new Map<string, string>()
  for (const name of everybody) urls.set(name, await copyOf(empty))
  const urlOf = (name: string) => urls.get(name) as string
  const opened = new Map<string, Pool>()
  /** `use`: those of two uses don't wait for each other. */
  const poolTo = (name: string, use = 'todos') => {
    const key = `${name} ${use}`
    const pool = opened.get(key) ?? createPool({ url: urlOf(name), poolSize: 3, timeoutMs: 20_000 })
    opened.set(key, pool)
    return pool
  }
  const close = async () => {
    await Promise.all([...opened.values()].map((pool) => pool.close()))
    opened.clear()
  }
  t.teardown(async () => {
    await close()
    for (const copy of copies) await admin.unsafe(`DROP DATABASE IF EXISTS ${copy} WITH (FORCE)`)
    await admin.end()
  })
  const pools = () => new Map(names.map((name) => [name, poolTo(name)]))
  const main = poolTo('main')
  const installation = await beginShardMap(main)
  for (const [name, pool] of pools()) await nameShard(pool, { installation, name })
  await finishShardMap(main, spreadPartitions(partitions, names))
  const firstMap = await readShardMap(main)
  if (!firstMap) throw new Error('there is no map')
  const mapNow = async () => (await readShardMap(poolTo('main'))) ?? firstMap
  const storeNow = () =>
    createShardedStore({ map: () => firstMap, accounts: poolTo('main'), shards: pools() })
  await storeNow().registerLog(log, found)

  const homes = createHomes(() => partitions, fnv1a)
  const records = Array.from({ length: partitions }, (): LogRecord[] => [])
  const commands = Array.from({ length: partitions }, (): Command[] => [])
  const todos: { todoId: string; userId: string; isPersonal?: true }[] = []
  let made = 0
  const next = (): Command => {
    const commandId = `command-${++made}`
    const kept = below(3) === 0 && { keepsOutcome: true as const }
    const known = todos[below(todos.length * 2 + 1)]
    const atMs = Date.now()
    if (known) {
      const envelope = { commandId, ...known, ...kept, atMs }
      if (below(8) === 0) return { ...envelope, kind: 'delete' }
      return { ...envelope, kind: 'update', change: { title: `changed ${made}` } }
    }
    const userId = owners[below(owners.length)] as string
    const isPersonal = below(3) > 0
    const todo = {
      todoId: homes.newTodoId(isPersonal ? userId : undefined),
      userId,
      ...(isPersonal && { isPersonal: true as const }),
    }
    homes.sending()
    todos.push(todo)
    return {
      commandId,
      ...todo,
      ...kept,
      atMs,
      kind: 'create',
      title: `made ${made}`,
      description: '',
    }
  }
  const publish = (count: number) => {
    for (let i = 0; i < count; i++) {
      const command = next()
      const partition = homes.partitionOf(command.todoId)
      const offset = (records[partition] as LogRecord[]).length
      // Those without a number are known by their outcome.
      const stamp = below(4) > 0 ? { by: 'server0000000000', number: made } : undefined
      records[partition]?.push({ offset, value: Buffer.from(encodeCommand(command, stamp)) })
      commands[partition]?.push(command)
    }
  }
  /** From Kafka's place or before it, up to the end, as a worker that was started now. */
  const apply = async () => {
    const store = storeNow()
    const named = (shard: string) => store.ofShard(shard)
    const up = { isDown: () => false, isDownNow: () => Promise.resolve(false) }
    const sink = createSink({
      log,
      store: store.ofPartition(0),
      shards: { storeOf: store.ofPartition, ...up, named: { storeOf: named, ...up } },
      onApplied: () => {},
      logger: silentLog,
    })
    for (const [partition, all] of records.entries()) {
      for (let from = Math.max(0, all.length - 1 - below(20)); from < all.length;) {
        const some = all.slice(from, from + 1 + below(30))
        const result = await sink({
          partition,
          records: some,
          endOffset: all.length,
          foundLog: () => Promise.resolve(found),
          abandoned: () => false,
          inDoubt: below(3) === 0,
        })
        if (result.kind === 'gap') from = result.expectedOffset
        else if (result.kind === 'applied') from += some.length
        else throw new Error(JSON.stringify(result))
      }
    }
  }

  const parts = async () => {
    const moving = pools()
    const map = await mapNow()
    return {
      map,
      pools: moving,
      slow: moving,
      main: poolTo('main'),
      lock: poolTo('main', 'lock'),
      out: () => {},
    }
  }
  const place = async (bucket: number) => shardOfBucketNow(await parts(), bucket)
  /** `diesAt`: the step that it does not come to. */
  const move = async (bucket: number, to: string, diesAt?: MoveStep) => {
    const onStep = (step: MoveStep) => {
      if (step === diesAt) throw new Error('died')
    }
    const moved = moveBuckets({ ...(await parts()), onStep }, { buckets: [bucket], to })
    await moved.catch((error: unknown) => {
      if ((error as Error).message !== 'died') throw error
    })
  }

  /** As they are now. Resolves with how to make them so again. */
  const remember = async (...which: readonly string[]) => {
    const at = new Date()
    const then = new Map<string, string>()
    await close() // nobody may be connected to what is copied
    for (const name of which) then.set(name, await copyOf(urlOf(name)))
    return async () => {
      await close()
      for (const [name, url] of then) {
        urls.set(name, url)
        if (!(await fence(url, name === 'main' ? undefined : name, at))) throw new Error('no fence')
      }
    }
  }
  /** A copy that is put in the place of a database, under its URL, while others use it. */
  const standIn = async (name: string) => {
    await close()
    const url = await copyOf(urlOf(name))
    const nameOf = (of: string) => new URL(of).pathname.slice(1)
    const lost = `${nameOf(url)}_lost`
    const at = new Date()
    return {
      async lose() {
        const old = nameOf(urlOf(name))
        await admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${old}`
        // Whoever connects in between ends this, and it is tried again.
        await eventually(
          () =>
            admin.unsafe(`ALTER DATABASE ${old} RENAME TO ${lost}`).then(
              () => true,
              () => false,
            ),
          (isDone) => isDone,
        )
        copies.push(lost)
      },
      async comeBack() {
        await fence(url, name, at)
        await admin.unsafe(`ALTER DATABASE ${nameOf(url)} RENAME TO ${nameOf(urlOf(name))}`)
      },
    }
  }
  /** One that knows nothing of what an operator does. */
  const startWorker = async (t: Test) => {
    const accounts = createPool({ url: urlOf('main'), poolSize: 3, timeoutMs: 5_000 })
    const live = connectShards(config(), accounts, { timeoutMs: 5_000, log: silentLog })
    if (!live) throw new Error('there are no shards')
    t.equal(await live.start(), undefined)
    const store = createShardedStore({ map: live.map, accounts, shards: live.pools })
    const nameOf = (partition: number) => firstMap.shards[partition] as string
    const sink = createSink({
      log,
      store: store.ofPartition(0),
      shards: {
        storeOf: store.ofPartition,
        isDown: (partition) => live.watch.isDown(nameOf(partition)),
        isDownNow: (partition) => live.watch.isDownNow(nameOf(partition)),
        named: {
          storeOf: store.ofShard,
          isDown: live.watch.isDown,
          isDownNow: live.watch.isDownNow,
        },
      },
      onApplied: () => {},
      logger: silentLog,
    })
    let isStopped = false
    const run = async (all: readonly LogRecord[], partition: number) => {
      for (let from = all.length; !isStopped;) {
        // The last again, where nothing new has come.
        const some = all.slice(Math.min(from, all.length - 1), from + 20)
        const result = await sink({
          partition,
          records: some,
          endOffset: all.length,
          foundLog: () => Promise.resolve(found),
          abandoned: () => isStopped,
          inDoubt: false,
        })
        if (result.kind === 'gap') from = result.expectedOffset
        else if (result.kind === 'applied') from = (some.at(-1)?.offset ?? 0) + 1
        await delay(20)
      }
    }
    const running = records.map(run)
    return {
      offsets: () => store.nextOffsets(log),
      reason: (name: string) => live.watch.down().get(name),
      async stop() {
        isStopped = true
        await Promise.all(running)
        await live.close()
        await accounts.close()
      },
    }
  }
  const config = () =>
    readConfig(
      {
        DATABASE_URL: urlOf('main'),
        DATABASE_SHARDS: names.map((name) => `${name}=${urlOf(name)}`).join(),
        COMMAND_LOG: 'postgres',
        KAFKA_TODO_TOPIC: log,
      },
      'script',
    )
  const join = async (acceptsLoss = false): Promise<string> => {
    let printed = ''
    await joinRestored(config(), { acceptsLoss }, (line) => (printed += `${line}\n`))
    return printed
  }

  /** Each row once, where the map and its home say it is, and as the log makes it. */
  const check = async (t: Test) => {
    const map = await mapNow()
    const stored: TodoRow[] = []
    const outcomes: string[] = []
    for (const name of names) {
      const pool = poolTo(name)
      t.equal((await readShardIdentity(pool))?.name, name)
      const rows = await pool.run((sql) => sql<TodoRow[]>`SELECT * FROM todos`)
      for (const { id } of rows) {
        const bucket = bucketOf(id) as number
        if (shardOfBucket(map, bucket) !== name || (await place(bucket)) !== name)
          t.fail(`a todo of bucket ${bucket} is in ${name}`)
      }
      stored.push(...rows)
      const lists = await pool.run(
        (sql) => sql<{ user_id: string }[]>`SELECT user_id FROM personal_lists`,
      )
      for (const { user_id } of lists) t.equal(shardOfBucket(map, bucketOfOwner(user_id)), name)
      const kept = await pool.run(
        (sql) => sql<{ command_id: string }[]>`SELECT command_id FROM command_outcomes`,
      )
      outcomes.push(...kept.map(({ command_id }) => command_id))
      t.equal((await pool.run((sql) => sql`SELECT FROM dead_letters`)).count, 0)
    }
    t.same(await movesBegun(poolTo('main')), [])
    const byId = (one: TodoRow, other: TodoRow) => (one.id < other.id ? -1 : 1)
    const expected = commands.flatMap((all) => fold(new Map(), all).changes.inserts)
    t.same(stored.sort(byId), expected.sort(byId))
    t.equal(new Set(outcomes).size, outcomes.length, 'an outcome is in one shard')
  }
  const poolOf = (name: string) => poolTo(name)
  const ends = () => records.map(({ length }) => length)
  return {
    publish,
    apply,
    move,
    place,
    remember,
    standIn,
    startWorker,
    join,
    check,
    mapNow,
    poolOf,
    ends,
    todos,
    config,
    firstMap,
  }
}

const ownerWithHome = (home: string, map: Parameters<typeof homeOfBucket>[0]): number => {
  const owner = owners.find((one) => homeOfBucket(map, bucketOfOwner(one)) === home)
  if (owner === undefined) throw new Error(`nobody is at home in ${home}`)
  return bucketOfOwner(owner)
}

t.test('a bucket that left its home since stays where it is', async (t) => {
  const world = await createWorld(t, seeded(t).below)
  const bucket = ownerWithHome('a', world.firstMap)
  world.publish(60)
  await world.apply()
  const goBack = await world.remember('a')
  await world.move(bucket, 'b')
  world.publish(60)
  await world.apply()
  await goBack()
  t.equal(await world.place(bucket), 'a', 'says the home, which went back')
  t.match(await world.join(), /^a: 1 buckets that it had then are elsewhere/m)
  t.equal(await world.place(bucket), 'b')
  world.publish(20)
  await world.apply()
  await world.check(t)
})

t.test('a bucket that left a shard which is not its home is deleted there', async (t) => {
  const world = await createWorld(t, seeded(t).below)
  const bucket = ownerWithHome('a', world.firstMap)
  world.publish(60)
  await world.apply()
  await world.move(bucket, 'b')
  world.publish(20)
  await world.apply()
  const goBack = await world.remember('b')
  await world.move(bucket, 'c')
  world.publish(40)
  await world.apply()
  await goBack()
  t.match(await world.join(), /^b: 1 buckets that it had then are elsewhere/m)
  await world.apply()
  await world.check(t)
})

t.test('a bucket that came since, and is nowhere now, is refused', async (t) => {
  const world = await createWorld(t, seeded(t).below)
  const bucket = ownerWithHome('a', world.firstMap)
  world.publish(60)
  await world.apply()
  const goBack = await world.remember('b')
  await world.move(bucket, 'b')
  await goBack()
  const refusal = new RegExp(`bucket ${bucket} came to b after that moment, and no database has`)
  await t.rejects(world.join(), { message: refusal })
  t.match(await readShardIdentity(world.poolOf('b')), { name: /^b as of / }, 'and nobody uses it')
})

t.test('a map of then is made of what the homes say, and is newer than any', async (t) => {
  const world = await createWorld(t, seeded(t).below)
  const bucket = ownerWithHome('a', world.firstMap)
  world.publish(60)
  await world.apply()
  await world.move(bucket, 'c')
  await world.move(ownerWithHome('b', world.firstMap), 'c', 'commit move')
  const goBack = await world.remember('main')
  await world.move(bucket, 'b')
  const before = await world.mapNow()
  await goBack()
  await t.rejects(world.mapNow(), { message: /DATABASE_URL was restored.*--join/ })
  await world.join()
  const map = await world.mapNow()
  t.equal(map.moved?.get(bucket), 'b')
  t.ok(map.version > before.version)
  world.publish(20)
  await world.apply()
  await world.check(t)
})

t.test(
  'what was ended since is ended again, and it is said what is judged otherwise',
  async (t) => {
    const world = await createWorld(t, seeded(t).below)
    const teams = ['gone', 'left'].map((name, n) => {
      for (let i = 0; ; i++) {
        const id = `${name}-${n}-${i}`
        if (homeOfBucket(world.firstMap, bucketOfOwner(id)) === 'a') return id
      }
    })
    const [gone = '', left = ''] = teams
    const main = () => world.poolOf('main')
    await main().run(
      (sql) =>
        sql`INSERT INTO users (id, email, password_hash) VALUES ('ann', 'a@example.com', '')`,
    )
    await main().run((sql) => sql`INSERT INTO teams (id, name) VALUES (${left}, 'left')`)
    await main().run(
      (sql) =>
        sql`INSERT INTO team_members (team_id, user_id, role) VALUES (${left}, 'ann', 'admin')`,
    )
    for (const [id, team, assignee] of [
      ['1', gone, null],
      ['2', left, 'bob'],
      ['3', left, 'ann'],
    ] as const)
      await world.poolOf('a').run(
        (sql) => sql`
        INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision,
          is_personal, team_id, assignee_id)
        VALUES (${id}, 'title', '', false, 'ann', now(), now(), 1, true, ${team}, ${assignee})`,
      )
    const goBack = await world.remember('a')
    for (const [action, kind, id] of [
      ['account.deleted', 'account', 'carol'],
      ['account.deleted', 'account', 'ann'],
      ['member.removed', 'team', left],
    ] as const)
      await main().run(
        (sql) => sql`
        INSERT INTO audit_log (actor_id, action, subject_kind, subject_id, details, request_id)
        VALUES ('op', ${action}, ${kind}, ${id}, '{}', '')`,
      )
    await goBack()
    const printed = await world.join()
    t.match(printed, /^1 teams were deleted since/m)
    t.match(printed, /assigned to 1 former members/)
    t.match(printed, /^1 accounts were deleted of late/m)
    t.match(printed, /^1 memberships and shares ended since/m)
    const chores = await main().run(
      (sql) => sql`SELECT team_id, user_id FROM team_chores ORDER BY user_id`,
    )
    t.same(
      [...chores],
      [
        { team_id: gone, user_id: '' },
        { team_id: left, user_id: 'bob' },
      ],
    )
    const erasures = await main().run((sql) => sql`SELECT user_id FROM erasures`)
    t.same([...erasures], [{ user_id: 'carol' }], 'ann has an account')
  },
)

t.test('commands that no log has any more are lost by consent only', async (t) => {
  const world = await createWorld(t, seeded(t).below)
  world.publish(60)
  await world.apply()
  const main = () => world.poolOf('main')
  const first = 5
  const end = world.ends()[0] as number
  await main().run(
    (sql) => sql`
      INSERT INTO command_log_partitions (log, partition, next_offset) VALUES (${log}, 0, ${first})`,
  )
  const goBack = await world.remember('a', 'main')
  world.publish(60)
  await world.apply()
  await goBack()
  t.match(await world.join(), /^joined: a, DATABASE_URL/m)
  const [row] = await main().run(
    (sql) => sql<{ next_offset: string }[]>`SELECT next_offset FROM command_log_partitions`,
  )
  t.equal(Number(row?.next_offset), end, 'its own log ends where the shards have applied it')

  const later = await world.remember('a')
  await main().run((sql) => sql`UPDATE command_log_partitions SET next_offset = ${end + 9}`)
  await later()
  await t.rejects(world.join(), {
    message: new RegExp(
      `^partition 0: a goes on at ${end}, .* nothing before ${end + 9}: give --acc`,
    ),
  })
  await world.join(true)
  const [at] = await world.poolOf('a').run(
    (sql) => sql<{ next_offset: string }[]>`
      SELECT next_offset FROM command_offsets WHERE log = ${log} AND partition = 0`,
  )
  t.equal(Number(at?.next_offset), end + 9)
})

t.test(
  'a worker that runs meanwhile goes on with the others, and back with its shard',
  async (t) => {
    const world = await createWorld(t, seeded(t).below)
    const bucket = ownerWithHome('a', world.firstMap)
    world.publish(60)
    await world.apply()
    await world.move(bucket, 'b')
    const takesPlace = await world.standIn('b')
    const worker = await world.startWorker(t)
    const isApplied = (which: (partition: number) => boolean) => {
      const ends = world.ends()
      return eventually(
        () => worker.offsets(),
        (offsets) =>
          ends.every((end, partition) => !which(partition) || offsets.get(partition) === end),
      )
    }
    world.publish(80)
    await isApplied(() => true)
    await takesPlace.lose()
    world.publish(40)
    // What b has no part of is applied.
    const whole = bucket % partitions === 0 ? 2 : 0
    await isApplied((partition) => partition === whole)
    await takesPlace.comeBack()
    await eventually(
      () => worker.reason('b'),
      (reason) => reason?.includes('npm run restore -- --join') === true,
    )
    t.match(await world.join(), /^joined: b$/m)
    world.publish(20)
    await isApplied(() => true)
    await worker.stop()
    await world.check(t)
  },
)

t.test('random moments, moves that died anywhere, one or several databases', async (t) => {
  const random = seeded(t)
  const all = [['a'], ['main'], ['b'], ['a', 'b'], ['c'], ['main', 'b'], everybody]
  const from = random.below(all.length)
  let refused = 0
  for (let trial = 0; trial < trials; trial++) {
    const world = await createWorld(t, random.below)
    const buckets = [...owners.map(bucketOfOwner)]
    const some = <T>(all: readonly T[]) => all[random.below(all.length)] as T
    const steps: (MoveStep | undefined)[] = [
      'lock',
      'verify',
      'commit copy',
      'commit move',
      'commit deletion',
      'moved',
      undefined,
      undefined,
    ]
    const live = async () => {
      for (let i = 0; i < 4; i++) {
        world.publish(10 + random.below(20))
        if (random.below(4) > 0) await world.apply()
        await world.move(some(buckets), some(names), some(steps)).catch((error: unknown) => {
          // Parts that are not in step: apply first.
          if (!/try again/.test((error as Error).message)) throw error
        })
      }
    }
    await live()
    const lost = all[(from + trial) % all.length] as string[]
    t.comment(`${trial}: ${lost.join()}`)
    const goBack = await world.remember(...lost)
    await live()
    await world.apply()
    const before = new Map<number, string>()
    for (const bucket of buckets) before.set(bucket, await world.place(bucket))
    await goBack()
    try {
      t.comment(await world.join())
    } catch (error) {
      const { message } = error as Error
      refused++
      t.comment(message)
      t.match(message, /restore .* to (a later one|one moment)/)
      // Nothing is refused that could have been kept.
      for (const [, named = '', shard] of message.matchAll(/^buckets? ([\d, ]+) came to (\w)/gm))
        for (const bucket of named.split(', ')) t.equal(before.get(Number(bucket)), shard)
      continue
    }
    world.publish(10)
    await world.apply()
    await world.check(t)
    if (lost !== everybody && lost.length === 1)
      for (const [bucket, shard] of before) t.equal(await world.place(bucket), shard)
  }
  t.comment(`${refused} of ${trials} refused`)
})
