// One producer of kafkajs, idempotent, on connections that are ours to watch and to cut. Whoever sends
// through it has one send in flight, and discards it after a failed one (see lost-acks.integration.test.ts).

import type { Producer, ProducerRecord } from 'kafkajs'
import type { Log } from '../../runtime/log.ts'
import { createClient, retryEveryMs, type KafkaSettings } from './client.ts'
import { loadKafkajs } from './kafkajs.ts'
import { followLeaders, type Leaders } from './leaders.ts'
import { explainFailure, plainText } from './security.ts'
import { createOwnSockets } from './sockets.ts'

/** A producer whose connections are ours to watch and to cut. */
export type OwnProducer = {
  /** Resolves when it has connected, and knows who leads the topic's partitions. */
  connect(): Promise<void>
  readonly leaders: Pick<Leaders, 'answer' | 'replicas'>
  send(record: ProducerRecord): ReturnType<Producer['send']>
  /** Why kafkajs goes on trying what was sent last; undefined when it has said nothing. */
  complaint(): string | undefined
  /** Which setting is wrong, where one is. */
  explain(error: Error): Error
  /** Rejects once the last of its connections is closed, by whichever side. */
  readonly lost: Promise<never>
  /** For good: a send that kafkajs is trying again must reach nobody any more. */
  discard(): void
  /** With what it has sent being answered. */
  disconnect(): Promise<void>
}

/**
 * Far below the time that passes between the topic's growth and the use of its new partitions
 * (command-log-partitions.ts): with kafkajs's five minutes, the first sends to those would fail.
 */
const leadersMaxAgeMs = 2_000

export const createProducer = (
  settings: KafkaSettings & { timeoutMs: number },
  log: Log,
): OwnProducer => {
  const sockets = createOwnSockets({ silentMsMax: settings.timeoutMs })
  // Enough for our deadline; without an end, a discarded producer would try for ever.
  const retries = 10 + Math.ceil(settings.timeoutMs / retryEveryMs)
  let complaint: string | undefined
  const client = createClient(settings, log, settings.timeoutMs, {
    retries,
    socketFactory: sockets.factory,
    onLogLine: (line) => (complaint = line),
  })
  const leaders = followLeaders(client, settings.topic, leadersMaxAgeMs)
  const producer = client.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    // A topic that was deleted is another one when it is made again: an operator decides.
    allowAutoTopicCreation: false,
    createPartitioner: loadKafkajs().Partitioners.DefaultPartitioner,
  })
  return {
    async connect() {
      await leaders.connect()
      await producer.connect()
    },
    leaders,
    send(record) {
      complaint = undefined
      return producer.send(record)
    },
    complaint: () => complaint,
    explain: (error) => explainFailure(error, settings.security ?? plainText, sockets.lastFault()),
    lost: sockets.lost,
    discard() {
      leaders.stop()
      producer.disconnect().catch(() => {})
      sockets.discard()
    },
    async disconnect() {
      leaders.stop()
      await producer.disconnect()
    },
  }
}

/** The topic's limit of a batch, or that of a segment of it. */
const tooLarge = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']
export const isTooLarge = (error: unknown): boolean =>
  error instanceof loadKafkajs().KafkaJSProtocolError && tooLarge.includes(error.type)
