// Kafka's Metadata request and response, version 10, for one topic: bytes and nothing else. Lengths in
// its compact fields are unsigned varints, one too high; zero is null.

const noError = 0
const unknownTopic = 3
const noAnswerYet = -1

/** With the end of the request header's version 2, which kafkajs does not write. */
export const encodeMetadataRequest = (topic: string): { buf: Buffer; buffer: Buffer } => {
  const name = Buffer.from(topic)
  const buffer = Buffer.concat([
    Buffer.from([0]), // the header's tagged fields: none
    varint(1 + 1), // one topic
    Buffer.alloc(16), // asked for by name, not by id
    varint(name.length + 1),
    name,
    Buffer.from([0]), // the topic's tagged fields
    Buffer.from([0, 0, 0]), // make no topic, no authorized operations of cluster and topic
    Buffer.from([0]),
  ])
  return { buf: buffer, buffer }
}

export type Metadata = {
  readonly clusterId: string
  /** Undefined when there is no such topic. */
  readonly topicId: string | undefined
  readonly partitions: number
}

/** `payload` begins after the correlation id. Throws when the broker can't say yet. */
export const decodeMetadata = (payload: Buffer): Metadata => {
  const reader = createReader(payload)
  reader.taggedFields() // of the response header, version 1
  reader.int32() // throttle time
  reader.array(() => {
    reader.int32() // node id
    reader.text() // host
    reader.int32() // port
    reader.text() // rack
    reader.taggedFields()
  })
  const clusterId = reader.text() ?? ''
  reader.int32() // controller
  const [topic] = reader.array(() => {
    const error = reader.int16()
    reader.text() // name
    const topicId = reader.bytes(16).toString('base64url')
    reader.bytes(1) // is internal
    const partitions = reader.array(() => {
      reader.bytes(2 + 4 + 4 + 4) // error, partition, leader, leader epoch
      for (let list = 0; list < 3; list++) reader.array(reader.int32) // replicas, in sync, offline
      reader.taggedFields()
    })
    reader.int32() // authorized operations
    reader.taggedFields()
    return { error, topicId, partitions: partitions.length }
  })
  const error = topic?.error ?? noAnswerYet
  if (error !== noError && error !== unknownTopic) {
    throw new Error(`Kafka can't describe the topic now (error ${error})`)
  }
  return {
    clusterId,
    topicId: error === noError ? topic?.topicId : undefined,
    partitions: topic?.partitions ?? 0,
  }
}

const createReader = (buffer: Buffer) => {
  let at = 0
  const bytes = (length: number) => {
    if (at + length > buffer.length) throw new Error('a metadata response of Kafka is too short')
    return buffer.subarray(at, (at += length))
  }
  const int16 = () => bytes(2).readInt16BE()
  const int32 = () => bytes(4).readInt32BE()
  const unsigned = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes(1).readUInt8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  const text = () => {
    const length = unsigned()
    return length === 0 ? undefined : bytes(length - 1).toString()
  }
  const array = <T>(one: () => T): T[] => {
    const items: T[] = []
    for (let left = unsigned() - 1; left > 0; left--) items.push(one())
    return items
  }
  const taggedFields = () => {
    for (let left = unsigned(); left > 0; left--) {
      unsigned()
      bytes(unsigned())
    }
  }
  return { bytes, int16, int32, text, array, taggedFields }
}

const varint = (value: number): Buffer =>
  value < 0x80
    ? Buffer.from([value])
    : Buffer.concat([Buffer.from([(value & 0x7f) | 0x80]), varint(value >>> 7)])
