// What kafkajs is told when the broker that coordinates its group fails. testing/system/kafka-cluster.test.ts
// freezes a real one.

import { Kafka, logLevel } from 'kafkajs'
import t from 'tap'
import { clusterMakerOf } from './cluster-maker.ts'
import { replaceLostCoordinators } from './coordinator.ts'

type Failure = { readonly name: string; readonly type?: string }

/** As kafkajs's own, of a broker that fails as it is told to. */
const clusterWith = (fails: { beat?: Failure; ask?: Failure }) => {
  const client = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING })
  const failOf = (failure?: Failure) =>
    failure
      ? Promise.reject(Object.assign(new Error('silent for 3000 ms'), failure))
      : Promise.resolve()
  const broker = {
    heartbeat: (): Promise<unknown> => failOf(fails.beat),
    apiVersions: () => failOf(fails.ask),
  }
  const cluster = { findGroupCoordinator: () => Promise.resolve(broker) }
  const maker = clusterMakerOf<typeof cluster>(client)
  maker.create = () => cluster
  replaceLostCoordinators(client)
  return maker.create({})
}

void t.test('a coordinator that does not answer is none any more', async (t) => {
  for (const name of [
    'KafkaJSConnectionError',
    'KafkaJSConnectionClosedError',
    'KafkaJSRequestTimeoutError',
  ]) {
    const coordinator = await clusterWith({ beat: { name } }).findGroupCoordinator()
    const told = await coordinator.heartbeat().catch((error: unknown) => error)
    t.match(told, { type: 'NOT_COORDINATOR_FOR_GROUP', message: 'silent for 3000 ms' }, name)
  }
})

void t.test('what it answers stays as it is', async (t) => {
  const beat = { name: 'KafkaJSProtocolError', type: 'UNKNOWN_MEMBER_ID' }
  const coordinator = await clusterWith({ beat }).findGroupCoordinator()
  t.match(await coordinator.heartbeat().catch((error: unknown) => error), beat)
  await t.resolves((await clusterWith({}).findGroupCoordinator()).heartbeat())
})

void t.test(
  'one that is frozen is not waited for as for a group that comes together',
  async (t) => {
    const ask = { name: 'KafkaJSRequestTimeoutError' }
    t.match(
      await clusterWith({ ask })
        .findGroupCoordinator()
        .catch((error: unknown) => error),
      ask,
    )
  },
)
