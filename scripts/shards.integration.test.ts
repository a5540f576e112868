// npm run shards: the map is made once, for empty databases, goes on where it was interrupted, and says
// when a URL leads elsewhere.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { readConfig } from '../lib/runtime/config/config.ts'
import { testDatabase } from '../testing/services.ts'
import { shards } from './shards.ts'

const run = async (env: NodeJS.ProcessEnv, ...args: string[]) => {
  const lines: string[] = []
  const add = (line: string) => void lines.push(line)
  const code = await shards(args, () => readConfig(env, 'script'), { out: add, err: add })
  return { code, text: lines.join('\n') }
}

const setUp = async (t: Test, count: number) => {
  const [main = '', ...urls] = await Promise.all(
    Array.from({ length: 1 + count }, () => testDatabase(t)),
  )
  const named = (...which: (string | undefined)[]) =>
    which.map((url, i) => `${'abc'[i]}=${url}`).join()
  return { main, urls, named }
}

t.test('without shards it says so', async (t) => {
  const { main } = await setUp(t, 0)
  t.same(await run({ DATABASE_URL: main }), {
    code: 0,
    text: 'there are no shards: all todos are in DATABASE_URL',
  })
  t.match(await run({ DATABASE_URL: main }, 'init'), {
    code: 1,
    text: /DATABASE_SHARDS is not set/,
  })
  t.match(await run({ DATABASE_URL: main }, 'mvoe'), { code: 2, text: /not a command/ })
  t.match(await run({ DATABASE_URL: main }, 'move'), { code: 1, text: /there are no shards/ })
})

t.test('the map is made once, and printed', async (t) => {
  const { main, urls, named } = await setUp(t, 2)
  const env = { DATABASE_URL: main, DATABASE_SHARDS: named(...urls), KAFKA_PARTITIONS: '5' }
  t.match(await run(env), { code: 1, text: /no map of shards: run npm run shards -- init/ })
  t.match(await run(env, 'init', '--partitions', '1'), { code: 1, text: /too few for 2 shards/ })
  const text = 'map 1, 5 partitions\na: partitions 0, 2, 4: there\nb: partitions 1, 3: there'
  t.same(await run(env, 'init'), { code: 0, text })
  t.same(await run({ ...env, KAFKA_PARTITIONS: '6' }, 'init'), { code: 0, text }, 'it stays')
  t.same(await run(env), { code: 0, text })

  const greedy = { ...env, DB_POOL_SIZE: '2000' }
  t.match(await run(greedy), {
    code: 1,
    text: /a: .*connections, and a server and a worker may open 2/,
  })

  const swapped = { ...env, DATABASE_SHARDS: named(...urls.toReversed()) }
  t.match(await run(swapped), { code: 1, text: /a in DATABASE_SHARDS leads to the shard b/ })
  const one = { ...env, DATABASE_SHARDS: named(urls[0]) }
  t.match(await run(one), { code: 1, text: /add them to DATABASE_SHARDS/ })
  const down = { ...env, DATABASE_SHARDS: named(urls[0], 'postgres://127.0.0.1:1/none') }
  t.match(await run(down), { code: 1, text: /a: .*there\nb: .*does not answer/s })
})

t.test('nothing is made where something is, and it goes on where it was interrupted', async (t) => {
  const { main, urls, named } = await setUp(t, 2)
  const env = { DATABASE_URL: main, DATABASE_SHARDS: named(...urls) }
  const sql = postgres(urls[1] as string, { max: 1 })
  t.teardown(() => sql.end())
  await sql`
    INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
    VALUES ('one', 'one', '', false, 'ann', now(), now(), 1)`
  t.match(await run(env, 'init'), { code: 1, text: /b is not empty, it has todos/ })
  await sql`DELETE FROM todos`
  await sql`INSERT INTO shard_identity (installation, name) VALUES (gen_random_uuid(), 'b')`
  t.match(await run(env, 'init'), { code: 1, text: /the shard b of another installation/ })
  t.match(await run(env), { code: 1, text: /no map of shards/ }, 'half of a map is none')
  await sql`DELETE FROM shard_identity`
  t.match(await run(env, 'init'), { code: 0, text: /b: partitions .*: there/ })

  const other = await setUp(t, 1)
  const taken = { DATABASE_URL: other.main, DATABASE_SHARDS: named(urls[0]) }
  t.match(await run(taken, 'init'), { code: 1, text: /another installation/ }, "another's shard")
  const respelt = other.main.replace('127.0.0.1', 'localhost')
  const self = { DATABASE_URL: other.main, DATABASE_SHARDS: named(`${respelt}?sslmode=disable`) }
  t.match(await run(self, 'init'), { code: 1, text: /has the map itself/ }, 'DATABASE_URL itself')
})

t.test('a shard joins the map, gets buckets, and leaves it when it has none', async (t) => {
  const { main, urls, named } = await setUp(t, 3)
  const two = { DATABASE_URL: main, DATABASE_SHARDS: named(...urls.slice(0, 2)) }
  t.match(await run(two, 'add', 'c'), { code: 1, text: /c is not in DATABASE_SHARDS/ })
  const env = { DATABASE_URL: main, DATABASE_SHARDS: named(...urls), KAFKA_PARTITIONS: '2' }
  t.match(await run(env, 'add', 'c'), { code: 1, text: /no map of shards: run .* init/ })
  t.match(await run({ ...two, KAFKA_PARTITIONS: '2' }, 'init'), { code: 0 })
  t.match(await run(env), { code: 0, text: /c: not in the map yet: npm run shards -- add c/ })
  t.match(await run(env, 'move', '2', 'c'), { code: 1, text: /npm run shards -- add c/ })
  for (const wrong of [['add'], ['add', 'c', 'd'], ['remove'], ['print'], ['move', '--count', '2']])
    t.match(await run(env, ...wrong), { code: 2 }, wrong.join(' '))

  const c = postgres(urls[2] as string, { max: 1 })
  const sql = postgres(main, { max: 1 })
  t.teardown(() => Promise.all([c.end(), sql.end()]))
  await c`
    INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
    VALUES ('one', 'one', '', false, 'ann', now(), now(), 1)`
  t.match(await run(env, 'add', 'c'), { code: 1, text: /c is not empty, it has todos/ })
  await c`DELETE FROM todos`
  await sql`INSERT INTO command_logs (log, identity, partitions) VALUES ('log', 'kafka:c:t', 2)`
  t.match(await run(env, 'add', 'c'), { code: 0, text: /map 2, .*c: 0 buckets of others: there/s })
  t.match(await run(env, 'add', 'c'), { code: 0, text: /in the map already/ })
  t.same(
    (await c`SELECT log, identity, partitions FROM command_logs`).map((row) => ({ ...row })),
    [{ log: 'log', identity: 'kafka:c:t', partitions: 2 }],
    'it knows the log',
  )
  t.match(await run(two), { code: 1, text: /the map has the shards c: add them/ })
  const swapped = { ...env, DATABASE_SHARDS: named(urls[0], urls[2], urls[1]) }
  t.match(await run(swapped, 'remove', 'c'), { code: 1, text: /leads to the shard b/ })

  t.match(await run(env, 'move', '--count', '2', 'a', 'c'), {
    code: 0,
    text: /bucket 0: a to c.*bucket 2: a to c.*c: 2 buckets of others/s,
  })
  t.match(await run(env, 'remove', 'c'), { code: 1, text: /c has 2 buckets: move them/ })
  t.match(await run(env, 'remove', 'a'), { code: 1, text: /a is home of the partitions 0/ })
  t.match(await run(env, 'move', '--count', '9', 'c', 'a'), { code: 0, text: /c: 0 buckets/ })
  await c`INSERT INTO dead_letters (log, partition, record_offset, reason) VALUES ('log', 0, 1, 'x')`
  await c`INSERT INTO event_outbox (source, number) VALUES ('kafka:c:t@c/0', 1)`
  t.match(await run(env, 'remove', 'c'), {
    code: 1,
    text: /c has what would be lost: 1 events .*; 1 dead letters/,
  })
  await c`DELETE FROM dead_letters`
  await c`DELETE FROM event_outbox`
  t.match(await run(env, 'remove', 'c'), { code: 0, text: /c: has left the map.*c: not in the/s })
  t.match(await run(env, 'remove', 'c'), { code: 0, text: /c: not in the map/ })
  await c`INSERT INTO command_offsets (log, partition, next_offset) VALUES ('log', 0, 7)`
  t.match(await run(env, 'add', 'c'), { code: 0, text: /c: has joined the map/ }, 'it comes back')
  t.equal((await c`SELECT FROM command_offsets WHERE log = 'log'`).count, 0, 'and begins anew')
})

t.test('a bucket is moved, and back, and a move that was interrupted is finished', async (t) => {
  const { main, urls, named } = await setUp(t, 2)
  const env = { DATABASE_URL: main, DATABASE_SHARDS: named(...urls), KAFKA_PARTITIONS: '2' }
  t.match(await run(env, 'init'), { code: 0 })
  for (const wrong of [['1'], ['4096', 'b'], ['one', 'b'], ['1', 'b', '--partitions', '3']])
    t.match(await run(env, 'move', ...wrong), { code: 2 }, wrong.join(' '))
  t.match(await run(env, 'move', '1', 'c'), { code: 1, text: /c is not in DATABASE_SHARDS/ })
  t.match(await run(env, 'move', '2', '4', 'b'), {
    code: 0,
    text: /bucket 2: a to b: 0 todos.*bucket 4: a to b: .*b: partitions 1 and 2 buckets of others/s,
  })
  t.match(await run(env, 'move', '2', 'b'), { code: 0, text: /bucket 2: in b already/ })
  t.match(await run(env, 'move', '2', 'a'), { code: 0, text: /b: partitions 1 and 1 buckets/ })

  const sql = postgres(main, { max: 2 })
  t.teardown(() => sql.end())
  await sql`INSERT INTO shard_moves (bucket, from_shard, to_shard) VALUES (4, 'b', 'a')`
  t.match(await run(env), { code: 1, text: /bucket 4: the move from b to a is not finished/ })
  await sql.begin(async (other) => {
    await other`SELECT pg_advisory_xact_lock(hashtext('moves of buckets'))`
    t.match(await run(env, 'move'), { code: 1, text: /another process is moving buckets/ })
  })
  t.match(await run(env, 'move'), { code: 0, text: /bucket 4: b to a.*a: partitions 0: there/s })
})
