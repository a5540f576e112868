// A bucket's rows: the database counts buckets as we do, an index that was interrupted is made again, and a
// copy that differs in anything is noticed.

import t from 'tap'
import { bucketOfOwner, idStart } from '../../domain/todo-id.ts'
import { createPool } from '../../drivers/postgres/pool.ts'
import { seeded } from '../../../testing/seeded.ts'
import { testDatabase } from '../../../testing/services.ts'
import {
  copyBucket,
  deleteBucket,
  dropBucketIndexes,
  indexBuckets,
  lockBucket,
  readBucket,
} from './bucket-rows.ts'

const open = async () => {
  const pool = createPool({ url: await testDatabase(t), poolSize: 2, timeoutMs: 20_000 })
  t.teardown(() => pool.close())
  return pool
}

t.test("the database's bucket of an owner is ours", async (t) => {
  const random = seeded(t)
  const pool = await open()
  const characters = ['a', 'Z', '0', '-', 'é', 'ß', '中', '\uffff', '\u{1F600}', '\u{10FFFF}']
  const owners = Array.from({ length: 500 }, () =>
    Array.from({ length: 1 + random.below(40) }, () => characters[random.below(10)]).join(''),
  )
  const rows = await pool.run(
    (sql) => sql<{ id: string; bucket: number }[]>`
      SELECT id, bucket_of_owner(id) AS bucket FROM unnest(${owners}::text[]) AS id`,
  )
  t.equal(rows.length, owners.length)
  for (const { id, bucket } of rows) if (bucketOfOwner(id) !== bucket) t.fail(id)
})

t.test('what differs in one column is not the same', async (t) => {
  const [one, other] = await Promise.all([open(), open()])
  const bucket = bucketOfOwner('ann')
  const id = (n: number, of = bucket) => `${idStart(`${n}`.padStart(33, '0'), of)}A`
  await one.run(
    (sql) => sql`
      INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
      SELECT id, 'title', '', false, 'ann', now(), now(), 1
      FROM unnest(${[...Array.from({ length: 2_300 }, (_, n) => id(n)), id(1, 7), 'no bucket']}::text[]) AS id`,
  )
  await one.run((sql) => sql`INSERT INTO personal_lists VALUES ('ann', 5), ('bob', 6)`)
  await one.run(
    (sql) => sql`
      INSERT INTO command_outcomes (command_id, outcome, bucket)
      VALUES ('c', 'applied', ${bucket}), ('d', 'applied', NULL)`,
  )
  for (const pool of [one, one, other]) await indexBuckets(pool)
  await one.run(
    (sql) => sql`
      UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'todos_by_bucket'::regclass`,
  )
  await indexBuckets(one)

  await one.transaction((from) =>
    other.transaction(async (to) => {
      await lockBucket(from, bucket)
      await copyBucket(from, to, bucket)
      const read = await readBucket(from, bucket)
      t.same(Object.fromEntries(read.counts), {
        todos: 2_300,
        command_outcomes: 1,
        personal_lists: 1,
        team_lists: 0,
      })
      t.same(await readBucket(to, bucket), read)
      await to`UPDATE personal_lists SET version = version + 1`
      t.not((await readBucket(to, bucket)).checksum, read.checksum)
      await to`UPDATE personal_lists SET version = version - 1`
      await to`UPDATE todos SET assignee_id = 'bob', team_id = 'team', is_personal = true
        WHERE id = ${id(1_500)}`
      t.not((await readBucket(to, bucket)).checksum, read.checksum)
    }),
  )
  const deleted = await one.run((sql) => deleteBucket(sql, bucket))
  t.same(deleted.get('todos'), 2_300)
  const left = await one.run((sql) => sql<{ id: string }[]>`SELECT id FROM todos ORDER BY id`)
  t.same(
    left.map((row) => row.id),
    [id(1, 7), 'no bucket'],
  )
  await dropBucketIndexes(one)
  const indexes = await one.run((sql) => sql`SELECT FROM pg_class WHERE relname LIKE '%by_bucket'`)
  t.equal(indexes.count, 0)
})
