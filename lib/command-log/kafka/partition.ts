// Which partition a todo's commands go to: kafkajs's DefaultPartitioner (and Java's), over a number of
// partitions that we choose. kafkajs hashes over what the topic has at the moment, so a topic that
// grew would send a todo's next command to another partition than those before it.

/** As `Partitioners.DefaultPartitioner` of kafkajs 2.2.4; partition.test.ts holds it to that. */
export const partitionOf = (key: string, partitions: number): number =>
  (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions

const multiplier = 0x5bd1e995
const seed = 0x9747b28c

const murmur2 = (data: Buffer): number => {
  let hash = seed ^ data.length
  let at = 0
  for (; at + 4 <= data.length; at += 4) {
    let part = Math.imul(data.readInt32LE(at), multiplier)
    part = Math.imul(part ^ (part >>> 24), multiplier)
    hash = Math.imul(hash, multiplier) ^ part
  }
  const left = data.length - at
  if (left === 3) hash ^= data.readUInt8(at + 2) << 16
  if (left >= 2) hash ^= data.readUInt8(at + 1) << 8
  if (left >= 1) hash = Math.imul(hash ^ data.readUInt8(at), multiplier)
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}
