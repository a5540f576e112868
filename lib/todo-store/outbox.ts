// What a batch's transaction leaves for whoever appends its events. Of public todos that were made, which
// are most, only ids: their bodies, 400 bytes each, would cost as much as the rows themselves.

import { lineOf, sweptSources, type ChannelName } from '../domain/event.ts'
import type { TodoRow } from '../domain/todo.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { rowColumns } from './applying.ts'
import type { CreatedEvent, LeftEvent, OutboxRow, OutboxSlot } from './todo-store.ts'

/** Not the batch's own row, which is there when an operator has set the offset back. */
const forgotten = (sql: Sql, { source, number, appended, isFull }: OutboxSlot) => sql`
  forgotten AS (
    DELETE FROM event_outbox
    WHERE source = ${source} AND number <= ${Math.min(isFull ? Infinity : appended, number - 1)}::bigint)`

/** WITH these, of a statement that has `advanced` and `ids`. */
export const leaveCreated = (sql: Sql, outbox: OutboxSlot) => sql`
  ${forgotten(sql, outbox)},
  left_behind AS (
    INSERT INTO event_outbox (source, number, created)
    SELECT ${outbox.source}, ${outbox.number}::bigint, ${outbox.isFull ? sql`NULL` : sql`made`}
    FROM ids WHERE EXISTS (SELECT FROM advanced)
    ON CONFLICT (source, number) DO UPDATE
    SET created = excluded.created, events = NULL, made_at = now())`

export const leaveEvents = async (
  sql: Sql,
  outbox: OutboxSlot,
  events: readonly LeftEvent[],
): Promise<void> => {
  const lines = outbox.isFull
    ? null
    : events.map(({ channel, body }) => lineOf(channel, body)).join('\n')
  await sql`
    WITH ${forgotten(sql, outbox)}
    INSERT INTO event_outbox (source, number, events)
    VALUES (${outbox.source}, ${outbox.number}, ${lines})
    ON CONFLICT (source, number) DO UPDATE
    SET created = NULL, events = excluded.events, made_at = now()`
}

const eventIn = (line: string): LeftEvent => {
  const end = line.indexOf(' ')
  return end === -1
    ? { channel: line as ChannelName, body: undefined }
    : { channel: line.slice(0, end) as ChannelName, body: line.slice(end + 1) }
}

type Row = {
  readonly number: string
  readonly created: readonly string[] | null
  readonly events: string | null
}

/**
 * A todo that was changed since is told of as it is: its later events have lower revisions then. Of one
 * that was deleted since nothing is had but that it was there.
 */
export const readOutbox = async (
  sql: Sql,
  source: string,
  rowsMax: number,
  eventOf: CreatedEvent,
): Promise<OutboxRow[]> => {
  const rows = await sql<Row[]>`
    SELECT number, to_json(created) AS created, events FROM event_outbox WHERE source = ${source}
    ORDER BY number LIMIT ${rowsMax === Infinity ? null : rowsMax}`
  const left: OutboxRow[] = []
  for (const { number, created, events } of rows) {
    const made = created ? await readTodos(sql, created) : []
    left.push({
      number: Number(number),
      events: created ? made.map(eventOf) : (events?.split('\n').map(eventIn) ?? 'too-many'),
    })
  }
  return left
}

/** One for each id, undefined where there is none. */
const readTodos = async (sql: Sql, ids: readonly string[]): Promise<(TodoRow | undefined)[]> => {
  const rows = await sql<TodoRow[]>`
    SELECT ${rowColumns(sql)} FROM todos WHERE id = ANY(${ids as string[]}::text[])`
  const found = new Map(rows.map((row) => [row.id, row]))
  return ids.map((id) => found.get(id))
}

export const outboxSources = async (sql: Sql, olderThanSec: number): Promise<string[]> => {
  const rows = await sql<{ source: string }[]>`
    SELECT DISTINCT source FROM event_outbox
    WHERE made_at < now() - make_interval(secs => ${olderThanSec}) OR source LIKE ${sweptSources}`
  return rows.map(({ source }) => source)
}

export const clearOutbox = async (sql: Sql, source: string, appended: number): Promise<void> => {
  await sql`DELETE FROM event_outbox WHERE source = ${source} AND number <= ${appended}`
}
