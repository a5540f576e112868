// Kafka as managed services offer it: a real broker that asks for TLS, a user and a password, or a
// client certificate. What is set wrongly is said in one line that names the setting.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import kafkajs, { Kafka, logLevel } from 'kafkajs'
import t, { type Test } from 'tap'
import { pino } from 'pino'
import { databasesOf } from '../../../testing/databases.ts'
import { createAuthority } from '../../../scripts/stack/certificates.ts'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { freePort, loopback } from '../../../scripts/stack/ports.ts'
import { eventually, startTimeoutMs } from '../../../testing/eventually.ts'
import { orSkip, testDirectory, testTopic } from '../../../testing/services.ts'
import { silentLog, testConfig } from '../../../testing/settings.ts'
import type { Command } from '../../domain/command.ts'
import { LogRefusesUs } from './security.ts'
import { openGate, type CommandPublisher } from '../../command-log/command-log.ts'
import {
  ensureCommandLog,
  openConsumer,
  openProbe,
  openPublisher,
  readEnds,
} from '../../command-log/open.ts'

const user = 'todos'
const password = 'a password of Kafka'
/** May write and read, and not ask for the topic's settings. */
const limitedUser = 'limited'
const jaas = 'org.apache.kafka.common.security'

const startSecured = async (t: Test) => {
  const directory = await testDirectory(t)
  const authority = await createAuthority(join(directory, 'certificates'), 'authority')
  const stranger = await createAuthority(join(directory, 'certificates'), 'stranger')
  const [broker, client, unknownClient] = await Promise.all([
    authority.issue('broker'),
    authority.issue('client'),
    stranger.issue('client'),
  ])
  const ports = {
    SASL_SSL: await freePort(),
    SSL: await freePort(),
    SASL_PLAINTEXT: await freePort(),
  }
  const scram = `${jaas}.scram.ScramLoginModule required;`
  const service = await startKafka({
    directory: join(directory, 'kafka'),
    listeners: ports,
    scramUsers: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map(
      (mechanism) => `${mechanism}=[name=${user},password=${password}]`,
    ),
    settings: {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': broker.keystoreFile,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': authority.certFile,
      'listener.name.ssl.ssl.client.auth': 'required',
      'listener.name.sasl_ssl.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.sasl_ssl.plain.sasl.jaas.config':
        `${jaas}.plain.PlainLoginModule required ` +
        `user_${user}="${password}" user_${limitedUser}="${password}";`,
      'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': scram,
      'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': scram,
      'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'SCRAM-SHA-256',
      'listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config': scram,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': `User:ANONYMOUS;User:${user};User:CN=client`,
    },
  })
  t.teardown(() => service.stop())
  return { service, ports, authority, stranger, client, unknownClient }
}

/** A log whose lines the test reads. */
const readableLog = () => {
  const lines: string[] = []
  const write = (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg)
  return { lines, log: pino({ level: 'info' }, { write }) }
}

let made = 0
const deletion = (): Command => ({
  kind: 'delete',
  commandId: `c${++made}`,
  todoId: `t${made}`,
  userId: 'ann',
  atMs: 1,
})

const isUp = (publisher: CommandPublisher) =>
  publisher.ping().then(
    () => true,
    () => false,
  )

void t.test('Kafka with TLS and SASL', async (t) => {
  const secured = await orSkip(t, () => startSecured(t))
  if (!secured) return
  const { service, ports, authority, stranger, client, unknownClient } = secured
  const at = (port: number) => `${loopback}:${port}`
  const settingsOf = (over: Record<string, string>) =>
    testConfig({
      COMMAND_LOG: 'kafka',
      KAFKA_TODO_TOPIC: testTopic(),
      KAFKA_PARTITIONS: '2',
      ...over,
    })
  const tls = { KAFKA_TLS: 'true', KAFKA_CA_FILE: authority.certFile }
  const login = { KAFKA_SASL_USERNAME: user, KAFKA_SASL_PASSWORD: password }
  const saslSsl = { KAFKA_BROKERS: at(ports.SASL_SSL), ...tls, ...login }
  const plain = { ...saslSsl, KAFKA_SASL_MECHANISM: 'plain' }
  const mutual = {
    KAFKA_BROKERS: at(ports.SSL),
    ...tls,
    KAFKA_CERT_FILE: client.certFile,
    KAFKA_KEY_FILE: client.keyFile,
  }

  for (const [name, over] of Object.entries({
    'TLS and PLAIN': plain,
    'TLS and SCRAM-SHA-256': { ...saslSsl, KAFKA_SASL_MECHANISM: 'scram-sha-256' },
    'TLS and SCRAM-SHA-512': { ...saslSsl, KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512' },
    'TLS and a client certificate': mutual,
    'SCRAM-SHA-256 without TLS': {
      ...login,
      KAFKA_BROKERS: at(ports.SASL_PLAINTEXT),
      KAFKA_SASL_MECHANISM: 'scram-sha-256',
    },
  })) {
    await t.test(`${name}: written, read, and its end is known`, async (t) => {
      const config = settingsOf(over)
      t.equal(await ensureCommandLog(config, databasesOf(config), silentLog), 2)
      const publisher = openPublisher(config, databasesOf(config), openGate(2), silentLog)
      t.teardown(() => publisher.close())
      await eventually(() => isUp(publisher), Boolean, startTimeoutMs)
      for (let i = 0; i < 20; i++) {
        t.match(await publisher.publish(deletion()), { kind: 'acknowledged' })
      }
      const ends = await readEnds(config, databasesOf(config), silentLog)
      t.equal(
        [...ends.values()].reduce((sum, end) => sum + end, 0),
        20,
      )
      const consumer = openConsumer(config, databasesOf(config), silentLog)
      t.teardown(() => consumer.stop())
      let delivered = 0
      await consumer.start(
        ({ records }) => {
          delivered += records.length
          return Promise.resolve({ kind: 'applied' })
        },
        (reason) => t.fail(reason),
      )
      await eventually(
        () => delivered,
        (count) => count === 20,
        startTimeoutMs,
      )
    })
  }

  const wrong = [
    ['a wrong password', { ...plain, KAFKA_SASL_PASSWORD: 'hunter2' }, /set .*KAFKA_SASL_PASSWORD/],
    [
      'a wrong password of SCRAM',
      { ...plain, KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_PASSWORD: 'hunter2' },
      /set .*KAFKA_SASL_PASSWORD/,
    ],
    ['an unknown user', { ...plain, KAFKA_SASL_USERNAME: 'nobody' }, /set KAFKA_SASL_USERNAME/],
    [
      'a mechanism that is not offered',
      {
        ...login,
        KAFKA_BROKERS: at(ports.SASL_PLAINTEXT),
        KAFKA_SASL_MECHANISM: 'plain',
      },
      /does not offer plain: set KAFKA_SASL_MECHANISM/,
    ],
    [
      'an authority that Node.js does not know',
      { ...plain, KAFKA_CA_FILE: '' },
      /not trusted: set KAFKA_CA_FILE/,
    ],
    [
      'another authority',
      { ...plain, KAFKA_CA_FILE: stranger.certFile },
      /not trusted: set KAFKA_CA_FILE/,
    ],
    [
      'a name that the certificate has not',
      { ...plain, KAFKA_BROKERS: `localhost:${ports.SASL_SSL}` },
      /for another name: set KAFKA_BROKERS/,
    ],
    [
      'no client certificate',
      { ...mutual, KAFKA_CERT_FILE: '', KAFKA_KEY_FILE: '' },
      /client certificate.*: set KAFKA_CERT_FILE and KAFKA_KEY_FILE/,
    ],
    [
      'a client certificate of another authority',
      {
        ...mutual,
        KAFKA_CERT_FILE: unknownClient.certFile,
        KAFKA_KEY_FILE: unknownClient.keyFile,
      },
      /client certificate.*: set KAFKA_CERT_FILE and KAFKA_KEY_FILE/,
    ],
    [
      'SASL where none is taken',
      { ...login, KAFKA_BROKERS: service.url, KAFKA_SASL_MECHANISM: 'scram-sha-256' },
      /check KAFKA_TLS \(false\) and KAFKA_SASL_MECHANISM \(scram-sha-256\)|takes no SASL on this port: set KAFKA_SASL_MECHANISM/,
    ],
    [
      'no SASL where it is asked for',
      { KAFKA_BROKERS: at(ports.SASL_SSL), ...tls },
      /check KAFKA_TLS \(true\) and KAFKA_SASL_MECHANISM \(none\)/,
    ],
    [
      'plain text to a TLS port',
      { KAFKA_BROKERS: at(ports.SSL) },
      /check KAFKA_TLS \(false\) and KAFKA_SASL_MECHANISM \(none\)/,
    ],
    [
      'TLS to a plain-text port',
      { KAFKA_BROKERS: service.url, ...tls },
      /check KAFKA_TLS \(true\) and KAFKA_SASL_MECHANISM \(none\)|speaks no TLS on this port/,
    ],
  ] as const
  // Side by side: where Kafka hangs up on us it may be starting, and is waited for.
  const tried = wrong.map(async ([name, over, line]) => {
    // kafkajs goes on trying behind a discarded producer's back for as long as that takes.
    const config = settingsOf({ ...over, PUBLISH_TIMEOUT_MS: '1000' })
    const failed = await ensureCommandLog(config, databasesOf(config), silentLog).then(
      () => 'it worked',
      (error: unknown) => error,
    )
    return [name, config, line, failed] as const
  })
  for (const [name, config, line, failed] of await Promise.all(tried)) {
    await t.test(`${name}: one line says what to set`, async (t) => {
      t.comment(String(failed))
      t.match((failed as Error).message, line)
      t.notMatch((failed as Error).message, /hunter2|\n/)
      const probe = openProbe(config, databasesOf(config), silentLog)
      t.teardown(() => probe.close())
      await t.rejects(probe.find(), { message: line }, 'who asks which log it is says it, too')
      const { log, lines } = readableLog()
      const publisher = openPublisher(config, databasesOf(config), openGate(2), log)
      t.teardown(() => publisher.close())
      const outcome = await eventually(
        () => publisher.publish(deletion()),
        (seen) => 'reason' in seen && line.test(seen.reason),
      )
      t.match(outcome, { kind: 'refused', cause: 'log-unavailable' })
      if (failed instanceof LogRefusesUs) {
        const told = await eventually(
          () => lines.filter((one) => line.test(one)),
          (seen) => seen.length > 0,
        )
        t.equal(told.length, 1, 'and once in the log')
      }
    })
  }

  await t.test('a wrong password is not tried again and again', async (t) => {
    const failures = async () =>
      (await readFile(service.logFile, 'utf8')).split('Failed authentication').length - 1
    const before = await failures()
    const config = settingsOf({
      ...plain,
      KAFKA_SASL_PASSWORD: 'hunter2',
      PUBLISH_TIMEOUT_MS: '1000',
    })
    const publisher = openPublisher(config, databasesOf(config), openGate(2), silentLog)
    t.teardown(() => publisher.close())
    const consumer = openConsumer(config, databasesOf(config), silentLog)
    t.teardown(() => consumer.stop())
    void consumer.start(
      () => Promise.resolve({ kind: 'applied' }),
      () => {},
    )
    const startedMs = performance.now()
    await eventually(
      () => performance.now() - startedMs,
      (passedMs) => passedMs > 4_000,
    )
    const tried = (await failures()) - before
    t.ok(tried >= 1 && tried <= 4, `${tried} attempts of two clients in four seconds`)
  })

  await t.test('a user who may not ask for the limit learns it from refusals', async (t) => {
    const config = settingsOf({ ...plain, KAFKA_SASL_USERNAME: limitedUser })
    const topic = config.KAFKA_TODO_TOPIC
    const admin = new Kafka({ brokers: [service.url], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    t.teardown(() => admin.disconnect())
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        { topic, numPartitions: 2, configEntries: [{ name: 'max.message.bytes', value: '20000' }] },
      ],
    })
    const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } =
      kafkajs
    await admin.createAcls({
      acl: [AclOperationTypes.WRITE, AclOperationTypes.DESCRIBE].map((operation) => ({
        principal: `User:${limitedUser}`,
        host: '*',
        permissionType: AclPermissionTypes.ALLOW,
        operation,
        resourceType: AclResourceTypes.TOPIC,
        resourceName: topic,
        resourcePatternType: ResourcePatternTypes.LITERAL,
      })),
    })
    const { log, lines } = readableLog()
    const publisher = openPublisher(config, databasesOf(config), openGate(2), log)
    t.teardown(() => publisher.close())
    await eventually(() => isUp(publisher), Boolean, startTimeoutMs)
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, () =>
        publisher.publish({
          kind: 'create',
          commandId: `c${++made}`,
          todoId: `t${made}`,
          userId: 'a',
          atMs: 1,
          title: 'x',
          description: 'x'.repeat(2_000),
        }),
      ),
    )
    t.same([...new Set(outcomes.map(({ kind }) => kind))], ['acknowledged'])
    const told = lines.filter((line) => line.includes('Allow DescribeConfigs on the topic'))
    t.equal(told.length, 1)
  })
})
