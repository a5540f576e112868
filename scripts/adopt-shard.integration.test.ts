// A database that has all becomes one with shards: a copy of it is the first. Whoever is killed at any step
// has changed nothing for anybody, or everything; and what differs from a copy is refused.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { createPool } from '../lib/drivers/postgres/pool.ts'
import { readConfig } from '../lib/runtime/config/config.ts'
import { otherTables, tablesOfBoth, tablesOfShard } from '../lib/shards/adopting.ts'
import { readShardMap } from '../lib/shards/postgres.ts'
import { copiedDatabase, testDatabase } from '../testing/services.ts'
import { seeded } from '../testing/seeded.ts'
import { adopt, type AdoptStep } from './adopt-shard.ts'
import { shards } from './shards.ts'

const log = 'log'
const open = (t: Test, url: string) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  return sql
}

/** With something in each table that matters. */
const setUp = async (t: Test) => {
  const main = await testDatabase(t)
  const sql = postgres(main, { max: 1, onnotice: () => {} })
  await sql`INSERT INTO users (id, email, password_hash) VALUES ('ann', 'ann@x.y', ''), ('bob', 'bob@x.y', '')`
  await sql`INSERT INTO teams (id, name) VALUES ('team', 'A team')`
  await sql`INSERT INTO team_members (team_id, user_id, role) VALUES ('team', 'ann', 'admin')`
  await sql`
    INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision, is_personal)
    VALUES ('old one', 'old', '', false, 'ann', now(), now(), 1, true),
      ('old public', 'public', '', true, 'bob', now(), now(), 3, false)`
  await sql`INSERT INTO todo_shares (id, todo_id, role, user_id) VALUES ('share', 'old one', 'editor', 'bob')`
  await sql`INSERT INTO personal_lists VALUES ('ann', 5)`
  await sql`INSERT INTO command_outcomes (command_id, outcome) VALUES ('c', 'applied')`
  await sql`INSERT INTO command_logs (log, identity, partitions) VALUES (${log}, 'kafka:c:t', 5)`
  await sql`INSERT INTO command_offsets (log, partition, next_offset) VALUES (${log}, 0, 7), (${log}, 3, 1)`
  await sql`INSERT INTO publisher_numbers (log, partition, publisher, number) VALUES (${log}, 0, 'p', 7)`
  await sql`INSERT INTO dead_letters (log, partition, record_offset, reason) VALUES (${log}, 0, 3, 'bad')`
  await sql`INSERT INTO event_outbox (source, number) VALUES ('kafka:c:t/0', 7)`
  await sql`INSERT INTO idempotency_keys VALUES ('ann', 'key', '\\x00')`
  await sql`
    INSERT INTO audit_log (actor_id, action, subject_kind, subject_id, details, request_id)
    VALUES ('ann', 'x', 'user', 'ann', '{}', 'r')`
  await sql.end()
  const copy = await copiedDatabase(t, main)
  const env = { DATABASE_URL: main, DATABASE_SHARDS: `a=${copy}`, KAFKA_TODO_TOPIC: log }
  return { main, copy, env }
}

const run = async (env: NodeJS.ProcessEnv, ...args: string[]) => {
  const lines: string[] = []
  const add = (line: string) => void lines.push(line)
  const code = await shards(args, () => readConfig(env, 'script'), { out: add, err: add })
  return { code, text: lines.join('\n') }
}

const countsOf = async (sql: postgres.Sql, tables: readonly string[]) => {
  const counts: Record<string, number> = {}
  for (const table of tables) counts[table] = (await sql`SELECT FROM ${sql(table)}`).count
  return counts
}
const all = (tables: readonly string[], count: number) =>
  Object.fromEntries(tables.map((table) => [table, count]))

t.test('each table is in the shard, in DATABASE_URL, or in both', async (t) => {
  const pool = createPool({ url: await testDatabase(t), poolSize: 1, timeoutMs: 10_000 })
  t.teardown(() => pool.close())
  const others = await pool.run(otherTables)
  // One that is new is to be put into one of the lists of lib/shards/adopting.ts, or into this one.
  t.same(others, [
    'account_tokens',
    'audit_log',
    'channel_events',
    'command_log',
    'command_log_claims',
    'command_log_partitions',
    'ended_access',
    'erasures',
    'event_channels',
    'event_sources',
    'idempotency_keys',
    'mail_outbox',
    'rate_limit_buckets',
    'rate_limit_windows',
    'sessions',
    'team_chores',
    'team_invitations',
    'team_members',
    'teams',
    'todo_shares',
    'users',
  ])
  t.equal(new Set([...others, ...tablesOfShard, ...tablesOfBoth]).size, 39)
})

t.test('a copy gets all todos, and whoever is killed on the way goes on', async (t) => {
  const random = seeded(t)
  const { main, copy, env } = await setUp(t)
  const poolTo = (url: string) => {
    const pool = createPool({ url, poolSize: 1, timeoutMs: 20_000 })
    t.teardown(() => pool.close())
    return pool
  }
  const parts = {
    main: poolTo(main),
    lock: poolTo(main),
    pools: new Map([['a', poolTo(copy)]]),
    log,
    out: () => {},
  }
  const sql = open(t, main)
  const steps: AdoptStep[] = ['compare', 'name', 'empty', 'map', 'commit', 'adopted']
  // All but the last, at which it is done, in any order.
  const order = [...steps.slice(0, -1)].sort(() => random.below(2) - 0.5)
  for (const last of [...order, 'adopted'] as AdoptStep[]) {
    const onStep = (step: AdoptStep) => {
      if (step === last) throw new Error(`killed at ${step}`)
    }
    await t.rejects(adopt({ ...parts, onStep }, 'a'), { message: `killed at ${last}` })
    const isDone = last === 'adopted'
    t.equal((await readShardMap(parts.main)) !== undefined, isDone, `killed at ${last}`)
    const rename = sql`UPDATE todos SET title = title`
    await (isDone ? t.rejects(rename, /the todos are in shards now/) : rename)
  }
  t.match(await run(env, 'init', '--adopt', 'a'), {
    code: 0,
    text: /a: was adopted already\nmap 1, 5 partitions\na: partitions 0, 1, 2, 3, 4: there/,
  })
  t.match(await run(env, 'init', '--adopt', 'b'), { code: 1, text: /b is not in DATABASE_SHARDS/ })
  t.equal((await sql`SELECT FROM todos`).count, 2, 'who knows of no shards can read on')
  t.same((await sql`SELECT owner_id FROM todo_shares`)[0], { owner_id: 'ann' })

  const shard = open(t, copy)
  const others = await parts.main.run(otherTables)
  t.same(await countsOf(shard, others), all(others, 0), 'accounts are not in the shard')
  t.match(await countsOf(shard, tablesOfShard), { todos: 2, dead_letters: 1, event_outbox: 1 })
  t.equal((await shard`SELECT FROM command_offsets WHERE log = ${log}`).count, 2)

  t.match(await run(env), { code: 0, text: /a: was adopted; .* finish-adoption/ })
  t.match(await run(env, 'finish-adoption'), { code: 0, text: /is deleted.*map 2.*there$/s })
  t.match(await run(env, 'finish-adoption'), { code: 0 }, 'and again')
  t.same(await countsOf(sql, tablesOfShard), all(tablesOfShard, 0), 'todos are in the shard only')
  t.match(await countsOf(sql, others), { users: 2, todo_shares: 1, idempotency_keys: 1 })
})

t.test('what is no copy of now is refused, and nothing has changed', async (t) => {
  const { main, copy, env } = await setUp(t)
  const other = await testDatabase(t)
  const leadingTo = (url: string) => ({ ...env, DATABASE_SHARDS: `a=${url}` })
  const isRefused = async (text: RegExp, settings = env) => {
    t.match(await run(settings, 'init', '--adopt', 'a'), { code: 1, text })
    t.match(await run(settings), { code: 1, text: /there is no map of shards/ })
  }
  const sql = open(t, main)
  const shard = open(t, copy)
  t.match(await run(env, 'finish-adoption'), { code: 1, text: /no shard was adopted/ })
  await isRefused(/knows no log todos/, { ...env, KAFKA_TODO_TOPIC: 'todos' })
  await isRefused(/birth differ/, leadingTo(other))
  await isRefused(
    /a in DATABASE_SHARDS leads to DATABASE_URL's own database/,
    leadingTo(main.replace('127.0.0.1', 'localhost')),
  )
  await shard`UPDATE command_offsets SET next_offset = 8 WHERE log = ${log} AND partition = 0`
  await isRefused(/offsets differ \(log 0 8, .*Stop all workers, and copy it again/)
  await shard`UPDATE command_offsets SET next_offset = 7 WHERE log = ${log} AND partition = 0`
  await sql`UPDATE todos SET completed = true WHERE id = 'old one'`
  await isRefused(/todos differ \(2 rows, hash /)
  await shard`UPDATE todos SET completed = true WHERE id = 'old one'`
  await sql`UPDATE command_logs SET closed_until = now() + interval '1 hour'`
  await isRefused(/command-log -- partitions is running/)
  await sql`UPDATE command_logs SET closed_until = NULL`
  t.match(await run(env, 'init'), { code: 1, text: /DATABASE_URL is not empty/ })
  t.match(await run(env, 'init', '--adopt', 'a'), { code: 0, text: /a: has all 5 partitions/ })
})

t.test('buckets of owners who have ids without one stay, and others are moved', async (t) => {
  const { main, env } = await setUp(t)
  const settings = { ...env, DATABASE_SHARDS: `${env.DATABASE_SHARDS},b=${await testDatabase(t)}` }
  const sql = open(t, main)
  t.match(await run(settings, 'init', '--adopt', 'a'), { code: 0, text: /b: not in the map yet/ })
  t.match(await run(settings, 'add', 'b'), { code: 0 })
  const [bucket] = await sql`SELECT bucket_of_owner('ann') AS ann, bucket_of_owner('bob') AS bob`
  const move = (owner: string) => run(settings, 'move', String(bucket?.[owner]), 'b')
  t.match(await move('bob'), { code: 1, text: /run npm run shards -- finish-adoption/ })
  t.match(await run(settings, 'finish-adoption'), { code: 0 })
  t.match(await move('bob'), { code: 1, text: /and wait for a minute/ })
  await sql`UPDATE shard_map SET keys_without_bucket_until = now()`
  t.match(await move('bob'), { code: 0, text: /b: 1 buckets of others: there/ })
  t.match(await move('ann'), { code: 1, text: /bucket \d+ stays in a: .* no bucket/ })
  t.match(await run(settings, 'move', '--count', '2', 'a', 'b'), {
    code: 0,
    text: /^1 buckets stay in a:.*b: 3 buckets of others/s,
  })
})
