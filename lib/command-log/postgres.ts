// The command log in Postgres, for the embedded stack. Offsets are dense in each partition, as in
// Kafka, so the worker applies both logs by the same rules.

import { setTimeout as delay } from 'node:timers/promises'
import type { Sql } from 'postgres'
import { encodeCommand, type Command } from '../command.ts'
import type { Log } from '../log.ts'
import type { PoolUse } from '../pool-use.ts'
import { createMicroBatch } from '../micro-batch.ts'
import { listen } from '../pg-listen.ts'
import { createPool, type Pool } from '../postgres-pool.ts'
import { sessionUrl, type PostgresUrls } from '../postgres-urls.ts'
import { withTimeout } from '../with-timeout.ts'
import {
  lostCommands,
  type CommandConsumer,
  type CommandPublisher,
  type LogRecord,
  type Sink,
} from './command-log.ts'

const channel = 'command_log'
const deliveryMax = 1_000

/** Makes the log's partitions unless they are there; returns how many there are. */
export const ensureLog = async (
  settings: PostgresUrls & { readonly log: string; readonly partitions: number },
): Promise<number> => {
  const { log, url, directUrl } = settings
  const pool = createPool({ url, directUrl, poolSize: 1, timeoutMs: statementTimeoutMs })
  try {
    return await pool.transaction(async (tx) => {
      // Two starting servers must agree on the number of partitions: the first one's counts.
      await tx`SELECT pg_advisory_xact_lock(hashtext(${`command log ${log}`}))`
      await tx`
        INSERT INTO command_log_partitions (log, partition, next_offset)
        SELECT ${log}, partition, 0 FROM generate_series(0, ${settings.partitions - 1}) AS partition
        WHERE NOT EXISTS (SELECT FROM command_log_partitions WHERE log = ${log})`
      await tx`
        INSERT INTO command_log_claims (log, partition)
        SELECT log, partition FROM command_log_partitions WHERE log = ${log}
        ON CONFLICT DO NOTHING`
      const [row] = await tx<{ count: string }[]>`
        SELECT count(*) AS count FROM command_log_partitions WHERE log = ${log}`
      return Number(row?.count)
    })
  } finally {
    await pool.close()
  }
}

/** Each partition's end: the offset of its next record. Empty when there is no such log. */
export const readLogEnds = async (
  settings: PostgresUrls & { readonly log: string },
  timeoutMs: number,
): Promise<Map<number, number>> => {
  const { log, url, directUrl } = settings
  const pool = createPool({ url, directUrl, poolSize: 1, timeoutMs })
  try {
    const rows = await pool.run(
      (sql) => sql<{ partition: number; next_offset: string }[]>`
        SELECT partition, next_offset FROM command_log_partitions WHERE log = ${log}`,
    )
    return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]))
  } finally {
    await pool.close()
  }
}

/** FNV-1a: any hash would do, as long as every server uses the same one. */
export const partitionOf = (todoId: string, partitions: number): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < todoId.length; i++) {
    hash = Math.imul(hash ^ todoId.charCodeAt(i), 0x01000193) >>> 0
  }
  return hash % partitions
}

export const createPostgresPublisher = (
  settings: PostgresUrls & {
    readonly log: string
    readonly partitions: number
    readonly queueMax: number
    readonly waitMaxMs: number
    readonly timeoutMs: number
    readonly use?: PoolUse
    readonly logger?: Log
  },
): CommandPublisher => {
  const pool = createPool({
    url: settings.url,
    directUrl: settings.directUrl,
    poolSize: 2, // one to publish, one to answer pings meanwhile
    timeoutMs: settings.timeoutMs,
    use: settings.use,
    log: settings.logger,
  })
  const batch = createMicroBatch<Command>({
    pendingMax: settings.queueMax,
    batchMax: 1_000,
    waitMaxMs: settings.waitMaxMs,
    send: (commands) => append(pool, settings.log, settings.partitions, commands),
  })
  return {
    publish: (command) => batch.add(command),
    pending: batch.pending,
    ping: pool.ping,
    async close() {
      await batch.idle()
      await pool.close()
    },
  }
}

const append = async (
  pool: Pool,
  log: string,
  partitions: number,
  commands: readonly Command[],
) => {
  const byPartition = new Map<number, string[]>()
  for (const command of commands) {
    const partition = partitionOf(command.todoId, partitions)
    const records = byPartition.get(partition) ?? []
    records.push(encodeCommand(command))
    byPartition.set(partition, records)
  }
  await pool.transaction(async (tx) => {
    const touched = [...byPartition.keys()]
    const rows = await tx<{ partition: number; next_offset: string }[]>`
      SELECT partition, next_offset FROM command_log_partitions
      WHERE log = ${log} AND partition = ANY(${touched}) ORDER BY partition FOR NO KEY UPDATE`
    const partition: number[] = []
    const offset: number[] = []
    const record: Buffer[] = []
    for (const row of rows) {
      for (const [i, text] of (byPartition.get(row.partition) ?? []).entries()) {
        partition.push(row.partition)
        offset.push(Number(row.next_offset) + i)
        record.push(Buffer.from(text))
      }
    }
    if (record.length !== commands.length) throw new Error(`the command log ${log} is not set up`)
    await tx`
      INSERT INTO command_log (log, partition, record_offset, record)
      SELECT ${log}, * FROM unnest(${partition}::int[], ${offset}::bigint[], ${tx.array(record)}::bytea[])`
    await tx`
      UPDATE command_log_partitions p SET next_offset = added.next_offset
      FROM (SELECT partition, max(record_offset) + 1 AS next_offset
            FROM unnest(${partition}::int[], ${offset}::bigint[]) AS new (partition, record_offset)
            GROUP BY partition) AS added
      WHERE p.log = ${log} AND p.partition = added.partition`
    await tx`SELECT pg_notify(${channel}, '')`
  })
}

/** How long a notification may be missed for: an idle consumer looks anyway, this often. */
const idleLookMs = 500
const retryMs = 200
const statementTimeoutMs = 10_000
const claimProbeIntervalMs = 1_000
const claimProbeTimeoutMs = 2_000

export const createPostgresConsumer = (
  settings: PostgresUrls & { readonly log: string; readonly partitionsAtOnce: number },
  log: Log,
): CommandConsumer => {
  const pool = createPool({
    url: settings.url,
    directUrl: settings.directUrl,
    log,
    // Every runner holds one connection for as long as it holds its claim; one is for deleting.
    poolSize: settings.partitionsAtOnce + 1,
    timeoutMs: statementTimeoutMs,
  })
  let stopping = false
  let wake = () => {}
  let awake = new Promise<void>((resolve) => (wake = resolve))
  const wakeAll = () => {
    wake()
    awake = new Promise((resolve) => (wake = resolve))
  }
  let runners: Promise<void>[] = []
  let stopListening = () => Promise.resolve()

  /** Of each runner; Infinity while the sink has a delivery, however long that takes. */
  const signs = new Map<number, number>()

  const run = async (runner: number, sink: Sink, onFatal: (reason: string) => void) => {
    const sign = () => signs.set(runner, performance.now())
    const watched: Sink = async (delivery) => {
      signs.set(runner, Infinity)
      return sink(delivery).finally(sign)
    }
    while (!stopping) {
      sign()
      try {
        const found = await deliverOne(pool, settings.log, watched, () => stopping, onFatal)
        if (!found && !stopping) await sleepOr(idleLookMs, awake)
      } catch (error) {
        log.warn({ reason: (error as Error).message }, 'the command log does not answer')
        await sleepOr(retryMs, awake)
      }
    }
  }

  return {
    start(sink, onFatal) {
      const listening = { onNotify: wakeAll, onListening: wakeAll, onLost: () => {} }
      stopListening = listen(sessionUrl(settings), channel, listening, log)
      runners = Array.from({ length: settings.partitionsAtOnce }, (_, runner) =>
        run(runner, sink, onFatal),
      )
      return Promise.resolve()
    },
    lastSignMs: () => Math.min(performance.now(), ...signs.values()),
    async stop() {
      stopping = true
      wakeAll()
      await Promise.all(runners)
      await stopListening()
      await pool.close()
    },
  }
}

/** Claims a partition that has records, delivers some, and deletes them. False: nothing to do. */
const deliverOne = (
  pool: Pool,
  log: string,
  sink: Sink,
  abandoned: () => boolean,
  onFatal: (reason: string) => void,
): Promise<boolean> =>
  // The sink takes as long as it takes: a database that is away is waited for.
  pool.transaction(
    async (tx) => {
      // Claims are tried in random order, so that a busy partition cannot starve the others.
      const [claim] = await tx<{ partition: number }[]>`
      SELECT partition FROM command_log_claims AS claims
      WHERE log = ${log} AND EXISTS (
        SELECT FROM command_log WHERE log = ${log} AND partition = claims.partition)
      ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED`
      if (!claim) return false
      const { partition } = claim
      const rows = await tx<{ record_offset: string; record: Buffer }[]>`
      SELECT record_offset, record FROM command_log
      WHERE log = ${log} AND partition = ${partition} ORDER BY record_offset LIMIT ${deliveryMax}`
      const records: LogRecord[] = rows.map((row) => ({
        offset: Number(row.record_offset),
        value: row.record,
      }))
      const [first, last] = [records[0], records.at(-1)]
      if (!first || !last) return false
      const [end] = await tx<{ next_offset: string }[]>`
      SELECT next_offset FROM command_log_partitions
      WHERE log = ${log} AND partition = ${partition}`
      const endOffset = Number(end?.next_offset)
      const result = await whileClaimed(tx, () =>
        sink({ partition, records, endOffset, abandoned }),
      )
      switch (result.kind) {
        case 'taken':
          await pool.run(
            (sql) => sql`
            DELETE FROM command_log
            WHERE log = ${log} AND partition = ${partition} AND record_offset <= ${last.offset}`,
          )
          return true
        case 'abandoned':
          return false
        case 'gap':
        case 'truncated':
          onFatal(lostCommands(log, partition, result.expectedOffset, first.offset))
          return false
      }
    },
    { timeoutMs: Infinity },
  )

/**
 * What `work` resolves with. Meanwhile the claim's connection is asked: it has nothing else to do, so
 * that it fell silent would be noticed by nobody, and its server ends a transaction that is idle.
 */
const whileClaimed = async <T>(tx: Sql, work: () => Promise<T>): Promise<T> => {
  const done = new AbortController()
  const ask = async (): Promise<never> => {
    for (;;) {
      await delay(claimProbeIntervalMs, undefined, { signal: done.signal })
      await withTimeout(claimProbeTimeoutMs, async () => tx`SELECT 1`)
    }
  }
  try {
    return await Promise.race([work(), ask()])
  } finally {
    done.abort()
  }
}

const sleepOr = (ms: number, event: Promise<void>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const slept = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  return Promise.race([slept, event]).finally(() => clearTimeout(timer))
}
