// The messages of a send as kafkajs's producer takes them, with their records encoded here. kafkajs
// 2.2.4 makes an encoder of 512 bytes, and several buffers and big integers, for each record, and copies
// all messages of a partition for each one more. That was a third of what a publish cost. This
// is not a patch: it does what the producer asks of its messages, and encoded-records.test.ts compares
// each byte of the requests. kafkajs is pinned, and will not change any more.

import type { Message } from 'kafkajs'
import type { KafkaRecord, RecordBatch } from './batch-bytes.ts'

/** For `producer.send`. Each batch goes to its partition, whatever the partitioner says. */
export const encodedMessages = (batches: readonly RecordBatch[]): Message[] => {
  const byPartition = Object.fromEntries(
    batches.map(({ partition, records, bytes }) => [partition, encodedBatch(records, bytes)]),
  )
  const messages: Asked = {
    // Only a message without a value is looked for: there is none.
    find: () => undefined,
    // By partition is all that they are ever reduced to.
    reduce: () => byPartition,
  }
  return messages as unknown as Message[]
}

/** What the producer does with all messages of a send. */
type Asked = {
  find(): undefined
  reduce(): Readonly<Record<string, Batch>>
}

/** What it does with those of a partition: it counts them, and makes each a timestamp, and a record. */
type Batch = {
  readonly length: number
  map(make: (message: object, index: number) => unknown): readonly unknown[]
}

/** As much of kafkajs's Encoder as it needs of a record to copy it. */
type Encoded = { readonly buf: Buffer; readonly buffer: Buffer }
const encodedAs = (buffer: Buffer): Encoded => ({ buf: buffer, buffer })
const nothing = encodedAs(Buffer.alloc(0))

const blank = { value: null }

/** A batch may be sent more than once. */
const encodedBatch = (records: readonly KafkaRecord[], bytesMax: number): Batch => {
  // The producer counts its records, and writes one after the other: all of them are in the first.
  const encoded = new Array<Encoded>(records.length).fill(nothing)
  encoded[0] = encodedAs(encodeRecords(records, bytesMax))
  return {
    length: records.length,
    // A message of ours has no timestamp: then the batch has the time of its request.
    map: (make) => (make(blank, 0) === undefined ? [] : encoded),
  }
}

/**
 * As Kafka's record batches of version 2 have them, without keys:
 * https://kafka.apache.org/documentation/#record
 */
export const encodeRecords = (records: readonly KafkaRecord[], bytesMax: number): Buffer => {
  const buffer = Buffer.allocUnsafe(bytesMax)
  let at = 0
  for (let offset = 0; offset < records.length; offset++) {
    const { value, valueBytes, traceparent } = records[offset] as KafkaRecord
    const bytes =
      fixedBytes +
      varintBytes(offset) +
      varintBytes(valueBytes) +
      valueBytes +
      (traceparent === undefined ? 0 : headerBytes(traceparent))
    at = writeVarint(buffer, at, bytes)
    buffer[at++] = 0 // attributes: none
    buffer[at++] = 0 // the time of the batch
    at = writeVarint(buffer, at, offset)
    buffer[at++] = noKey
    at = writeVarint(buffer, at, valueBytes)
    at += write(buffer, at, value, valueBytes)
    if (traceparent === undefined) {
      buffer[at++] = 0 // headers: none
      continue
    }
    at = writeVarint(buffer, at, 1)
    at = writeVarint(buffer, at, headerName.length)
    at += buffer.write(headerName, at, 'latin1')
    at = writeVarint(buffer, at, traceparent.length)
    at += buffer.write(traceparent, at, 'latin1')
  }
  return buffer.subarray(0, at)
}

/** Attributes, time, length of the key, number of headers. */
const fixedBytes = 4
/** A length of -1. */
const noKey = 1
const headerName = 'traceparent'

const headerBytes = (traceparent: string) =>
  varintBytes(headerName.length) +
  headerName.length +
  varintBytes(traceparent.length) +
  traceparent.length

// As many bytes as characters: then they are all ASCII, and need no conversion.
const write = (buffer: Buffer, at: number, text: string, bytes: number): number =>
  buffer.write(text, at, bytes, bytes === text.length ? 'latin1' : 'utf8')

/** Numbers from 0 on are doubled: the lowest bit is the sign. */
const varintBytes = (number: number): number => {
  let bytes = 1
  for (let rest = number >>> 6; rest > 0; rest >>>= 7) bytes++
  return bytes
}

const writeVarint = (buffer: Buffer, start: number, number: number): number => {
  let at = start
  let rest = number << 1
  for (; rest > 0x7f; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80
  buffer[at++] = rest
  return at
}
