// Erases what a user has left: personal todos and keys are deleted, public todos and those of teams stay
// without a name.
// Bounded transactions, one after the other, each of which can be the last: begun anew, it goes on with
// what is left. Rows are locked in id order, as the worker's batches lock them.

import type { PageOwner } from '../domain/page.ts'
import { deletedUserId } from '../domain/todo.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { inTransaction } from './applying.ts'

/** What a transaction has changed that others keep copies of. */
export type Erased = {
  /** The public lists have another version. */
  readonly lists?: true
  /** Versions of pages. */
  readonly pages?: ReadonlyMap<PageOwner, number>
}

/** Some ten milliseconds, and few rows that a batch could wait for. */
const erasedAtOnce = 1_000
/** 16 MB of the table: public todos have no index by user, for it would cost each write something. */
const blocksAtOnce = 2_000

/** With nothing of the user on its way: what is written meanwhile is found or not. */
export async function* eraseUser(pool: Pool, userId: string): AsyncGenerator<Erased> {
  for (;;) {
    const erased = await pool.transaction((sql) => erasePersonal(sql, userId))
    if (!erased) break
    yield erased
  }
  for (let block = 0; block < (await blocksOf(pool)); block += blocksAtOnce) {
    const ids = await othersSee(pool, userId, block)
    for (let i = 0; i < ids.length; i += erasedAtOnce) {
      const some = ids.slice(i, i + erasedAtOnce)
      yield await pool.transaction((sql) => leaveWithoutName(sql, userId, some))
    }
    yield {}
  }
  while (await eraseKeys(pool, userId)) yield {}
  await eraseDeadLetters(pool, userId)
  // Last, and with a version that is raised once more: a page without todos names its user, too.
  yield { pages: await pool.transaction((sql) => changePages(sql, [`user:${userId}`])) }
  await pool.run((sql) => sql`DELETE FROM personal_lists WHERE user_id = ${userId}`)
}

/**
 * The same in each of these: one that does not answer ends it, and it is begun anew. `mapVersion`: of the
 * map of shards; rejects while a bucket is moved. One may have gone from a pool to another before it.
 */
export async function* eraseUserFrom(
  pools: () => readonly Pool[],
  userId: string,
  mapVersion = () => Promise.resolve(0),
): AsyncGenerator<Erased> {
  const before = await mapVersion()
  for (const pool of pools()) yield* eraseUser(pool, userId)
  if ((await mapVersion()) !== before) throw new Error('a bucket was moved meanwhile')
}

const changePages = (sql: Sql, owners: readonly PageOwner[]) =>
  inTransaction(sql).changePages(owners)

const erasePersonal = async (sql: Sql, userId: string): Promise<Erased | undefined> => {
  const rows = await sql<{ id: string }[]>`
    SELECT id FROM todos WHERE is_personal AND team_id IS NULL AND user_id = ${userId}
    ORDER BY created_at DESC, id DESC LIMIT ${erasedAtOnce}`
  if (rows.length === 0) return undefined
  const ids = rows.map(({ id }) => id)
  await sql`SELECT FROM todos WHERE id = ANY(${ids}) ORDER BY id FOR UPDATE`
  await sql`DELETE FROM todos WHERE id = ANY(${ids}) AND user_id = ${userId}`
  return { pages: await changePages(sql, [`user:${userId}`]) }
}

/** In the table's own order: what is updated meanwhile moves, and this user's todos are not. */
const othersSee = (pool: Pool, userId: string, block: number): Promise<string[]> =>
  pool.run(async (sql) => {
    const rows = await sql<{ id: string }[]>`
      SELECT id FROM todos
      WHERE ctid >= ${`(${block},0)`}::tid AND ctid < ${`(${block + blocksAtOnce},0)`}::tid
        AND user_id = ${userId} AND (NOT is_personal OR team_id IS NOT NULL)`
    return rows.map(({ id }) => id)
  })

const blocksOf = (pool: Pool): Promise<number> =>
  pool.run(async (sql) => {
    const [row] = await sql<{ blocks: number }[]>`
      SELECT (pg_relation_size('todos') / current_setting('block_size')::int)::int AS blocks`
    return row?.blocks ?? 0
  })

/** The revision is another, for the ETag is made of it. When it was changed last stays as it was. */
const leaveWithoutName = async (sql: Sql, userId: string, ids: string[]): Promise<Erased> => {
  await sql`SELECT FROM todos WHERE id = ANY(${ids}) ORDER BY id FOR NO KEY UPDATE`
  const rows = await sql<{ team_id: string | null }[]>`
    UPDATE todos SET user_id = ${deletedUserId}, revision = revision + 1
    WHERE id = ANY(${ids}) AND user_id = ${userId} RETURNING team_id`
  const teams = new Set(rows.flatMap(({ team_id }) => (team_id === null ? [] : [team_id])))
  const pages = await changePages(
    sql,
    [...teams].map((id): PageOwner => `team:${id}`),
  )
  if (rows.every(({ team_id }) => team_id !== null)) return { pages }
  // In the transaction that changes them, as each batch does: see sql/008.
  await sql`
    INSERT INTO list_versions AS stored (log, partition, changes) VALUES ('(erasures)', 0, 1)
    ON CONFLICT (log, partition) DO UPDATE SET changes = stored.changes + 1`
  return { pages, lists: true }
}

const eraseKeys = async (pool: Pool, userId: string): Promise<boolean> => {
  const { count } = await pool.run(
    (sql) => sql`
      DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM idempotency_keys WHERE user_id = ${userId} LIMIT ${erasedAtOnce}))`,
  )
  return count > 0
}

/** There are few. Sent again, one would bring back what is gone. */
const eraseDeadLetters = async (pool: Pool, userId: string): Promise<void> => {
  const named = Buffer.from(`"userId":${JSON.stringify(userId)}`)
  await pool.run((sql) => sql`DELETE FROM dead_letters WHERE position(${named} in record) > 0`)
}
