// One process of Kafka, whichever its roles: its settings written, its directory formatted, started. A
// directory that holds a log keeps it, so a killed one can be started again on its data.

import { execFile } from 'node:child_process'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { withAdmin } from '../../lib/drivers/kafka/client.ts'
import { createLog } from '../../lib/runtime/log.ts'
import { kafkaJars } from './kafka-jars.ts'
import { accepts, loopback } from './ports.ts'
import { ServiceMissing, findProgram, startService, type Service } from './service.ts'

const run = promisify(execFile)

const startTimeoutMs = 60_000
const stopTimeoutMs = 20_000
export const clusterId = 'MkU3OEVBNTcwNTJENDM2Qg'

/** Of a Java machine that lives for seconds, half of the work would be the other compiler's. */
export const quickToStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

export type KafkaSettings = Readonly<Record<string, string | number | boolean>>

export const startKafkaNode = async (options: {
  readonly name: string
  readonly directory: string
  readonly port: number
  readonly settings: KafkaSettings
  /** Options of the Java machine. */
  readonly java: readonly string[]
  /** As kafka-storage's --add-scram takes them; only for a directory that holds no log yet. */
  readonly scramUsers?: readonly string[]
  readonly answers: () => Promise<unknown>
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
  const files = await writeSettings(directory, options.settings)
  const inJava = (mainClass: string) => [
    `-Dlog4j2.configurationFile=${files.logging}`,
    '-cp',
    join(jars, '*'),
    mainClass,
  ]
  if (!(await isFormatted(directory))) {
    const format = ['format', '--cluster-id', clusterId, '--config', files.server]
    for (const user of options.scramUsers ?? []) format.push('--add-scram', user)
    await run(java, [...quickToStart, ...inJava('kafka.tools.StorageTool'), ...format])
  }
  const { name, port, answers } = options
  return startService({
    name,
    url: `${loopback}:${port}`,
    port,
    directory,
    command: java,
    args: [...options.java, ...inJava('kafka.Kafka'), files.server],
    answers,
    startTimeoutMs,
    stopSignal: 'SIGTERM',
    stopTimeoutMs,
  })
}

/** What it writes into a directory that is its own. */
export const formatFileIn = (directory: string): string =>
  join(logFolder(directory), 'meta.properties')

const logFolder = (directory: string) => join(directory, 'log')

export const isFormatted = (directory: string): Promise<boolean> =>
  access(formatFileIn(directory)).then(
    () => true,
    () => false,
  )

const writeSettings = async (directory: string, settings: KafkaSettings) => {
  await mkdir(directory, { recursive: true })
  const server = join(directory, 'server.properties')
  const logging = join(directory, 'log4j2.properties')
  const everyones = { 'log.dirs': logFolder(directory), ...commonSettings, ...settings }
  await writeFile(server, properties(everyones))
  await writeFile(logging, properties(log4jSettings))
  return { server, logging }
}

export const properties = (settings: KafkaSettings): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

const commonSettings: KafkaSettings = {
  'controller.listener.names': 'CONTROLLER',
  'auto.create.topics.enable': false,
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.num.partitions': 4,
  // A killed broker is let back in only when its old session is over: 9 s by default.
  'broker.session.timeout.ms': 2_000,
  'broker.heartbeat.interval.ms': 250,
  // 128 MiB of the heap by default, for compacting a log that is a few kilobytes here.
  'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
}

/** `PLAINTEXT://127.0.0.1:9092,…`, by the names of listeners. */
export const listenersAt = (ports: Readonly<Record<string, number>>): string =>
  Object.entries(ports)
    .map(([listener, port]) => `${listener}://${loopback}:${port}`)
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

/** Resolves once the broker at `port` is one that the cluster has, and clients are led to. */
export const isInCluster = async (port: number, nodeId: number): Promise<void> => {
  await accepts(port) // spares a client per attempt while the JVM starts
  await withAdmin({ brokers: `${loopback}:${port}`, topic: '' }, silent, 2_000, async (admin) => {
    const { brokers } = await admin.describeCluster()
    if (brokers.every((broker) => broker.nodeId !== nodeId))
      throw new Error('the broker is not part of its cluster yet')
  })
}
