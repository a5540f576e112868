// The services of each stack, each behind its gate.

import { join } from 'node:path'
import { startRestartable, type RestartableService } from '../../restartable.ts'
import { startKafkaBroker, startKafkaController } from '../../../scripts/stack/kafka-cluster.ts'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { startPostgresReplica } from '../../../scripts/stack/postgres-replica.ts'
import { startPostgres } from '../../../scripts/stack/postgres.ts'
import { startRedis } from '../../../scripts/stack/redis.ts'

/**
 * `kafka-cluster`: `real`, with three brokers in place of one. `replicated`: with a replica of Postgres. `ha`: with
 * three brokers, Sentinels and Patroni. `shards`: `real`, with todos in two more databases, and a third that
 * joins them and leaves.
 */
export type Stack = 'real' | 'kafka-cluster' | 'replicated' | 'ha' | 'embedded' | 'shards'
export const shardNames = ['shard-a', 'shard-b'] as const
/** In the settings after them. */
export const joiningShard = 'shard-c'
export const brokerNames = ['kafka-1', 'kafka-2', 'kafka-3'] as const
export type BrokerName = (typeof brokerNames)[number]
export type ShardName = (typeof shardNames)[number]
export type ServiceName =
  | 'postgres'
  | ShardName
  | typeof joiningShard
  | 'postgres-replica'
  | 'redis'
  | 'kafka'
  | 'kafka-controller'
  | BrokerName
export type Services = ReadonlyMap<ServiceName, RestartableService>

/** In the order in which they start. */
const names: Readonly<Record<Stack, readonly ServiceName[]>> = {
  real: ['postgres', 'redis', 'kafka'],
  'kafka-cluster': ['postgres', 'redis', 'kafka-controller', ...brokerNames],
  replicated: ['postgres', 'postgres-replica', 'redis', 'kafka'],
  ha: ['kafka-controller', ...brokerNames],
  embedded: ['postgres'],
  shards: ['postgres', ...shardNames, joiningShard, 'redis', 'kafka'],
}

export const isBroker = (name: ServiceName): name is BrokerName =>
  brokerNames.some((one) => one === name)

/** What clients of Kafka are told, past the gates or through them. */
export const brokersOf = (services: Services, address: (one: RestartableService) => string) =>
  [...services]
    .filter(([name]) => name === 'kafka' || isBroker(name))
    .map(([, one]) => address(one))
    .join(',')

type Start = Parameters<typeof startRestartable>[0]
type Place = Parameters<Start>[0]

const startOf = (name: ServiceName, started: Services): Start => {
  switch (name) {
    case 'postgres':
    case 'shard-a':
    case 'shard-b':
    case 'shard-c':
      return (place: Place) => startPostgres({ ...place, durable: false })
    case 'postgres-replica': {
      const primary = { url: started.get('postgres')?.directUrl() ?? '' }
      return (place: Place) => startPostgresReplica({ ...place, primary })
    }
    case 'redis':
      return startRedis
    case 'kafka':
      return startKafka
    case 'kafka-controller':
      return startKafkaController
    case 'kafka-1':
    case 'kafka-2':
    case 'kafka-3': {
      const controllerPort = started.get('kafka-controller')?.directPort() ?? 0
      const id = 1 + brokerNames.indexOf(name)
      return (place: Place) => startKafkaBroker({ ...place, id, controllerPort })
    }
  }
}

/** All but those that `except` names. */
export const startServices = (
  stack: Stack,
  directory: string,
  except: readonly ServiceName[] = [],
): Promise<Services> =>
  startNamed(
    names[stack].filter((one) => !except.includes(one)),
    directory,
  )

/** `all`: in an order in which they can start. */
export const startNamed = async (
  all: readonly ServiceName[],
  directory: string,
): Promise<Services> => {
  const services = new Map<ServiceName, RestartableService>()
  try {
    for (const name of all) {
      services.set(name, await startRestartable(startOf(name, services), join(directory, name)))
    }
  } catch (error) {
    await stopServices(services)
    throw error
  }
  return services
}

/** The last that was started first. */
export const stopServices = async (services: Services): Promise<void> => {
  for (const one of [...services.values()].reverse()) await one.stop()
}
