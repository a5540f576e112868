// What the worker writes: a batch of commands, and with it how far its partition is applied. Set-based
// statements only; rows are always locked in id order, because unordered `unnest` deadlocked in 404 of
// 480 concurrent batches, ordered in none.

import type { CreateTodo } from '../domain/command.ts'
import type { PageOwner } from '../domain/page.ts'
import type { TodoRow } from '../domain/todo.ts'
import { bucketOf } from '../domain/todo-id.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { leaveCreated, leaveEvents } from './outbox.ts'
import { partsOf } from './owners.ts'
import {
  storeErrorKind,
  type Advance,
  type Asked,
  type LockedShare,
  type LogName,
  type Member,
  type OutboxSlot,
  type StoreTransaction,
} from './todo-store.ts'

/** WITH these: `advanced` has a row when the position was the expected one, and is the next now. */
const advanced = (
  sql: Sql,
  log: LogName,
  partition: number,
  { expected, next, moves = 0, numbers }: Advance,
  listsMayChange: boolean,
) => {
  const publishers = numbers.map(({ publisher }) => publisher)
  // The upsert covers a partition's first batch; the compare covers all the others. Numbers change with
  // the offset only, whose row is locked here; they are compared, too, because an operator can set the
  // offset back to where a worker remembers it.
  return sql`
    given AS (
      SELECT * FROM unnest(${publishers}::text[],
        ${numbers.map((one) => one.expected)}::bigint[],
        ${numbers.map((one) => one.next)}::bigint[]) AS given (publisher, expected, next)),
    advanced AS (
      INSERT INTO command_offsets AS stored (log, partition, next_offset)
      SELECT ${log.name}, ${partition}::int, ${next}::bigint
      WHERE (${expected}::bigint = 0 OR EXISTS (
          SELECT FROM command_offsets WHERE log = ${log.name} AND partition = ${partition}))
        AND EXISTS (
          SELECT FROM command_logs WHERE log = ${log.name} AND identity = ${log.identity})
        AND NOT EXISTS (
          SELECT FROM given WHERE expected <> coalesce((
            SELECT number FROM publisher_numbers AS known
            WHERE log = ${log.name} AND partition = ${partition}
              AND known.publisher = given.publisher), 0))
      ON CONFLICT (log, partition) DO UPDATE SET next_offset = excluded.next_offset
      WHERE stored.next_offset = ${expected} AND stored.moves = ${moves}
      RETURNING log, partition),
    numbered AS (
      INSERT INTO publisher_numbers (log, partition, publisher, number)
      SELECT advanced.log, advanced.partition, publisher, next FROM advanced, given
      ON CONFLICT (log, partition, publisher) DO UPDATE
      SET number = excluded.number, heard_at = now()),
    raised AS (
      INSERT INTO list_versions AS stored (log, partition, changes)
      SELECT log, partition, 1 FROM advanced WHERE ${listsMayChange}::boolean
      ON CONFLICT (log, partition) DO UPDATE SET changes = stored.changes + 1)`
}

/** See TodoStore. */
export const applyCreations = async (
  sql: Sql,
  log: LogName,
  partition: number,
  advance: Advance,
  creations: readonly CreateTodo[],
  outbox?: OutboxSlot,
): Promise<boolean> => {
  const [row] = await sql<{ count: number }[]>`
    WITH ${advanced(sql, log, partition, advance, true)},
    ids AS (SELECT ${creations.map((one) => one.todoId)}::text[] AS made),
    ${outbox ? sql`${leaveCreated(sql, outbox)},` : sql``}
    made AS (
      INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
      SELECT id, title, description, false, user_id, at, at, 1
      FROM ids, unnest(made, ${creations.map((one) => one.title)}::text[],
          ${creations.map((one) => one.description)}::text[],
          ${creations.map((one) => one.userId)}::text[],
          ${creations.map((one) => one.atMs)}::bigint[]) AS new (id, title, description, user_id, ms),
        LATERAL (SELECT timestamptz 'epoch' + ms * interval '1 ms' AS at) AS time
      WHERE EXISTS (SELECT FROM advanced)
      ORDER BY id COLLATE "C")
    SELECT count(*)::int FROM advanced`
  return row?.count === 1
}

export const inTransaction = (tx: Sql): StoreTransaction => ({
  async advanceOffset(log, partition, advance, listsMayChange) {
    const [row] = await tx<{ count: number }[]>`
      WITH ${advanced(tx, log, partition, advance, listsMayChange)}
      SELECT count(*)::int FROM advanced`
    return row?.count === 1
  },
  async alreadyApplied(commandIds) {
    if (commandIds.length === 0) return new Set()
    const rows = await tx<{ command_id: string }[]>`
      SELECT command_id FROM command_outcomes WHERE command_id = ANY(${commandIds as string[]})`
    return new Set(rows.map((row) => row.command_id))
  },
  async lockMemberships(memberships, asked) {
    if (memberships.length === 0 && asked.length === 0) return []
    return tx<Member[]>`
      SELECT team_id AS "teamId", user_id AS "userId", role FROM team_members
      WHERE (team_id, user_id) IN (SELECT * FROM unnest(
          ${memberships.map((one) => one.teamId)}::text[],
          ${memberships.map((one) => one.userId)}::text[])
        ${asked.length > 0 ? byShares(tx, asked) : tx``})
      ORDER BY team_id, user_id FOR SHARE`
  },
  async lockShares(asked) {
    if (asked.length === 0) return []
    const userIds = asked.map((one) => one.userId)
    // One that waits for an account is that of a confirmed address: see todo_sharers in sql/014.
    return tx<LockedShare[]>`
      SELECT share.todo_id AS "todoId", share.role, share.team_id AS "teamId",
        coalesce(share.user_id, (SELECT id FROM users
          WHERE users.email = share.email AND email_verified_at IS NOT NULL)) AS "userId"
      FROM todo_shares AS share
      WHERE todo_id = ANY(${asked.map((one) => one.todoId)}::text[]) AND (
        user_id = ANY(${userIds}::text[])
        OR team_id IN (SELECT team_id FROM team_members WHERE user_id = ANY(${userIds}::text[]))
        OR user_id IS NULL AND email IN (SELECT email FROM users WHERE id = ANY(${userIds}::text[])))
      ORDER BY share.id FOR SHARE OF share`
  },
  async lockTodos(ids) {
    if (ids.length === 0) return new Map()
    const rows = await tx<TodoRow[]>`
      SELECT ${rowColumns(tx)} FROM todos WHERE id = ANY(${ids as string[]}) ORDER BY id FOR NO KEY UPDATE`
    return new Map(rows.map((row) => [row.id, row]))
  },
  // A statement of its own: it sees what was shared while the todos' locks were waited for.
  async sharedTodos(ids) {
    if (ids.length === 0) return new Set()
    const rows = await tx<{ todo_id: string }[]>`
      SELECT DISTINCT todo_id FROM todo_shares WHERE todo_id = ANY(${ids as string[]})`
    return new Set(rows.map((row) => row.todo_id))
  },
  // One behind the other, without waiting in between: no todo is in two of them.
  async write({ inserts, updates, deletes }) {
    const written: PromiseLike<unknown>[] = []
    if (deletes.length > 0) {
      written.push(tx`DELETE FROM todos WHERE id = ANY(${deletes as string[]})`.execute())
    }
    if (updates.length > 0) {
      const c = columns(updates)
      const update = tx`
        UPDATE todos SET title = new.title, description = new.description,
          completed = new.completed, user_id = new.user_id, created_at = new.created_at,
          updated_at = new.updated_at, revision = new.revision, is_personal = new.is_personal,
          team_id = new.team_id, assignee_id = new.assignee_id
        FROM unnest(${c.id}::text[], ${c.title}::text[], ${c.description}::text[],
          ${tx.array(c.completed)}::boolean[], ${c.userId}::text[], ${tx.array(c.createdAt)}::timestamptz[],
          ${tx.array(c.updatedAt)}::timestamptz[], ${c.revision}::int[],
          ${tx.array(c.isPersonal)}::boolean[], ${c.teamId}::text[], ${c.assigneeId}::text[])
          AS new (${rowColumns(tx)})
        WHERE todos.id = new.id`
      written.push(update.execute())
    }
    if (inserts.length > 0) {
      const c = columns(inserts)
      const insert = tx`
        INSERT INTO todos (${rowColumns(tx)})
        SELECT * FROM unnest(${c.id}::text[], ${c.title}::text[], ${c.description}::text[],
          ${tx.array(c.completed)}::boolean[], ${c.userId}::text[], ${tx.array(c.createdAt)}::timestamptz[],
          ${tx.array(c.updatedAt)}::timestamptz[], ${c.revision}::int[],
          ${tx.array(c.isPersonal)}::boolean[], ${c.teamId}::text[], ${c.assigneeId}::text[])
          AS new (${rowColumns(tx)}) ORDER BY id COLLATE "C"`
      written.push(insert.execute())
    }
    await Promise.all(written)
  },
  async recordOutcomes(outcomes) {
    if (outcomes.length === 0) return
    await tx`
      INSERT INTO command_outcomes (command_id, outcome, bucket)
      SELECT * FROM unnest(${outcomes.map((one) => one.commandId)}::text[],
        ${outcomes.map((one) => one.outcome)}::text[],
        ${outcomes.map((one) => bucketOf(one.todoId) ?? null)}::int[])`
  },
  // One behind the other, as in write().
  async changePages(owners) {
    const idsOf = (wanted: 'user' | 'team') =>
      owners.map(partsOf).flatMap(({ kind, id }) => (kind === wanted ? [id] : []))
    const raised = [
      raisePages(tx, 'user', 'personal_lists', 'user_id', idsOf('user')),
      raisePages(tx, 'team', 'team_lists', 'team_id', idsOf('team')),
    ]
    return new Map((await Promise.all(raised)).flat())
  },
  async leaveEvents(outbox, events) {
    await leaveEvents(tx, outbox, events)
  },
  async deadLetter(log, partition, letters) {
    const written = letters.map(({ offset, reason, record }) =>
      tx`
        INSERT INTO dead_letters (log, identity, partition, record_offset, reason, record)
        VALUES (${log.name}, ${log.identity}, ${partition}, ${offset}, ${reason}, ${record})
        ON CONFLICT DO NOTHING`.execute(),
    )
    await Promise.all(written)
  },
  async savepoint(work) {
    await tx`SAVEPOINT before_work`
    try {
      return await work(inTransaction(tx))
    } catch (error) {
      if (storeErrorKind(error) === 'command') await tx`ROLLBACK TO SAVEPOINT before_work`
      throw error
    }
  },
})

const byShares = (tx: Sql, asked: readonly Asked[]) => tx`
  UNION ALL SELECT share.team_id, asked.user_id
  FROM unnest(${asked.map((one) => one.todoId)}::text[],
    ${asked.map((one) => one.userId)}::text[]) AS asked (todo_id, user_id)
  JOIN todo_shares AS share USING (todo_id) WHERE share.team_id IS NOT NULL`

/** Those of `ids` begin at the time in microseconds, so that a database that was made anew is ahead. */
const raisePages = async (
  tx: Sql,
  kind: 'user' | 'team',
  table: string,
  key: string,
  ids: string[],
): Promise<[PageOwner, number][]> => {
  if (ids.length === 0) return []
  const rows = await tx<{ id: string; version: string }[]>`
    INSERT INTO ${tx(table)} AS stored (${tx(key)}, version)
    SELECT changed, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    FROM unnest(${ids}::text[]) AS changed ORDER BY changed COLLATE "C"
    ON CONFLICT (${tx(key)}) DO UPDATE SET version = stored.version + 1
    RETURNING ${tx(key)} AS id, version`
  return rows.map(({ id, version }) => [`${kind}:${id}`, Number(version)])
}

export const rowColumns = (sql: Sql) => sql`
  id, title, description, completed, user_id, created_at, updated_at, revision, is_personal,
  team_id, assignee_id`

// postgres.js takes an array of booleans or dates for one boolean or date: those go through array().
const columns = (rows: readonly TodoRow[]) => ({
  id: rows.map((row) => row.id),
  title: rows.map((row) => row.title),
  description: rows.map((row) => row.description),
  completed: rows.map((row) => row.completed),
  userId: rows.map((row) => row.user_id),
  createdAt: rows.map((row) => row.created_at),
  updatedAt: rows.map((row) => row.updated_at),
  revision: rows.map((row) => row.revision),
  isPersonal: rows.map((row) => row.is_personal),
  teamId: rows.map((row) => row.team_id),
  assigneeId: rows.map((row) => row.assignee_id),
})
