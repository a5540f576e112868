// Reads back what a run left in the log and in the database. The embedded log forgets what is applied,
// so a trigger keeps a copy of all that was ever appended to it.

import postgres from 'postgres'
import { readTopic } from '../../read-topic.ts'
import type { Command } from '../../../lib/domain/command.ts'
import type { Evidence, Logged, Row } from './evidence.ts'
import { joiningShard, shardNames, type Stack } from './services.ts'
import { readTopicEnds } from './topic.ts'

export type LogPlace = {
  readonly databaseUrl: string
  /** Of the databases that have todos: those of the shards, or the one. */
  readonly todoUrls: readonly string[]
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

/** What a list that is fresh carries at least: of each database that has todos. */
export const readListVersions = ({ todoUrls }: LogPlace): Promise<number[]> =>
  Promise.all(
    todoUrls.map(async (url) => {
      const sql = connect(url)
      const [row] = await sql<{ version: string }[]>`
        SELECT sum(changes) AS version FROM list_versions`
      await sql.end()
      return Number(row?.version)
    }),
  )

export const readNextOffsets = async ({ todoUrls, topic }: LogPlace) => {
  const all = await Promise.all(
    todoUrls.map(async (url) => {
      const sql = connect(url)
      const positions = await sql.begin((tx) => positionsOf(tx, topic))
      await sql.end()
      return positions
    }),
  )
  return merged(all)
}

/** Of one database: where it is in each partition, and of its buckets that are in another shard, which. */
type Positions = {
  readonly next: ReadonlyMap<number, number>
  readonly guests: readonly { readonly partition: number; readonly shard: string }[]
}

/**
 * The home of a partition is ahead of all others, and of those only shards that have some of its buckets go
 * on. What one of these has not applied is not applied.
 */
const merged = (all: readonly Positions[]): Map<number, number> => {
  const home = new Map<number, number>()
  for (const [partition, offset] of all.flatMap(({ next }) => [...next]))
    home.set(partition, Math.max(offset, home.get(partition) ?? 0))
  const applied = new Map(home)
  for (const { partition, shard } of all.flatMap(({ guests }) => guests)) {
    const nth = [...shardNames, joiningShard].findIndex((name) => name === shard)
    const there = all[nth]?.next.get(partition) ?? 0
    applied.set(partition, Math.min(there, applied.get(partition) ?? 0))
  }
  return applied
}

const positionsOf = async (sql: postgres.ISql, topic: string): Promise<Positions> => {
  const rows = await sql<{ partition: number; next_offset: string }[]>`
    SELECT partition, next_offset FROM command_offsets WHERE log = ${topic}`
  const guests = await sql<{ partition: number; shard: string }[]>`
    SELECT DISTINCT partition, shard FROM buckets_elsewhere`
  return { next: new Map(rows.map((row) => [row.partition, Number(row.next_offset)])), guests }
}

/** One of all databases, newest first as each has them. A todo that is in two is one too many. */
export const readTables = async ({ todoUrls, topic }: LogPlace): Promise<Tables> => {
  const all = await Promise.all(todoUrls.map((url) => readTablesOf(url, topic)))
  const rows = all.flatMap(({ todos }) => [...todos])
  const todos = new Map(
    rows.sort(([a, one], [b, other]) => other.createdMs - one.createdMs || (a < b ? 1 : -1)),
  )
  if (todos.size < rows.length) throw new Error('a todo is in two databases')
  return {
    todos,
    outcomes: new Map(all.flatMap(({ outcomes }) => [...outcomes])),
    nextOffsets: merged(all.map(({ positions }) => positions)),
    deadLetters: all.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
  }
}

/** One snapshot of all tables: Postgres itself says what belongs together. */
const readTablesOf = async (url: string, topic: string) => {
  const sql = connect(url)
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
      positions: await positionsOf(tx, topic),
      deadLetters: Number(letters?.count),
    }
  })
  await sql.end()
  return tables
}
