// Who coordinates the group of a consumer, when that broker says nothing any more. kafkajs 2.2.4 looks for
// another one only when the broker itself says that it is not the coordinator. One that is frozen or gone
// says nothing: kafkajs beats for it again and again, and no worker applies anything until it is back.

import type { Kafka } from 'kafkajs'
import { withTimeout } from '../../runtime/deadline.ts'
import { clusterMakerOf } from './cluster-maker.ts'

/** A broker that is frozen is asked for no longer. Another one coordinates soon. */
const findTimeoutMs = 3_000

/** Before `client` makes its consumer. */
export const replaceLostCoordinators = (client: Kafka): void => {
  const maker = clusterMakerOf<Cluster>(client)
  const { create } = maker
  maker.create = (options) => {
    const cluster = create(options)
    const find = cluster.findGroupCoordinator.bind(cluster)
    const replaced = new WeakSet<Broker>()
    let isLost = false

    const beatOrLose = (broker: Broker) => {
      if (replaced.has(broker)) return
      replaced.add(broker)
      const beat = broker.heartbeat.bind(broker)
      broker.heartbeat = async (member) => {
        try {
          await beat(member)
        } catch (error) {
          if (!isUnanswered(error as Error)) throw error
          isLost = true
          throw notCoordinator(error as Error)
        }
      }
    }

    const findOneThatAnswers = async (group: object): Promise<Broker> => {
      const broker = await find(group)
      // For a while the others still name the one that is lost. It would be waited for as for a group that
      // comes together.
      await broker.apiVersions()
      beatOrLose(broker)
      isLost = false
      return broker
    }
    cluster.findGroupCoordinator = (group) =>
      isLost
        ? withTimeout(findTimeoutMs, () => findOneThatAnswers(group))
        : findOneThatAnswers(group)
    return cluster
  }
}

/** What a connection comes to whose broker is frozen, gone or behind a dead network. */
const isUnanswered = ({ name }: Error): boolean =>
  name === 'KafkaJSConnectionError' ||
  name === 'KafkaJSConnectionClosedError' ||
  name === 'KafkaJSRequestTimeoutError'

/** As a broker says it: kafkajs joins the group again then, as the same member. */
const notCoordinator = (cause: Error): Error =>
  Object.assign(new Error(cause.message, { cause }), { type: 'NOT_COORDINATOR_FOR_GROUP' })

// What is used of kafkajs's internals (src/cluster, src/broker), and no more.

type Broker = {
  heartbeat: (member: object) => Promise<void>
  readonly apiVersions: () => Promise<unknown>
}
type Cluster = {
  findGroupCoordinator: (group: object) => Promise<Broker>
}
