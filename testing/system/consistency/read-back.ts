// Reads back what a run left in the log and in the database. The embedded log forgets what is applied,
// so a trigger keeps a copy of all that was ever appended to it.

import postgres from 'postgres'
import { readTopic } from '../../read-topic.ts'
import type { Command } from '../../../lib/domain/command.ts'
import type { Evidence, Logged, Row } from './evidence.ts'
import type { Stack } from './services.ts'
import { readTopicEnds } from './topic.ts'

export type LogPlace = {
  readonly databaseUrl: string
  readonly topic: string
  readonly brokers: string
}
type Log = Pick<Evidence, 'log' | 'ends'>
type Tables = Pick<Evidence, 'todos' | 'outcomes' | 'nextOffsets' | 'deadLetters'>

const connect = (url: string) => postgres(url, { max: 1, onnotice: () => {} })

export const keepEmbeddedLog = async (databaseUrl: string): Promise<void> => {
  const sql = connect(databaseUrl)
  await sql.unsafe(`
    CREATE TABLE kept_log (LIKE command_log);
    CREATE FUNCTION keep_log() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN INSERT INTO kept_log SELECT * FROM added; RETURN NULL; END';
    CREATE TRIGGER keep_log AFTER INSERT ON command_log
      REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION keep_log()`)
  await sql.end()
}

export const readKafkaLog = async ({ brokers, topic }: LogPlace): Promise<Log> => {
  const { records, ends } = await readTopic(brokers, topic)
  return { log: records.map((one) => loggedOf(one.partition, one.offset, one.value)), ends }
}

export const readEmbeddedLog = async ({ databaseUrl, topic }: LogPlace): Promise<Log> => {
  const sql = connect(databaseUrl)
  const records = await sql<{ partition: number; record_offset: string; record: Buffer }[]>`
    SELECT partition, record_offset, record FROM kept_log WHERE log = ${topic}`
  const ends = await embeddedEndsOf(sql, topic)
  await sql.end()
  return {
    log: records.map((one) =>
      loggedOf(one.partition, Number(one.record_offset), one.record.toString()),
    ),
    ends,
  }
}

const loggedOf = (partition: number, offset: number, record: string): Logged => {
  const command = JSON.parse(record) as Command & { by?: string; n?: number }
  const { commandId, kind, todoId, userId, atMs, keepsOutcome, by, n } = command
  const stamp = by !== undefined && n !== undefined ? { by, n } : undefined
  if (kind === 'toggle') throw new Error('no client here toggles')
  const set = command.kind === 'create' ? command : command.kind === 'update' ? command.change : {}
  const { title, description, completed } = {
    title: undefined,
    description: undefined,
    completed: undefined,
    ...set,
  }
  const ifRevision = command.kind === 'create' ? undefined : command.ifRevision
  const fields = { title, description, completed, ifRevision }
  return {
    partition,
    offset,
    commandId,
    kind,
    todoId,
    userId,
    isPersonal: command.isPersonal === true,
    atMs,
    stamp,
    keepsOutcome,
    ...fields,
  }
}

/** Each partition's end, without reading the log. */
export const readEnds = async (stack: Stack, place: LogPlace): Promise<Map<number, number>> => {
  if (stack !== 'embedded') return readTopicEnds(place)
  const sql = connect(place.databaseUrl)
  const ends = await embeddedEndsOf(sql, place.topic)
  await sql.end()
  return ends
}

const embeddedEndsOf = async (sql: postgres.ISql, topic: string): Promise<Map<number, number>> => {
  const rows = await sql<{ partition: number; next_offset: string }[]>`
    SELECT partition, next_offset FROM command_log_partitions WHERE log = ${topic}`
  return new Map(rows.map((one) => [one.partition, Number(one.next_offset)]))
}

/** What a list that is fresh carries at least. */
export const readListVersion = async ({ databaseUrl }: LogPlace): Promise<number> => {
  const sql = connect(databaseUrl)
  const [row] = await sql<{ version: string }[]>`SELECT sum(changes) AS version FROM list_versions`
  await sql.end()
  return Number(row?.version)
}

export const readNextOffsets = async ({ databaseUrl, topic }: LogPlace) => {
  const sql = connect(databaseUrl)
  const offsets = await nextOffsetsOf(sql, topic)
  await sql.end()
  return offsets
}

const nextOffsetsOf = async (sql: postgres.ISql, topic: string): Promise<Map<number, number>> => {
  const rows = await sql<{ partition: number; next_offset: string }[]>`
    SELECT partition, next_offset FROM command_offsets WHERE log = ${topic}`
  return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]))
}

/** One snapshot of all tables: Postgres itself says what belongs together. */
export const readTables = async ({ databaseUrl, topic }: LogPlace): Promise<Tables> => {
  const sql = connect(databaseUrl)
  const tables = await sql.begin('ISOLATION LEVEL REPEATABLE READ', async (tx) => {
    const todos = await tx<(Row & { id: string; created: Date; updated: Date })[]>`
      SELECT id, title, description, completed, user_id AS "userId", revision, is_personal AS "isPersonal",
        created_at AS created, updated_at AS updated
      FROM todos ORDER BY created_at DESC, id DESC`
    const outcomes = await tx<{ command_id: string; outcome: string }[]>`
      SELECT command_id, outcome FROM command_outcomes`
    const [letters] = await tx<{ count: string }[]>`SELECT count(*) AS count FROM dead_letters`
    return {
      todos: new Map(
        todos.map(({ id, created, updated, ...row }): [string, Row] => [
          id,
          { ...row, createdMs: created.getTime(), updatedMs: updated.getTime() },
        ]),
      ),
      outcomes: new Map(outcomes.map((one) => [one.command_id, one.outcome])),
      nextOffsets: await nextOffsetsOf(tx, topic),
      deadLetters: Number(letters?.count),
    }
  })
  await sql.end()
  return tables
}
