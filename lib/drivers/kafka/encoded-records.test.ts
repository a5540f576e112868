// Records that are encoded here: each byte that kafkajs's producer sends is what it would have made of
// plain messages, also when a send is tried again.

import { createRequire } from 'node:module'
import kafkajs, { Partitioners, type Message } from 'kafkajs'
import t, { type Test } from 'tap'
import { seeded } from '../../../testing/seeded.ts'
import { kafkaRecord, recordBatches, type KafkaRecord } from './batch-bytes.ts'
import { encodedMessages } from './encoded-records.ts'

type ProduceRequest = { readonly topicData: readonly { readonly partitions: readonly object[] }[] }
const require = createRequire(import.meta.url)
const createMessageProducer = require('kafkajs/src/producer/messageProducer') as (
  options: object,
) => { send(record: object): Promise<unknown> }
const encodeProduce = require('kafkajs/src/protocol/requests/produce/v7/request') as (
  request: object,
) => { encode(): Promise<{ buffer: Buffer }> }
const createEosManager = require('kafkajs/src/producer/eosManager') as (options: object) => object
const connected = (
  require('kafkajs/src/network/connectionStatus') as { CONNECTION_STATUS: { CONNECTED: string } }
).CONNECTION_STATUS.CONNECTED

const topic = 'todos'
const partitions = 3

/** kafkajs's producer in front of a broker that keeps its requests, and answers the second of two. */
const producerOf = (t: Test) => {
  const requests: Buffer[] = []
  const broker = {
    nodeId: '1',
    async produce(request: ProduceRequest) {
      requests.push((await encodeProduce(request).encode()).buffer)
      if (requests.length === 1) throw new kafkajs.KafkaJSConnectionError('no answer')
      return { topics: [] }
    },
  }
  const metadata = Array.from({ length: partitions }, (_, partitionId) => ({ partitionId }))
  const cluster = {
    refreshMetadata: () => Promise.resolve(),
    refreshMetadataIfNecessary: () => Promise.resolve(),
    addMultipleTargetTopics: () => Promise.resolve(),
    findTopicPartitionMetadata: () => metadata,
    findLeaderForPartitions: (_topic: string, ids: string[]) => ({ 1: ids.map(Number) }),
    findBroker: () => Promise.resolve(broker),
    isConnected: () => true,
  }
  const retrier = async (work: (bail: () => void, count: number, ms: number) => unknown) => {
    const bail = () => t.fail('given up')
    await Promise.resolve(work(bail, 0, 0)).catch(() => {})
    return work(bail, 1, 0)
  }
  const logger = { namespace: () => logger, debug() {}, info() {}, warn() {}, error() {} }
  const producer = createMessageProducer({
    logger,
    cluster,
    partitioner: Partitioners.DefaultPartitioner(),
    eosManager: createEosManager({ logger, cluster }),
    idempotent: true,
    retrier,
    getConnectionStatus: () => connected,
  })
  const send = async (messages: readonly Message[]) => {
    await producer.send({ topic, acks: -1, messages })
    t.equal(requests.length, 2, 'it was tried again')
    return requests.splice(0).map((request) => request.toString('latin1'))
  }
  return send
}

const letters = ['a', 'é', '\u{1F600}', '"', '\u0001', 'x'.repeat(100)]
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

t.test('the producer sends what it would have made of plain messages', async (t) => {
  const random = seeded(t)
  const nowMs = Date.now()
  t.intercept(Date, 'now', { value: () => nowMs })
  const [sendEncoded, sendPlain] = [producerOf(t), producerOf(t)]
  // Several from one producer: its sequence numbers count the records of those before.
  for (const count of [1, 2, 63, 64, 65, 127, 300, 1_000, 9_000]) {
    const records: KafkaRecord[] = Array.from({ length: count }, () =>
      kafkaRecord(
        String(random.below(count < 100 ? 1_000 : partitions)),
        Array.from({ length: random.below(8) }, () => letters[random.below(6)]).join(''),
        random.below(3) === 0 ? traceparent : undefined,
      ),
    )
    const partitionOf = (todoId: string) => Number(todoId) % partitions
    const plain = records.map(({ todoId, value, traceparent }) => ({
      key: null,
      value,
      partition: partitionOf(todoId),
      headers: traceparent === undefined ? {} : { traceparent },
    }))
    const encoded = await sendEncoded(encodedMessages(recordBatches(records, partitionOf)))
    t.ok(
      encoded.join() === (await sendPlain(plain)).join(),
      `${count} records, byte for byte, twice`,
    )
  }
})
