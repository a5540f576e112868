// How many bytes commands take in Kafka, and which of them may share a send. The broker refuses a
// record batch (all of a send that goes to one partition) above the topic's limit, whole.
// Upper bounds, a few bytes a record above the real size. Pure.

export type KafkaRecord = {
  readonly key: string
  readonly value: string
  /** Its only header. */
  readonly traceparent: string | undefined
  /** At most so many in a record batch. */
  readonly bytes: number
}

/** Offset, length, epoch, magic, CRC, attributes, deltas, times, producer, sequence, count. */
const batchHeaderBytes = 61
/** Length 5, attributes 1, time 1, offset 3, two lengths of up to 5, header count 1. */
const recordOverheadBytesMax = 21

/** Two lengths of up to 2, and the name of the header. */
const headerOverheadBytes = 4 + 'traceparent'.length

export const kafkaRecord = (key: string, value: string, traceparent?: string): KafkaRecord => ({
  key,
  value,
  traceparent,
  bytes:
    recordOverheadBytesMax +
    Buffer.byteLength(key) +
    Buffer.byteLength(value) +
    (traceparent === undefined ? 0 : headerOverheadBytes + traceparent.length),
})

/** Size of a record batch with nothing else in it. */
export const bytesAlone = (record: KafkaRecord): number => batchHeaderBytes + record.bytes

export type SendBounds = {
  readonly batchBytesMax: number
  readonly sendBytesMax: number
  readonly partitionOf: (key: string) => number
}

/**
 * True for each record, in order, that still fits into the send. After the first that does not,
 * none does: order is kept, and one that fits into no batch goes alone.
 */
export const beginSend = (bounds: SendBounds): ((record: KafkaRecord) => boolean) => {
  const batches = new Map<number, number>()
  const offered: KafkaRecord[] = []
  let sendBytes = 0
  let counted = 0
  let isFull = false
  return (record) => {
    offered.push(record)
    sendBytes += record.bytes
    // All of it would fit into one batch: so far most sends come, and no partition is asked for.
    if (batchHeaderBytes + sendBytes <= Math.min(bounds.batchBytesMax, bounds.sendBytesMax)) {
      return true
    }
    for (; counted < offered.length; counted++) {
      const { key, bytes } = offered[counted] as KafkaRecord
      const partition = bounds.partitionOf(key)
      const batchBytes = (batches.get(partition) ?? batchHeaderBytes) + bytes
      batches.set(partition, batchBytes)
      isFull ||= batchBytes > bounds.batchBytesMax
    }
    isFull ||= sendBytes > bounds.sendBytesMax
    return !isFull
  }
}

export type RecordBatch = { readonly bytes: number; readonly records: readonly KafkaRecord[] }

/** One for each partition that the records go to. */
export const recordBatches = (
  records: readonly KafkaRecord[],
  partitionOf: (key: string) => number,
): RecordBatch[] => {
  const byPartition = new Map<number, KafkaRecord[]>()
  for (const record of records) {
    const partition = partitionOf(record.key)
    const batch = byPartition.get(partition)
    if (batch) batch.push(record)
    else byPartition.set(partition, [record])
  }
  return [...byPartition.values()].map((batch) => ({
    bytes: batch.reduce((sum, record) => sum + record.bytes, batchHeaderBytes),
    records: batch,
  }))
}
