// A real Kafka cluster: a controller of its own, and brokers that hold each record in as many replicas.
// Were the brokers controllers too, two that are down would take the quorum with them, and with it the
// election of the leaders that are left.

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  clusterId,
  formatFileIn,
  isFormatted,
  isInCluster,
  listenersAt,
  properties,
  quickToStart,
  startKafkaNode,
  type KafkaSettings,
} from './kafka-node.ts'
import { accepts, freePort, loopback, nextFreePort } from './ports.ts'
import type { Cluster, Service } from './service.ts'

const brokerCount = 3
/** Of the brokers, whose numbers begin with 1. */
const controllerId = 100

const java = ['-Xmx256m', ...quickToStart]

export const startKafkaController = async (options: {
  directory: string
  port?: number
  /** Over those below. */
  settings?: KafkaSettings
}): Promise<Service> => {
  const port = options.port ?? (await freePort())
  return startKafkaNode({
    name: 'kafka-controller',
    directory: options.directory,
    port,
    java,
    settings: {
      'process.roles': 'controller',
      ...nodeOf(controllerId, port),
      listeners: listenersAt({ CONTROLLER: port }),
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT',
      // A broker that comes back leads again what it is the first replica of: after 300 s by default.
      'leader.imbalance.check.interval.seconds': 1,
      ...options.settings,
    },
    answers: () => accepts(port),
  })
}

/** Ready when clients are led to it; it may have much to copy from the others then. */
export const startKafkaBroker = async (options: {
  /** From 1. */
  id: number
  controllerPort: number
  directory: string
  port?: number
  /** For clients: a proxy's, in tests. The other brokers are on a listener of their own. */
  advertisedPort?: number
  /** Over those below. */
  settings?: KafkaSettings
}): Promise<Service> => {
  const { id } = options
  const port = options.port ?? (await freePort())
  const replicationPort = await freePort()
  await formatBroker(options.directory, id)
  return startKafkaNode({
    name: `kafka-${id}`,
    directory: options.directory,
    port,
    java,
    settings: {
      'process.roles': 'broker',
      ...nodeOf(id, options.controllerPort),
      listeners: listenersAt({ PLAINTEXT: port, REPLICATION: replicationPort }),
      'advertised.listeners': listenersAt({
        PLAINTEXT: options.advertisedPort ?? port,
        REPLICATION: replicationPort,
      }),
      'inter.broker.listener.name': 'REPLICATION',
      'listener.security.protocol.map':
        'PLAINTEXT:PLAINTEXT,REPLICATION:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'default.replication.factor': brokerCount,
      'offsets.topic.replication.factor': brokerCount,
      'transaction.state.log.replication.factor': brokerCount,
      'transaction.state.log.min.isr': 2,
      ...options.settings,
    },
    answers: () => isInCluster(port, id),
  })
}

/** The whole of it, for clients that know it by its brokers' addresses. */
export const startKafkaCluster = async (options: {
  directory: string
  /** Of the first broker; the others take the next that are free. */
  port?: number
}): Promise<Cluster> => {
  const processes: Service[] = []
  try {
    const controller = await startKafkaController({
      directory: join(options.directory, 'controller'),
    })
    processes.push(controller)
    let port = options.port ?? (await freePort())
    const starting: Promise<Service>[] = []
    for (let id = 1; id <= brokerCount; id++) {
      port = await nextFreePort(port)
      const directory = join(options.directory, `broker-${id}`)
      starting.push(startKafkaBroker({ id, controllerPort: controller.port, directory, port }))
      port++
    }
    const started = await Promise.allSettled(starting)
    for (const one of started) if (one.status === 'fulfilled') processes.push(one.value)
    for (const one of started) if (one.status === 'rejected') throw one.reason
  } catch (error) {
    for (const one of processes.reverse()) await one.stop()
    throw error
  }
  const brokers = processes.slice(1)
  return { name: 'kafka', url: brokers.map(({ url }) => url).join(','), processes }
}

/** What server and worker are to be told of it, where a broker may be lost and no write with it. */
export const kafkaClusterSettings = (brokers: string): Record<string, string> => ({
  KAFKA_BROKERS: brokers,
  KAFKA_REPLICATION_FACTOR: String(brokerCount),
  KAFKA_MIN_INSYNC_REPLICAS: '2',
})

const nodeOf = (id: number, controllerPort: number): KafkaSettings => ({
  'node.id': id,
  'controller.quorum.voters': `${controllerId}@${loopback}:${controllerPort}`,
})

/** As Kafka's own program would, which starts a Java machine to write these three lines. */
const formatBroker = async (directory: string, id: number): Promise<void> => {
  if (await isFormatted(directory)) return
  const file = formatFileIn(resolve(directory))
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, properties({ version: 1, 'cluster.id': clusterId, 'node.id': id }))
}
