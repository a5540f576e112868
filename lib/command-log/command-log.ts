// The seam between those who ask for writes and the worker that applies them: an ordered, durable
// log in partitions. One todo's commands are always in one partition, so they stay in order.

import type { Command } from '../domain/command.ts'
import type { FoundLog } from '../domain/log-identity.ts'
import type { LogPosition } from '../domain/must-see.ts'
import type { BatchOutcome } from '../runtime/micro-batch.ts'

/**
 * Commands that may wait for an acknowledgement in one process, together. PUBLISH_QUEUE_MAX of the
 * largest would be 150 MB; of usual ones, a few hundred bytes each, it is 3 MB.
 */
export const pendingBytesMax = 32 * 1024 * 1024

/** Acknowledged: with where the log has the command, unless it did not say. */
export type PublishOutcome = BatchOutcome<LogPosition>

export interface CommandPublisher {
  /**
   * For a todo that is to be created, in whose id stands where its commands go. `ownerId`: of one that
   * only its owner sees. The others go along with the next send.
   */
  newTodoId(ownerId?: string): string
  /**
   * `acknowledged` only when the log has the command durably. Never rejects, never hangs. `traceparent`:
   * where requests are traced, what whoever applies the command goes on from.
   */
  publish(command: Command, traceparent?: string): Promise<PublishOutcome>
  /** Commands that wait to be sent, or to be acknowledged. */
  pending(): number
  /** Rejects when the log does not answer in time. */
  ping(): Promise<void>
  /** Settles what is pending, then lets go of its connections. */
  close(): Promise<void>
}

export type LogRecord = {
  readonly offset: number
  readonly value: Buffer | null
  /** W3C Trace Context, of a request that is traced. */
  readonly traceparent?: string | undefined
}

export type Delivery = {
  readonly partition: number
  /** In offset order; may begin before what the sink expects, when it is a redelivery. */
  readonly records: readonly LogRecord[]
  /** The offset that the log will give to its next record in this partition. */
  readonly endOffset: number
  /**
   * Which log the records came from, by a request that began after they were fetched: an identity
   * never comes back, so the one that is found now is theirs. Rejects when the log does not answer.
   */
  readonly foundLog: () => Promise<FoundLog | undefined>
  /** The log seemed to end too early before: its records may be others than those that were applied. */
  readonly inDoubt?: boolean
  /** True once this consumer no longer owns the partition, or is stopping: give up, apply nothing. */
  readonly abandoned: () => boolean
}

export type DeliveryResult =
  /** Every record is applied, now or earlier. */
  | { readonly kind: 'applied' }
  | { readonly kind: 'abandoned' }
  /** Where this partition is applied does not answer: to be delivered again later, and others meanwhile. */
  | { readonly kind: 'unavailable' }
  /** The records begin after what the sink expects: the consumer goes back, or stops if it can't. */
  | { readonly kind: 'gap'; readonly expectedOffset: number }
  /** The log ends before what the sink has applied: a leader that has just begun, or a lost log. */
  | { readonly kind: 'truncated'; readonly expectedOffset: number }
  /** The records are not of the log that the sink's offsets belong to: nothing was applied. */
  | { readonly kind: 'another-log'; readonly reason: string }
  /** In doubt, the last record before what the sink expects is not the one that was applied. */
  | { readonly kind: 'rewritten'; readonly expectedOffset: number }

/** Where commands end up. It keeps its own offsets: the log's memory of them is only a hint. */
export type Sink = (delivery: Delivery) => Promise<DeliveryResult>

/** Finds out which log it is, and makes none. */
export interface LogProbe {
  /** Undefined when there is no such log. Rejects, in bounded time, when nobody answers. */
  find(): Promise<FoundLog | undefined>
  /**
   * Others have connected anew: asks over a new connection from now on. An address may lead to another
   * cluster than it did, while a connection that stays open leads to the old one.
   */
  renew(): void
  close(): Promise<void>
}

/** Whether commands may be sent now, and over how many partitions they are spread. */
export interface PublishGate {
  /** Why not; undefined when they may. */
  refusal(): string | undefined
  partitions(): number
  /** After a new connection, which may lead to another log: asks. Rejects when nobody answers. */
  verify(): Promise<void>
}

/** For those who have made sure themselves which log it is. */
export const openGate = (partitions: number): PublishGate => ({
  refusal: () => undefined,
  partitions: () => partitions,
  verify: () => Promise.resolve(),
})

export interface CommandConsumer {
  /** Begins to deliver; resolves once it can, or was stopped. `onFatal` gets why it can't go on. */
  start(sink: Sink, onFatal: (reason: string) => void): Promise<void>
  /** When it last did anything (waiting, trying again and delivering are things), of performance.now(). */
  lastSignMs(): number
  /** Whether records of this partition that wait are for this consumer to deliver. */
  isOurs(partition: number): boolean
  /**
   * Begins anew with fresh connections: for one that delivers nothing although records wait. It goes on
   * at `next` in each of these partitions: a log that remembers where consumers were is ahead of a
   * database that was restored from a backup, and would deliver nothing until a newer record comes.
   */
  restart(reason: string, next: ReadonlyMap<number, number>): void
  /** Resolves when no delivery is in flight any more. */
  stop(): Promise<void>
}

/** What an operator must know when commands that were acknowledged are gone from the log. */
export const lostCommands = (
  log: string,
  partition: number,
  expectedOffset: number,
  foundOffset: number,
): string =>
  `partition ${partition} of ${log} should go on at offset ${expectedOffset} but the log has ${foundOffset}: ` +
  'commands were deleted, or the topic or the database is another one. Restore it; or, to accept the loss: ' +
  `UPDATE command_offsets SET next_offset = ${foundOffset} WHERE log = '${log}' AND partition = ${partition}`

/** The same for a log that ended at `endedAt` once, and has grown past what was applied since. */
export const rewrittenLog = (
  log: string,
  partition: number,
  expectedOffset: number,
  endedAt: number,
): string =>
  `partition ${partition} of ${log} was cut back and has grown again: the record before offset ${expectedOffset} ` +
  `is not the one that was applied, and commands from offset ${endedAt} on are not applied. To apply them ` +
  '(those that were applied before are recognized, for a week): ' +
  `UPDATE command_offsets SET next_offset = ${endedAt} WHERE log = '${log}' AND partition = ${partition}`
