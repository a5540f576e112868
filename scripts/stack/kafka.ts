// A real Kafka broker on one node (KRaft: broker and controller in one process).

import {
  isInCluster,
  listenersAt,
  startKafkaNode,
  type KafkaSettings as Settings,
} from './kafka-node.ts'
import { freePort, loopback } from './ports.ts'
import type { Service } from './service.ts'

const nodeId = 1

export const startKafka = async (options: {
  directory: string
  port?: number
  /** The advertised port: a proxy's, in tests. */
  advertisedPort?: number
  /** Further listeners, by their security protocol, on ports of their own; set up by `settings`. */
  listeners?: Readonly<Record<string, number>>
  /** Over those below. */
  settings?: Settings
  /** As kafka-storage's --add-scram takes them; only for a directory that holds no log yet. */
  scramUsers?: readonly string[]
  /** Further options of the Java machine. */
  java?: readonly string[]
}): Promise<Service> => {
  const port = options.port ?? (await freePort())
  return startKafkaNode({
    name: 'kafka',
    directory: options.directory,
    port,
    java: ['-Xmx512m', ...(options.java ?? [])],
    settings: {
      ...settingsOf({
        port,
        controllerPort: await freePort(),
        advertisedPort: options.advertisedPort ?? port,
        listeners: options.listeners ?? {},
      }),
      ...options.settings,
    },
    ...(options.scramUsers && { scramUsers: options.scramUsers }),
    answers: () => isInCluster(port, nodeId),
  })
}

const settingsOf = (broker: {
  readonly port: number
  readonly controllerPort: number
  readonly advertisedPort: number
  readonly listeners: Readonly<Record<string, number>>
}): Settings => ({
  'process.roles': 'broker,controller',
  'node.id': nodeId,
  'controller.quorum.voters': `${nodeId}@${loopback}:${broker.controllerPort}`,
  listeners: listenersAt({
    PLAINTEXT: broker.port,
    CONTROLLER: broker.controllerPort,
    ...broker.listeners,
  }),
  'advertised.listeners': listenersAt({ PLAINTEXT: broker.advertisedPort, ...broker.listeners }),
  'listener.security.protocol.map': ['PLAINTEXT', ...Object.keys(broker.listeners)]
    .map((protocol) => `${protocol}:${protocol}`)
    .concat('CONTROLLER:PLAINTEXT')
    .join(','),
  'offsets.topic.replication.factor': 1,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
})
