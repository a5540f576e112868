// Publishes commands to Kafka, in a lane for each set of brokers: what must go to one that says nothing
// waits, or is refused, and all else is acknowledged as usual. Which partition a command is for says its
// lane, so a todo's commands stay in order. No batch is larger than the topic takes: the broker would
// refuse it whole.

import { encodeCommand } from '../../domain/command.ts'
import type { Log } from '../../runtime/log.ts'
import { NoAnswer, withTimeout } from '../../runtime/deadline.ts'
import { Degraded } from '../../runtime/parts.ts'
import { pendingBytesMax, type CommandPublisher, type PublishGate } from '../command-log.ts'
import { kafkaRecord } from '../../drivers/kafka/batch-bytes.ts'
import { createBatchLimit } from '../../drivers/kafka/batch-limit.ts'
import { createClient, retryEveryMs, type KafkaSettings } from '../../drivers/kafka/client.ts'
import { createKeptAdmin } from '../../drivers/kafka/kept-admin.ts'
import { takesWrites } from '../../drivers/kafka/replication.ts'
import { createHomes } from '../homes.ts'
import { createStamps } from '../stamps.ts'
import { createConnecting } from './connecting.ts'
import { createLaneMap, type LaneMap } from './lane-map.ts'
import { createLane, type Lane } from './lane.ts'
import { murmur2 } from './partition.ts'
import { createProducer, type OwnProducer } from '../../drivers/kafka/producer.ts'

const pingTimeoutMs = 1_000

/**
 * Records that one producer sends. kafkajs numbers them, and begins anew at 2^31 in a way that the broker
 * refuses: after 20 hours of 30,000 a second, a batch would get a 503.
 */
export const producerRecordsMax = 2 ** 30

/** A broker that is starting takes connections and leaves them unanswered: then a fresh one is due. */
const attemptTimeoutMs = 2_000

type State =
  | { readonly kind: 'starting'; readonly reason: string }
  | { readonly kind: 'started'; readonly map: LaneMap; readonly lanes: readonly Lane[] }

type Settings = KafkaSettings & {
  readonly queueMax: number
  readonly waitMaxMs: number
  readonly timeoutMs: number
}

export const createKafkaPublisher = (
  settings: Settings,
  gate: PublishGate,
  log: Log,
  recordsMax = producerRecordsMax,
): CommandPublisher => {
  // With an end: what asks and is given up would go on trying for as long as Kafka is down.
  const admin = createClient(settings, log, settings.timeoutMs, {
    retries: Math.ceil(settings.timeoutMs / retryEveryMs),
  }).admin()
  const pings = createKeptAdmin(settings, log, pingTimeoutMs)
  const limit = createBatchLimit(settings.topic, admin, log)
  const connecting = createConnecting(log)
  const nextStamp = createStamps()
  let state: State = { kind: 'starting', reason: 'not connected to Kafka yet' }

  const partitionsIn = (map: LaneMap, lane: number) =>
    Array.from({ length: gate.partitions() }, (_, n) => n).filter((n) => map.laneOf(n) === lane)
  const laneOf = (partition: number): Lane | undefined =>
    state.kind === 'started' ? state.lanes[state.map.laneOf(partition)] : undefined
  const homes = createHomes(gate.partitions, murmur2, (one) => laneOf(one)?.isSlow() !== true)

  /** `partitions`: those whose leaders must answer. `its`: an object of its own for each that opens. */
  const open = async (its: Settings, partitions: readonly number[] = []): Promise<OwnProducer> => {
    const own = createProducer(its, log)
    try {
      await withTimeout(attemptTimeoutMs, () => Promise.race([own.connect(), own.lost]))
      await withTimeout(attemptTimeoutMs, () => own.leaders.answer(partitions))
      await gate.verify()
      return own
    } catch (error) {
      own.discard()
      throw own.explain(error as Error)
    }
  }

  const start = async () => {
    const first = await connecting.untilConnected(
      () => open(settings),
      (reason) => {
        state = { kind: 'starting', reason }
      },
    )
    if (!first) return
    await limit.read()
    const lanes: Lane[] = []
    const map = createLaneMap(
      () => lanes.map((one) => one.replicas()).find(Boolean) ?? first.leaders.replicas(),
    )
    for (let n = 0; n < map.count; n++) {
      const its = { ...settings }
      lanes.push(
        createLane({
          topic: settings.topic,
          bounds: {
            queueMax: Math.ceil(settings.queueMax / map.count),
            pendingBytesMax: pendingBytesMax / map.count,
            waitMaxMs: settings.waitMaxMs,
            timeoutMs: settings.timeoutMs,
            recordsMax,
          },
          gate,
          homes,
          limit,
          first: n === 0 ? first : undefined,
          open: () => open(its, partitionsIn(map, n)),
          connecting,
          isOurs: (partition) => map.laneOf(partition) === n,
          partitions: () => (map.count > 1 ? partitionsIn(map, n) : undefined),
          log,
        }),
      )
    }
    state = { kind: 'started', map, lanes }
  }
  const lanesNow = () => (state.kind === 'started' ? state.lanes : [])

  /** While it takes nothing at all, or has just started: who waits for it to be ready waits for all. */
  const downReason = (): string | undefined => {
    if (state.kind === 'starting') return state.reason
    const isNew = state.lanes.find((lane) => lane.isNew())
    if (isNew) return isNew.downReason()
    const reasons = state.lanes.map((lane) => lane.downReason())
    return reasons.every((reason) => reason !== undefined) ? reasons[0] : undefined
  }
  /** What takes nothing while the rest does. */
  const partlyDown = (): string | undefined => {
    if (state.kind === 'starting') return undefined
    const { lanes, map } = state
    const n = lanes.findIndex((lane) => lane.downReason() !== undefined)
    if (n === -1) return undefined
    return `no writes for partitions ${partitionsIn(map, n).join(', ')}: ${lanes[n]?.downReason()}`
  }
  void start()

  return {
    newTodoId: homes.newTodoId,
    publish(command, traceparent) {
      const lane = laneOf(homes.partitionOf(command.todoId))
      const down = lane ? lane.downReason() : downReason()
      if (lane === undefined || down !== undefined) {
        const reason = down ?? 'not connected to Kafka yet'
        return Promise.resolve({ kind: 'refused', cause: 'log-unavailable', reason })
      }
      const refusal = gate.refusal()
      if (refusal !== undefined) {
        return Promise.resolve({ kind: 'refused', cause: 'log-closed', reason: refusal })
      }
      const record = kafkaRecord(command.todoId, encodeCommand(command, nextStamp()), traceparent)
      const reason = limit.whyTooLarge(record)
      return reason === undefined
        ? lane.publish(record)
        : Promise.resolve({ kind: 'refused', cause: 'too-large', reason })
    },
    pending: () => lanesNow().reduce((sum, lane) => sum + lane.pending(), 0),
    async ping() {
      const reason = downReason() ?? gate.refusal()
      if (reason !== undefined) throw new Error(reason)
      const ask = () => pings.ask((one) => takesWrites(one, settings.topic))
      // What failed may be one broker of several, which the second time is not asked.
      await ask()
        .catch(ask)
        .catch((error: unknown) => {
          // Both times it may have been one that says nothing: the queues know which partitions it leads.
          if (!(error instanceof NoAnswer) || partlyDown() === undefined) throw error
        })
      const partly = partlyDown()
      if (partly !== undefined) throw new Degraded(partly)
    },
    async close() {
      await Promise.all(lanesNow().map((lane) => lane.idle()))
      connecting.close()
      await Promise.all(lanesNow().map((lane) => lane.disconnect()))
      await admin.disconnect().catch(() => {})
      pings.close()
    },
  }
}
