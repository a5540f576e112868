// One producer of kafkajs, idempotent, on connections that are ours to watch and to cut. Whoever sends
// through it has one send in flight, and discards it after a failed one (see lost-acks.integration.test.ts).

import type { Producer, ProducerRecord } from 'kafkajs'
import type { Log } from '../../runtime/log.ts'
import { createClient, retryEveryMs, type KafkaSettings } from './client.ts'
import { loadKafkajs } from './kafkajs.ts'
import { explainFailure, plainText } from './security.ts'
import { createOwnSockets } from './sockets.ts'

/** A producer whose connections are ours to watch and to cut. */
export type OwnProducer = {
  readonly producer: Producer
  send(record: ProducerRecord): ReturnType<Producer['send']>
  /** Why kafkajs goes on trying what was sent last; undefined when it has said nothing. */
  complaint(): string | undefined
  /** Which setting is wrong, where one is. */
  explain(error: Error): Error
  /** Rejects once the last of its connections is closed, by whichever side. */
  readonly lost: Promise<never>
  /** For good: a send that kafkajs is trying again must reach nobody any more. */
  discard(): void
}

/**
 * Far below the time that passes between the topic's growth and the use of its new partitions
 * (command-log-partitions.ts): with kafkajs's five minutes, the first sends to those would fail.
 */
const metadataMaxAgeMs = 2_000

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
  const producer = client.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    metadataMaxAge: metadataMaxAgeMs,
    // A topic that was deleted is another one when it is made again: an operator decides.
    allowAutoTopicCreation: false,
    createPartitioner: loadKafkajs().Partitioners.DefaultPartitioner,
  })
  return {
    producer,
    send(record) {
      complaint = undefined
      return producer.send(record)
    },
    complaint: () => complaint,
    explain: (error) => explainFailure(error, settings.security ?? plainText, sockets.lastFault()),
    lost: sockets.lost,
    discard() {
      producer.disconnect().catch(() => {})
      sockets.discard()
    },
  }
}

/** The topic's limit of a batch, or that of a segment of it. */
const tooLarge = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']
export const isTooLarge = (error: unknown): boolean =>
  error instanceof loadKafkajs().KafkaJSProtocolError && tooLarge.includes(error.type)
