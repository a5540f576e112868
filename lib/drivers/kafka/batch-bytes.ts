// How many bytes commands take in Kafka, and which of them may share a send. The broker refuses a
// record batch (all of a send that goes to one partition) above the topic's limit, whole.
// Upper bounds, a few bytes a record above the real size. Pure.

export type KafkaRecord = {
  /** Whose command it is: says the partition. No key goes along, for nobody reads one. */
  readonly todoId: string
  readonly value: string
  /** In UTF-8. */
  readonly valueBytes: number
  /** Its only header. */
  readonly traceparent: string | undefined
  /** At most so many in a record batch. */
  readonly bytes: number
}

/** Offset, length, epoch, magic, CRC, attributes, deltas, times, producer, sequence, count. */
const batchHeaderBytes = 61
/** Length 5, attributes 1, time 1, offset 3, no key 1, a length of up to 5, header count 1. */
const recordOverheadBytesMax = 17

/** Two lengths of up to 2, and the name of the header. */
const headerOverheadBytes = 4 + 'traceparent'.length

export const kafkaRecord = (todoId: string, value: string, traceparent?: string): KafkaRecord => {
  const valueBytes = Buffer.byteLength(value)
  const headerBytes = traceparent === undefined ? 0 : headerOverheadBytes + traceparent.length
  const bytes = recordOverheadBytesMax + valueBytes + headerBytes
  return { todoId, value, valueBytes, traceparent, bytes }
}

/** Size of a record batch with nothing else in it. */
export const bytesAlone = (record: KafkaRecord): number => batchHeaderBytes + record.bytes

export type SendBounds = {
  readonly batchBytesMax: number
  readonly sendBytesMax: number
  readonly partitionOf: (todoId: string) => number
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
      const { todoId, bytes } = offered[counted] as KafkaRecord
      const partition = bounds.partitionOf(todoId)
      const batchBytes = (batches.get(partition) ?? batchHeaderBytes) + bytes
      batches.set(partition, batchBytes)
      isFull ||= batchBytes > bounds.batchBytesMax
    }
    isFull ||= sendBytes > bounds.sendBytesMax
    return !isFull
  }
}

export type RecordBatch = {
  readonly partition: number
  readonly bytes: number
  readonly records: readonly KafkaRecord[]
}

/** One for each partition that the records go to. */
export const recordBatches = (
  records: readonly KafkaRecord[],
  partitionOf: (todoId: string) => number,
): RecordBatch[] => {
  const byPartition = new Map<number, { bytes: number; records: KafkaRecord[] }>()
  for (const record of records) {
    const partition = partitionOf(record.todoId)
    const batch = byPartition.get(partition)
    if (batch) {
      batch.bytes += record.bytes
      batch.records.push(record)
    } else {
      byPartition.set(partition, { bytes: batchHeaderBytes + record.bytes, records: [record] })
    }
  }
  return [...byPartition].map(([partition, { bytes, records }]) => ({ partition, bytes, records }))
}
