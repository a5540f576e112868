// Takes commands from Kafka. kafkajs's consumer goes to the end of the topic when an offset is out
// of range. So it always begins at the beginning, and the sink's own offset decides where it goes
// on. Nothing that a broker does ends this. kafkajs's consumer is replaced when it gives up, and a
// log that seems to have lost records is asked until it has said so for long.

import type { Log } from '../../runtime/log.ts'
import {
  lostCommands,
  rewrittenLog,
  type CommandConsumer,
  type DeliveryResult,
  type LogRecord,
  type Sink,
} from '../command-log.ts'
import { LogRefusesUs, refusedPauseMs } from '../../drivers/kafka/security.ts'
import { createLossWatch, lossConfirmMsDefault, type Complaint } from '../loss.ts'
import { shareProbe } from '../share-probe.ts'
import { createTopicProbe } from '../../drivers/kafka/identity.ts'
import {
  openSession,
  type EachBatchPayload,
  type Session,
  type SessionSettings,
} from '../../drivers/kafka/session.ts'
import { createBoundsReader } from '../../drivers/kafka/topic.ts'

/** Between a consumer that gave up and the next. */
const reopenEveryMs = 500
/** How often a log that seems to have lost records is asked for its bounds. */
const askEveryMs = 1_000
/** Between two deliveries of a partition that could not be applied. */
const unavailablePauseMs = 1_000

export const createKafkaConsumer = (
  settings: SessionSettings & { readonly lossConfirmMs?: number },
  log: Log,
): CommandConsumer => {
  const { topic } = settings
  const bounds = createBoundsReader(settings, log)
  const probe = createTopicProbe(settings, log)
  const foundLog = shareProbe(probe)
  const losses = createLossWatch(settings.lossConfirmMs ?? lossConfirmMsDefault)
  /** Partitions that are held until the log has answered for them. */
  const held = new Set<number>()
  /** Partitions whose log seemed to end too early: the record before `offset` is to be compared. */
  const doubted = new Map<number, { offset: number; endedAt: number; wentBack: boolean }>()
  const inFlight = new Set<Promise<DeliveryResult>>()
  let lastSignMs = performance.now()
  const sign = () => void (lastSignMs = performance.now())
  let session: Session | undefined
  /** Where the next session goes on, in place of what the group has committed. */
  let resumeAt: ReadonlyMap<number, number> = new Map()
  let running = Promise.resolve()
  let stopping = false
  let stopped = () => {}
  const whenStopped = new Promise<void>((resolve) => (stopped = resolve))
  const pause = (ms: number) => {
    let timer: NodeJS.Timeout | undefined
    const passed = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
    return Promise.race([passed, whenStopped]).finally(() => clearTimeout(timer))
  }

  /** Holds the partition until its records are there, or are lost for good. */
  const investigate = async (
    partition: number,
    complaint: Complaint,
    { foundOffset, endOffset }: { foundOffset: number; endOffset: number },
    onFatal: (reason: string) => void,
  ) => {
    const { kind, expectedOffset } = complaint
    if (held.has(partition)) return
    held.add(partition)
    let comparable = false
    let endedAt = endOffset
    let verdict = losses.complain(partition, complaint)
    for (let asked = 0; verdict === 'ask-again' && !stopping; asked++) {
      await pause(askEveryMs)
      const answer = await bounds.read().catch(() => undefined)
      const found = answer?.get(partition)
      verdict = losses.answer(partition, found)
      comparable = kind === 'truncated' && found !== undefined && found.first < expectedOffset
      endedAt = Math.min(endedAt, found?.end ?? endedAt)
      if (verdict !== 'ask-again' || asked > 0) continue
      log.warn(
        { partition, expectedOffset, foundOffset, kind },
        'the log may have lost commands: checked again until certain, nothing is skipped',
      )
    }
    held.delete(partition)
    if (stopping) return
    if (verdict === 'lost') onFatal(lostCommands(topic, partition, expectedOffset, foundOffset))
    else {
      // It may have lost its end and grown again: then the record before is another one.
      if (comparable) doubted.set(partition, { offset: expectedOffset, endedAt, wentBack: true })
      session?.goOn(partition, comparable ? expectedOffset - 1 : expectedOffset)
    }
  }

  const deliver = async (
    batch: EachBatchPayload['batch'],
    isOver: () => boolean,
    sink: Sink,
    onFatal: (reason: string) => void,
  ): Promise<boolean> => {
    const { partition } = batch
    const foundOffset = Number(batch.firstOffset())
    const endOffset = Number(batch.highWatermark)
    const doubt = doubted.get(partition)
    if (doubt && foundOffset >= doubt.offset && !doubt.wentBack) {
      doubt.wentBack = true
      session?.goOn(partition, doubt.offset - 1)
      return false
    }
    const delivered = sink({
      partition,
      inDoubt: doubt !== undefined,
      records: batch.messages.map(({ offset, value, headers }): LogRecord => ({
        offset: Number(offset),
        value,
        traceparent: headers?.['traceparent']?.toString(),
      })),
      endOffset,
      foundLog,
      abandoned: () => stopping || isOver(),
    })
    inFlight.add(delivered)
    const result = await delivered.finally(() => inFlight.delete(delivered))
    switch (result.kind) {
      case 'applied':
        losses.clear(partition)
        if (doubt && Number(batch.lastOffset()) + 1 >= doubt.offset) doubted.delete(partition)
        return true
      case 'abandoned':
        return false
      case 'unavailable':
        // kafkajs fetches nothing more from a broker while one of its batches is being applied.
        session?.hold(partition)
        void pause(unavailablePauseMs).then(() => {
          if (!stopping) session?.goOn(partition, foundOffset)
        })
        return false
      case 'gap':
      case 'truncated':
        session?.hold(partition)
        void investigate(partition, result, { foundOffset, endOffset }, onFatal)
        return false
      case 'another-log':
        onFatal(result.reason)
        return false
      case 'rewritten':
        onFatal(
          rewrittenLog(topic, partition, result.expectedOffset, doubt?.endedAt ?? foundOffset),
        )
        return false
    }
  }

  /** One session after the other, until it is stopped. */
  const run = async (sink: Sink, onFatal: (reason: string) => void, onJoined: () => void) => {
    while (!stopping) {
      session = openSession(settings, log, {
        onSign: sign,
        onJoined() {
          for (const [partition, offset] of resumeAt) {
            if (session?.isOurs(partition)) session.goOn(partition, offset)
          }
          resumeAt = new Map()
          onJoined()
        },
        onOpen: probe.renew,
        onFetch: probe.isFedBy,
        onBatch: (batch, isOver) =>
          stopping ? Promise.resolve(false) : deliver(batch, isOver, sink, onFatal),
      })
      const reason = await session.ended
      if (stopping) return
      log.warn({ reason: reason.message }, 'the Kafka consumer failed, starting another')
      for (const doubt of doubted.values()) doubt.wentBack = false
      await pause(reason instanceof LogRefusesUs ? refusedPauseMs : reopenEveryMs)
    }
  }

  return {
    async start(sink, onFatal) {
      sign()
      await new Promise<void>((joined) => {
        running = run(sink, onFatal, joined)
        void running.then(joined)
      })
    },
    lastSignMs: () => lastSignMs,
    isOurs: (partition) => session?.isOurs(partition) ?? true,
    restart(reason, next) {
      resumeAt = next
      session?.end(new Error(reason))
    },
    async stop() {
      stopping = true
      stopped()
      // kafkajs waits for one batch; several may be in flight.
      await Promise.allSettled(inFlight)
      await session?.leave()
      await running
      bounds.close()
      await probe.close()
    },
  }
}
