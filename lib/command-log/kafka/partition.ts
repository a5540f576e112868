// Which partition the commands of a todo without a bucket go to: kafkajs's DefaultPartitioner (and
// Java's), over a number of partitions that we choose. kafkajs hashes over what the topic has at the
// moment, so a topic that grew would send a todo's next command to another partition than those before.

import { todoIdLength } from '../../domain/todo-id.ts'
import type { IdHash } from '../homes.ts'

/** Its remainder is what `Partitioners.DefaultPartitioner` of kafkajs 2.2.4 says; partition.test.ts holds it to that. */
export const murmur2: IdHash = {
  of: (key) => hash(Buffer.from(key)),
  after(start) {
    if (start.length !== lastAt) throw new RangeError(`not the start of an id: ${start}`)
    id.write(start, 'latin1')
    let before = begin(todoIdLength)
    for (let at = 0; at < lastBlockAt; at += 4) before = mix(before, id.readInt32LE(at))
    const lastBlock = id.readInt32LE(lastBlockAt) & 0x00ffffff
    return (code) => end(mix(before, lastBlock | (code << 24)))
  },
}

const lastAt = todoIdLength - 1
/** An id is whole blocks of four: only the last depends on its last character. */
const lastBlockAt = todoIdLength - 4
const id = Buffer.alloc(todoIdLength)

const hash = (data: Buffer): number => {
  let now = begin(data.length)
  let at = 0
  for (; at + 4 <= data.length; at += 4) now = mix(now, data.readInt32LE(at))
  const left = data.length - at
  if (left === 3) now ^= data.readUInt8(at + 2) << 16
  if (left >= 2) now ^= data.readUInt8(at + 1) << 8
  if (left >= 1) now = Math.imul(now ^ data.readUInt8(at), multiplier)
  return end(now)
}

const multiplier = 0x5bd1e995
const seed = 0x9747b28c

const begin = (length: number) => seed ^ length

const mix = (before: number, block: number) => {
  const part = Math.imul(block, multiplier)
  return Math.imul(before, multiplier) ^ Math.imul(part ^ (part >>> 24), multiplier)
}

const end = (before: number) => {
  const mixed = Math.imul(before ^ (before >>> 13), multiplier)
  return (mixed ^ (mixed >>> 15)) & 0x7fffffff
}
