// Every server must agree on the partition of an id without a bucket, those of the first release too.

import { randomBytes } from 'node:crypto'
import { Partitioners } from 'kafkajs'
import t from 'tap'
import { seeded } from '../../../testing/seeded.ts'
import { murmur2 } from './partition.ts'

t.test('commands go where the partitioner of kafkajs sends them', async (t) => {
  const random = seeded(t)
  const partitioner = Partitioners.DefaultPartitioner()
  const metadata = (count: number) =>
    Array.from({ length: count }, (_, partitionId) => ({
      partitionId,
      partitionErrorCode: 0,
      leader: 1,
      replicas: [],
      isr: [],
    }))
  for (let i = 0; i < 2_000; i++) {
    const text = randomBytes(random.below(24)).toString(i % 2 === 0 ? 'base64url' : 'utf8')
    const key = `${i % 3 === 0 ? 'ä€😀' : ''}${text}`
    const count = 1 + random.below(100)
    const expected = partitioner({
      topic: 'todos',
      partitionMetadata: metadata(count),
      message: { key, value: '' },
    })
    if (murmur2.of(key) % count !== expected) t.fail(`${JSON.stringify(key)} over ${count}`)
  }
})
