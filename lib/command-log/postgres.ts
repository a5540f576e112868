// The command log in Postgres, for the embedded stack. Offsets are dense in each partition, as in
// Kafka, so the worker applies both logs by the same rules.

import { setTimeout as delay } from 'node:timers/promises'
import { encodeCommand } from '../domain/command.ts'
import type { FoundLog } from '../domain/log-identity.ts'
import type { LogPosition } from '../domain/must-see.ts'
import type { Log } from '../runtime/log.ts'
import type { PoolStats } from '../runtime/pool-stats.ts'
import { createMicroBatch, NotSent } from '../runtime/micro-batch.ts'
import type { PoolName } from '../drivers/postgres/budget.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import {
  lostCommands,
  pendingBytesMax,
  rewrittenLog,
  type CommandConsumer,
  type CommandPublisher,
  type LogProbe,
  type LogRecord,
  type PublishGate,
  type Sink,
} from './command-log.ts'
import { createHomes, type Homes } from './homes.ts'
import { fnv1a } from './postgres-partition.ts'
import { positionsIn } from './positions.ts'
import { createStamps } from './stamps.ts'
import { traceIn, withTrace } from './trace-suffix.ts'
import { createLossWatch, lossConfirmMsDefault, type LossWatch } from './loss.ts'
import type { Bounds } from '../domain/log-identity.ts'
import { withTimeout } from '../runtime/deadline.ts'

const channel = 'command_log'
const deliveryMax = 1_000
/** For the log's own rows: two servers that start at once wait for each other. */
const setUpTimeoutMs = 10_000
/** Bytes per INSERT, which is twice as long on the wire: one of 1,000 of the largest would be 30 MB. */
const insertBytesMax = 4 * 1024 * 1024

/** Makes the log's partitions unless they are there; returns how many there are. */
export const ensureLog = (
  databases: Databases,
  { log, partitions }: { readonly log: string; readonly partitions: number },
): Promise<number> =>
  databases.once(setUpTimeoutMs, (pool) =>
    pool.transaction(async (tx) => {
      // Two starting servers must agree on the number of partitions: the first one's counts.
      await tx`SELECT pg_advisory_xact_lock(hashtext(${`command log ${log}`}))`
      await tx`
        INSERT INTO command_log_partitions (log, partition, next_offset)
        SELECT ${log}, partition, 0 FROM generate_series(0, ${partitions - 1}) AS partition
        WHERE NOT EXISTS (SELECT FROM command_log_partitions WHERE log = ${log})`
      await tx`
        INSERT INTO command_log_claims (log, partition)
        SELECT log, partition FROM command_log_partitions WHERE log = ${log}
        ON CONFLICT DO NOTHING`
      const [row] = await tx<{ count: string }[]>`
        SELECT count(*) AS count FROM command_log_partitions WHERE log = ${log}`
      return Number(row?.count)
    }),
  )

/** The range of each partition. Empty when there is no such log. */
export const readLogRanges = (
  databases: Databases,
  log: string,
  timeoutMs: number,
): Promise<Map<number, Bounds>> =>
  databases.once(timeoutMs, (pool) => pool.run((sql) => selectBounds(sql, log)))

/** Adds partitions until there are so many. */
export const growLog = (
  databases: Databases,
  { log, partitions }: { readonly log: string; readonly partitions: number },
): Promise<void> =>
  databases.once(setUpTimeoutMs, (pool) =>
    pool.transaction(async (tx) => {
      await tx`SELECT pg_advisory_xact_lock(hashtext(${`command log ${log}`}))`
      await tx`
        INSERT INTO command_log_partitions (log, partition, next_offset)
        SELECT ${log}, partition, 0 FROM generate_series(0, ${partitions - 1}) AS partition
        ON CONFLICT DO NOTHING`
      await tx`
        INSERT INTO command_log_claims (log, partition)
        SELECT log, partition FROM command_log_partitions WHERE log = ${log}
        ON CONFLICT DO NOTHING`
    }),
  )

type IdentityRow = { identity: string | null; partitions: number }

/** `name`: the pool it asks on. */
export const createLogProbe = (
  databases: Databases,
  log: string,
  timeoutMs: number,
  name: PoolName,
): LogProbe => {
  const pool = databases.pool(name, { timeoutMs })
  return {
    find: () =>
      pool.run(async (sql) => {
        const [row] = await sql<IdentityRow[]>`
          SELECT (SELECT identity FROM command_log_partitions
                  WHERE log = ${log} AND partition = 0) AS identity,
            (SELECT count(*)::int FROM command_log_partitions WHERE log = ${log}) AS partitions`
        return foundIn(row)
      }),
    renew: () => {}, // it is the database of whoever asks
    close: pool.close,
  }
}

const foundIn = (row: IdentityRow | undefined): FoundLog | undefined =>
  row?.identity == null
    ? undefined
    : { identity: `postgres:${row.identity}`, partitions: row.partitions }

/** Each partition's end, for one who asks again and again: a connection that does not answer is replaced. */
export const createEndsReader = (databases: Databases, log: string, timeoutMs: number) => {
  const pool = databases.pool('log ends', { timeoutMs })
  return {
    read: () =>
      pool.run(async (sql) => {
        const rows = await sql<{ partition: number; next_offset: string }[]>`
          SELECT partition, next_offset FROM command_log_partitions WHERE log = ${log}`
        return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]))
      }),
    close: () => void pool.close().catch(() => {}),
  }
}

const selectBounds = async (sql: Sql, log: string): Promise<Map<number, Bounds>> => {
  const rows = await sql<{ partition: number; first: string; next_offset: string }[]>`
    SELECT partition, next_offset, coalesce(
      (SELECT min(record_offset) FROM command_log AS records
       WHERE records.log = parts.log AND records.partition = parts.partition),
      next_offset) AS first
    FROM command_log_partitions AS parts WHERE log = ${log}`
  return new Map(
    rows.map((row) => [row.partition, { first: Number(row.first), end: Number(row.next_offset) }]),
  )
}

type Entry = { readonly todoId: string; readonly text: string; readonly bytes: number }

export const createPostgresPublisher = (
  databases: Databases,
  settings: {
    readonly log: string
    readonly gate: PublishGate
    readonly queueMax: number
    readonly waitMaxMs: number
    readonly timeoutMs: number
    readonly use?: PoolStats
  },
  logger: Log,
): CommandPublisher => {
  const pool = databases.pool('publisher', {
    timeoutMs: settings.timeoutMs,
    use: settings.use,
    log: logger,
  })
  const { gate } = settings
  const homes = createHomes(gate.partitions, fnv1a)
  const nextStamp = createStamps()
  const batch = createMicroBatch<Entry, LogPosition>({
    pendingMax: settings.queueMax,
    pendingBytesMax,
    batchMax: 1_000,
    waitMaxMs: settings.waitMaxMs,
    bytesOf: (entry) => entry.bytes,
    beginBatch() {
      let insertBytes = 0
      return (entry) => (insertBytes += entry.bytes) <= insertBytesMax
    },
    send(entries) {
      const refusal = gate.refusal()
      if (refusal !== undefined) throw new NotSent(refusal)
      homes.sending()
      return append(pool, settings.log, homes, entries)
    },
  })
  return {
    newTodoId: homes.newTodoId,
    publish(command, traceparent) {
      const reason = gate.refusal()
      if (reason !== undefined) {
        return Promise.resolve({ kind: 'refused', cause: 'log-closed', reason })
      }
      const text = withTrace(encodeCommand(command, nextStamp()), traceparent)
      return batch.add({ todoId: command.todoId, text, bytes: Buffer.byteLength(text) })
    },
    pending: batch.pending,
    async ping() {
      const refusal = gate.refusal()
      if (refusal !== undefined) throw new Error(refusal)
      await pool.ping()
    },
    async close() {
      await batch.idle()
      await pool.close()
    },
  }
}

/** Resolves with where each is. */
const append = async (pool: Pool, log: string, homes: Homes, entries: readonly Entry[]) => {
  const byPartition = new Map<number, Entry[]>()
  for (const entry of entries) {
    const partition = homes.partitionOf(entry.todoId)
    const records = byPartition.get(partition) ?? []
    records.push(entry)
    byPartition.set(partition, records)
  }
  const firstOffsets = new Map<number, number>()
  await pool.transaction(async (tx) => {
    const touched = [...byPartition.keys()]
    const rows = await tx<{ partition: number; next_offset: string }[]>`
      SELECT partition, next_offset FROM command_log_partitions
      WHERE log = ${log} AND partition = ANY(${touched}) ORDER BY partition FOR NO KEY UPDATE`
    const partition: number[] = []
    const offset: number[] = []
    const record: Buffer[] = []
    for (const row of rows) {
      firstOffsets.set(row.partition, Number(row.next_offset))
      for (const [i, { text }] of (byPartition.get(row.partition) ?? []).entries()) {
        partition.push(row.partition)
        offset.push(Number(row.next_offset) + i)
        record.push(Buffer.from(text))
      }
    }
    if (record.length !== entries.length) throw new Error(`the command log ${log} is not set up`)
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
  const batches = [...byPartition].map(([partition, records]) => ({ partition, records }))
  return positionsIn(entries, batches, firstOffsets)
}

/** How long a notification may be missed for: an idle consumer polls anyway, this often. */
const idleLookMs = 500
const retryMs = 200
const statementTimeoutMs = 10_000
const claimProbeIntervalMs = 1_000
const claimProbeTimeoutMs = 2_000

export const createPostgresConsumer = (
  databases: Databases,
  settings: {
    readonly log: string
    readonly partitionsAtOnce: number
    readonly lossConfirmMs?: number
  },
  log: Log,
): CommandConsumer => {
  const losses = createLossWatch(settings.lossConfirmMs ?? lossConfirmMsDefault)
  const pool = databases.pool('consumer', { timeoutMs: statementTimeoutMs })
  let stopping = false
  let wake = () => {}
  let awake = new Promise<void>((resolve) => (wake = resolve))
  const wakeAll = () => {
    wake()
    awake = new Promise((resolve) => (wake = resolve))
  }
  let runners: Promise<void>[] = []
  let stopListening = () => Promise.resolve()

  /** Last sign of each runner; Infinity while the sink has a delivery, however long that takes. */
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
        const found = await deliverOne(pool, settings.log, watched, () => stopping, losses, onFatal)
        if (!found && !stopping) await sleepOr(idleLookMs, awake)
      } catch (error) {
        losses.unanswered()
        log.warn({ reason: (error as Error).message }, 'the command log does not answer')
        await sleepOr(retryMs, awake)
      }
    }
  }

  return {
    start(sink, onFatal) {
      stopListening = databases.listen('commands', channel, {
        onNotify: wakeAll,
        onListening: wakeAll,
        onLost: () => {},
      })
      runners = Array.from({ length: settings.partitionsAtOnce }, (_, runner) =>
        run(runner, sink, onFatal),
      )
      return Promise.resolve()
    },
    lastSignMs: () => Math.min(performance.now(), ...signs.values()),
    isOurs: () => true, // any consumer may claim any partition
    restart: wakeAll, // each statement has a deadline, and a pool that missed one is replaced
    async stop() {
      stopping = true
      wakeAll()
      await Promise.all(runners)
      await stopListening()
      await pool.close()
    },
  }
}

/**
 * A claim whose connection died without a FIN is held by the database until this is over. So is one
 * whose sink hangs: the sink compares offsets, so that another may go on meanwhile.
 */
const idleClaimTimeout = '60s'

/** Claims a partition that has records, delivers some, and deletes them. False: nothing to do. */
const deliverOne = (
  pool: Pool,
  log: string,
  sink: Sink,
  abandoned: () => boolean,
  losses: LossWatch,
  onFatal: (reason: string) => void,
): Promise<boolean> =>
  // The sink takes as long as it takes: a database that is down is waited for. Statements do not.
  pool.transaction(
    async (tx) => {
      const answer = <T>(statement: PromiseLike<T>) =>
        withTimeout(statementTimeoutMs, async () => statement)
      // Claims are tried in random order, so that a busy partition cannot starve the others.
      const [claim] = await answer(tx<{ partition: number }[]>`
      SELECT partition FROM command_log_claims AS claims
      WHERE log = ${log} AND EXISTS (
        SELECT FROM command_log WHERE log = ${log} AND partition = claims.partition)
      ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED`)
      if (!claim) return false
      const { partition } = claim
      await answer(tx`
      SELECT set_config('idle_in_transaction_session_timeout', ${idleClaimTimeout}, true)`)
      const rows = await answer(tx<{ record_offset: string; record: Buffer }[]>`
      SELECT record_offset, record FROM command_log
      WHERE log = ${log} AND partition = ${partition} ORDER BY record_offset LIMIT ${deliveryMax}`)
      const records: LogRecord[] = rows.map((row) => ({
        offset: Number(row.record_offset),
        value: row.record,
        traceparent: traceIn(row.record),
      }))
      const [first, last] = [records[0], records.at(-1)]
      if (!first || !last) return false
      // After the records, so that it is their log that is found.
      const [end] = await answer(tx<(IdentityRow & { next_offset: string })[]>`
      SELECT next_offset,
        (SELECT identity FROM command_log_partitions WHERE log = ${log} AND partition = 0) AS identity,
        (SELECT count(*)::int FROM command_log_partitions WHERE log = ${log}) AS partitions
      FROM command_log_partitions WHERE log = ${log} AND partition = ${partition}`)
      const found = foundIn(end)
      // Deleted a moment ago, with what was read. The sink would ask for it again and again.
      if (!found) throw new Error(`there is no command log ${log} now`)
      const delivery = {
        partition,
        records,
        endOffset: Number(end?.next_offset),
        foundLog: () => Promise.resolve(found),
      }
      let isClaimed = true
      const result = await whileClaimed(tx, () =>
        sink({ ...delivery, abandoned: () => !isClaimed || abandoned() }),
      ).finally(() => (isClaimed = false))
      switch (result.kind) {
        case 'applied':
          losses.clear(partition)
          await pool.run(
            (sql) => sql`
            DELETE FROM command_log
            WHERE log = ${log} AND partition = ${partition} AND record_offset <= ${last.offset}`,
          )
          return true
        case 'abandoned':
        case 'unavailable': // claims are tried in random order: others have their turn
          return false
        case 'gap':
        case 'truncated':
          // A failover to a replica that is behind, or back: asked again until it is sure.
          if (losses.complain(partition, result) === 'lost') {
            onFatal(lostCommands(log, partition, result.expectedOffset, first.offset))
          }
          return false
        case 'rewritten':
          onFatal(rewrittenLog(log, partition, result.expectedOffset, first.offset))
          return false
        case 'another-log':
          onFatal(result.reason)
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
