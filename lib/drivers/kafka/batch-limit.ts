// The largest record batch that the topic takes, as the broker says. It may change at any time, and
// not every user may ask: then Kafka's default counts, until the broker refuses a batch.

import type { Admin } from 'kafkajs'
import type { Log } from '../../runtime/log.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import { bytesAlone, type KafkaRecord, type RecordBatch } from './batch-bytes.ts'
import { loadKafkajs } from './kafkajs.ts'

/** Kafka's own default of message.max.bytes: 1 MiB and 12 bytes. */
export const batchBytesDefault = 1_048_588

/** An answer is this old at most when a batch is cut, but for the time that asking takes. */
const readAgainMs = 30_000
/** While commands are refused as too large: whoever raises the limit sees it work at once. */
const readAgainRefusingMs = 1_000
/** An administrator's question: nothing but the first batch after a start waits for it. */
const readTimeoutMs = 1_000

export type BatchLimit = {
  bytes(): number
  /** Asks the broker. Never rejects; leaves the limit as it is when no answer comes in time. */
  read(): Promise<void>
  /** The broker took less than we knew of: asks again, and believes the refusal if need be. */
  onRefused(batches: readonly RecordBatch[]): Promise<void>
  /** Why the topic takes this record in no batch; undefined when it does. */
  whyTooLarge(record: KafkaRecord): string | undefined
}

export const createBatchLimit = (topic: string, admin: Admin, log: Log): BatchLimit => {
  let limit = batchBytesDefault
  let readAtMs = -Infinity
  let saidUnreadable = false
  let saidTooLargeAt = 0

  const read = async () => {
    readAtMs = performance.now()
    try {
      limit = await withTimeout(readTimeoutMs, () => readLimit(topic, admin))
      saidUnreadable = false
    } catch (error) {
      // No answer is no news: what does not answer is reported by those who publish.
      if (!(error instanceof loadKafkajs().KafkaJSProtocolError) || saidUnreadable) return
      saidUnreadable = true
      log.warn(
        { reason: error.message },
        `max.message.bytes of topic ${topic} can't be read: batches have up to ${limit} bytes. ` +
          'Allow DescribeConfigs on the topic',
      )
    }
  }
  const readIfOlder = (ms: number) => {
    if (performance.now() - readAtMs > ms) void read()
  }

  return {
    bytes() {
      readIfOlder(readAgainMs)
      return limit
    },
    read,
    async onRefused(batches) {
      await read()
      const largest = batches.reduce((most, batch) => (batch.bytes > most.bytes ? batch : most))
      if (limit < largest.bytes) return
      // Each refusal at least halves the batch, or sends one record less with the largest.
      const largestAlone = Math.max(...largest.records.map(bytesAlone))
      limit =
        largest.records.length === 1
          ? largest.bytes - 1
          : Math.max(Math.floor(largest.bytes / 2), largestAlone)
    },
    whyTooLarge(record) {
      const bytes = bytesAlone(record)
      if (bytes <= limit) return undefined
      readIfOlder(readAgainRefusingMs)
      const reason = `it has ${bytes} bytes, topic ${topic} takes ${limit}`
      if (saidTooLargeAt !== limit) {
        saidTooLargeAt = limit
        log.error(
          { reason },
          `a command is too large for the topic and was refused: set max.message.bytes of topic ${topic} to ${batchBytesDefault}`,
        )
      }
      return reason
    },
  }
}

/** A batch has to fit into a segment, too. */
const limits = ['max.message.bytes', 'segment.bytes']

const readLimit = async (topic: string, admin: Admin): Promise<number> => {
  const { TOPIC } = loadKafkajs().ConfigResourceTypes
  await admin.connect()
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: TOPIC, name: topic, configNames: limits }],
  })
  const values = (resources[0]?.configEntries ?? [])
    .filter(({ configName }) => limits.includes(configName))
    .map(({ configValue }) => Number(configValue))
  const limit = Math.min(...values)
  if (!Number.isSafeInteger(limit)) throw new Error('the broker names no max.message.bytes')
  return limit
}
