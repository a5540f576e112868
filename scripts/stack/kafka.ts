// A real Kafka broker on one node (KRaft: broker and controller in one process).
// A directory that holds a log keeps it, so a killed broker can be started again on its data.

import { execFile } from 'node:child_process'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { withAdmin } from '../../lib/drivers/kafka/client.ts'
import { createLog } from '../../lib/runtime/log.ts'
import { kafkaJars } from './kafka-jars.ts'
import { loopback, accepts, freePort } from './ports.ts'
import { ServiceMissing, findProgram, startService, type Service } from './service.ts'

const run = promisify(execFile)

const startTimeoutMs = 60_000
const stopTimeoutMs = 20_000
const heap = '-Xmx512m'
const clusterId = 'MkU3OEVBNTcwNTJENDM2Qg'

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
}): Promise<Service> => {
  const java = findProgram('java')
  if (java === undefined) {
    throw new ServiceMissing(
      'kafka',
      'install a Java runtime, 17 or later (apt-get install openjdk-17-jre-headless, ' +
        'brew install openjdk)',
    )
  }
  const jars = await kafkaJars()
  const directory = resolve(options.directory)
  const port = options.port ?? (await freePort())
  const files = await writeSettings(directory, {
    port,
    controllerPort: await freePort(),
    advertisedPort: options.advertisedPort ?? port,
    listeners: options.listeners ?? {},
    settings: options.settings ?? {},
  })
  const inJava = (mainClass: string) => [
    heap,
    `-Dlog4j2.configurationFile=${files.logging}`,
    '-cp',
    join(jars, '*'),
    mainClass,
  ]
  if (!(await isFormatted(directory))) {
    const format = ['format', '--cluster-id', clusterId, '--config', files.server]
    for (const user of options.scramUsers ?? []) format.push('--add-scram', user)
    await run(java, [...inJava('kafka.tools.StorageTool'), ...format])
  }
  return startService({
    name: 'kafka',
    url: `${loopback}:${port}`,
    port,
    directory,
    command: java,
    args: [...inJava('kafka.Kafka'), files.server],
    answers: () => describeCluster(port),
    startTimeoutMs: startTimeoutMs,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: stopTimeoutMs,
  })
}

const logFolder = (directory: string) => join(directory, 'log')

const isFormatted = (directory: string): Promise<boolean> =>
  access(join(logFolder(directory), 'meta.properties')).then(
    () => true,
    () => false,
  )

type Settings = Readonly<Record<string, string | number | boolean>>
type Broker = {
  readonly port: number
  readonly controllerPort: number
  readonly advertisedPort: number
  readonly listeners: Readonly<Record<string, number>>
  readonly settings: Settings
}

const writeSettings = async (directory: string, broker: Broker) => {
  await mkdir(directory, { recursive: true })
  const server = join(directory, 'server.properties')
  const logging = join(directory, 'log4j2.properties')
  await writeFile(server, properties(serverSettings(directory, broker)))
  await writeFile(logging, properties(log4jSettings))
  return { server, logging }
}

const properties = (settings: Settings): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

const serverSettings = (directory: string, broker: Broker): Settings => ({
  'process.roles': 'broker,controller',
  'node.id': 1,
  'controller.quorum.voters': `1@${loopback}:${broker.controllerPort}`,
  listeners: addresses({
    PLAINTEXT: broker.port,
    CONTROLLER: broker.controllerPort,
    ...broker.listeners,
  }),
  'advertised.listeners': addresses({ PLAINTEXT: broker.advertisedPort, ...broker.listeners }),
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': ['PLAINTEXT', ...Object.keys(broker.listeners)]
    .map((protocol) => `${protocol}:${protocol}`)
    .concat('CONTROLLER:PLAINTEXT')
    .join(','),
  'log.dirs': logFolder(directory),
  'auto.create.topics.enable': false,
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 4,
  'offsets.topic.replication.factor': 1,
  'transaction.state.log.num.partitions': 4,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  // A killed broker is let back in only when its old session is over: 9 s by default.
  'broker.session.timeout.ms': 2_000,
  'broker.heartbeat.interval.ms': 250,
  // 128 MiB of the heap by default, for compacting a log that is a few kilobytes here.
  'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
  ...broker.settings,
})

const addresses = (ports: Readonly<Record<string, number>>): string =>
  Object.entries(ports)
    .map(([protocol, port]) => `${protocol}://${loopback}:${port}`)
    .join(',')

const log4jSettings = {
  status: 'warn',
  // Kafka logs until its JVM is gone.
  shutdownHook: 'disable',
  'appender.out.type': 'Console',
  'appender.out.name': 'out',
  'appender.out.layout.type': 'PatternLayout',
  'appender.out.layout.pattern': '%d %p %c{1}: %m%n',
  'rootLogger.level': 'info',
  'rootLogger.appenderRef.out.ref': 'out',
  // Every setting of every part, 700 lines a start.
  'logger.settings.name': 'org.apache.kafka.common.config',
  'logger.settings.level': 'warn',
}

const silent = createLog('launcher', 'silent')

const describeCluster = async (port: number): Promise<void> => {
  await accepts(port) // spares a client per attempt while the JVM starts
  await withAdmin({ brokers: `${loopback}:${port}`, topic: '' }, silent, 2_000, async (admin) => {
    const { brokers } = await admin.describeCluster()
    if (brokers.length === 0) throw new Error('the broker is not part of its cluster yet')
  })
}
