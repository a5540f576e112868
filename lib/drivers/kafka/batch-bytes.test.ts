// The bytes of a batch: never below what kafkajs writes, and what shares a send keeps every
// partition's batch within its bound.

import { createRequire } from 'node:module'
import t from 'tap'
import { seeded } from '../../../testing/seeded.ts'
import { beginSend, bytesAlone, kafkaRecord, recordBatches } from './batch-bytes.ts'

type Encoded = { readonly buffer: Buffer }
const require = createRequire(import.meta.url)
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (
  fields: object,
) => Encoded
const { RecordBatch: encodeBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: (fields: object) => Promise<Encoded>
}

const letters = ['a', 'é', '\u{1F600}', '"', '\u0001']

t.test('a batch is at most as large as was reckoned, and little smaller', async (t) => {
  const random = seeded(t)
  for (const count of [1, 2, 63, 64, 127, 1_000]) {
    const records = Array.from({ length: count }, () =>
      kafkaRecord(
        't',
        JSON.stringify((letters[random.below(5)] as string).repeat(random.below(3_000))),
      ),
    )
    const encoded = await encodeBatch({
      records: records.map(({ value }, offsetDelta) =>
        encodeRecord({ key: null, value, offsetDelta, timestampDelta: 0 }),
      ),
    })
    const [batch] = recordBatches(records, () => 0)
    const bytes = batch?.bytes as number
    t.ok(encoded.buffer.length <= bytes, `${count}: ${encoded.buffer.length} of ${bytes}`)
    t.ok(encoded.buffer.length >= bytes - count * 16, 'by 16 bytes a record at most')
  }
})

t.test('what shares a send is within both bounds, in order', async (t) => {
  const random = seeded(t)
  for (let round = 0; round < 200; round++) {
    const bounds = {
      batchBytesMax: 200 + random.below(2_000),
      sendBytesMax: 1_000 + random.below(5_000),
      partitionOf: (todoId: string) => todoId.charCodeAt(0) % 3,
    }
    const fits = beginSend(bounds)
    const records = Array.from({ length: 50 }, () =>
      kafkaRecord('abc'.charAt(random.below(3)), 'x'.repeat(random.below(400))),
    )
    const answers = records.map(fits)
    const count = answers.indexOf(false)
    t.notOk(answers.slice(count).includes(true), 'the first that does not fit is the end')
    const batches = recordBatches(records.slice(0, count), bounds.partitionOf)
    const largest = Math.max(0, ...batches.map((one) => one.bytes))
    if (largest > bounds.batchBytesMax) t.fail(`a batch of ${largest}`)
    const sum = records.slice(0, count).reduce((bytes, record) => bytes + record.bytes, 0)
    if (sum > bounds.sendBytesMax) t.fail(`a send of ${sum}`)
  }
})

t.test('one that fits into no batch goes alone', async (t) => {
  const large = kafkaRecord('a', 'x'.repeat(100))
  const fits = beginSend({
    batchBytesMax: bytesAlone(large) - 1,
    sendBytesMax: 10_000,
    partitionOf: (todoId) => todoId.charCodeAt(0),
  })
  t.same([large, kafkaRecord('b', 'x'), kafkaRecord('c', 'x')].map(fits), [false, false, false])
})
