// Three Kafka brokers, of which two must have a write: a leader is killed, a broker frozen, and
// then only one is left. Nothing acknowledged is lost, and one replica alone acknowledges nothing.
// `npm run test:ha -- kafka` does more to them, and measures it.

import { setTimeout as delay } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { openGate, type PublishOutcome } from '../../lib/command-log/command-log.ts'
import { createKafkaPublisher } from '../../lib/command-log/kafka/publisher.ts'
import { findMissingReplicas } from '../../lib/command-log/open.ts'
import { idStart, uniqueLength } from '../../lib/domain/todo-id.ts'
import { replicateTopic } from '../../lib/drivers/kafka/replication.ts'
import { ensureTopic, retentionMs } from '../../lib/drivers/kafka/topic.ts'
import { kafkaClusterSettings } from '../../scripts/stack/kafka-cluster.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { clientOf, type Client } from '../json-client.ts'
import { readTopic } from '../read-topic.ts'
import type { RestartableService } from '../restartable.ts'
import { orSkip, testDatabase, testDirectory, testTopic } from '../services.ts'
import { silentLog, testConfig, testSecret } from '../settings.ts'
import { findCoordinator, readPartitions, untilInSync } from './consistency/replicas.ts'
import { asOperator } from './consistency/topic.ts'
import { brokerNames, brokersOf, startNamed, stopServices } from './consistency/services.ts'

const writers = 4
const pauseMs = 50
/** Less than Retry-After: nobody has to wait for it here. */
const refusedPauseMs = 250
/** Of writes, before the next step. */
const enough = 20
/** Ten times what it takes a group to find another coordinator. */
const appliedTimeoutMs = 60_000

t.test('a cluster of three brokers loses no write and takes none on one replica', async (t) => {
  const directory = await testDirectory(t)
  const start = () => startNamed(['kafka-controller', ...brokerNames], directory)
  const services = await orSkip(t, start)
  if (!services) return
  t.teardown(() => stopServices(services))
  const broker = (id: number) =>
    services.get(brokerNames[id - 1] ?? 'kafka-1') as RestartableService
  const topic = testTopic()
  const place = { brokers: brokersOf(services, (one) => one.directUrl()), topic }
  const databaseUrl = await testDatabase(t)
  const environment = {
    ...kafkaClusterSettings(brokersOf(services, (one) => one.url)),
    KAFKA_TODO_TOPIC: topic,
    KAFKA_PARTITIONS: '3',
    DATABASE_URL: databaseUrl,
    LIST_CACHE: 'postgres',
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PROCESSES: '1',
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'error',
  }
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  const ask = clientOf(server.port, 'ann')
  const { acknowledged, stop } = startWriting(t, ask)
  /** New ones, behind whatever happened before. */
  const areTaken = async (t: Test, what: string) => {
    const before = acknowledged.size
    await eventually(
      () => acknowledged.size,
      (size) => size > before + enough,
      startTimeoutMs,
    )
    t.pass(what)
  }
  const leads = async () =>
    (await readPartitions(place)).find(({ partitionId }) => partitionId === 0)?.leader ?? 1
  const isReady = () =>
    eventually(
      () => ask('GET', '/ready'),
      inARow(({ status }) => status === 200),
      startTimeoutMs,
    )
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  /** Of these ids, those that no worker has applied. */
  const missing = async (ids: Iterable<string> = acknowledged) => {
    const rows = await sql<{ id: string }[]>`SELECT id FROM todos`
    const applied = new Set(rows.map(({ id }) => id))
    return [...ids].filter((id) => !applied.has(id))
  }
  await areTaken(t, 'writes are taken')

  await t.test('a topic with one replica gets those that are asked for', async (t) => {
    const older = { brokers: place.brokers, topic: testTopic() }
    const partitions = 2
    await ensureTopic({ ...older, partitions, replicationFactor: 1 }, silentLog, startTimeoutMs)
    const config = testConfig({
      ...kafkaClusterSettings(older.brokers),
      KAFKA_TODO_TOPIC: older.topic,
    })
    const missing = await findMissingReplicas(config, silentLog)
    t.match(missing?.found, /has 1 of 3 replicas .* and min.insync.replicas=1 in place of 2/)
    const { KAFKA_REPLICATION_FACTOR: replicationFactor } = config
    await replicateTopic({ ...older, replicationFactor, minInsyncReplicas: 2 }, silentLog, 60_000)
    t.equal(await findMissingReplicas(config, silentLog), undefined, 'no longer')
    const retention = await asOperator(older.brokers, async (admin) => {
      const topics = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: older.topic }]
      const { resources } = await admin.describeConfigs({
        resources: topics,
        includeSynonyms: false,
      })
      return resources[0]?.configEntries.find(({ configName }) => configName === 'retention.ms')
    })
    t.equal(Number(retention?.configValue), retentionMs, 'its other settings are as they were')
  })

  await t.test('a leader is killed', async (t) => {
    const killed = broker(await leads())
    await killed.takeAway()
    await areTaken(t, 'writes are taken without it')
    await isReady()
    t.pass('and the server is ready without it')
    await killed.giveBack()
    await untilInSync(place)
  })

  // It is in sync with the others, which reach it by another listener: nobody takes its place.
  await t.test('a leader that says nothing keeps back its own partitions only', async (t) => {
    const own = { brokers: place.brokers, topic: testTopic() }
    const partitions = 3
    await ensureTopic({ ...own, partitions, replicationFactor: 3 }, silentLog, startTimeoutMs)
    const bounds = { queueMax: 1_000, waitMaxMs: 1_000, timeoutMs: 5_000 }
    const publisher = createKafkaPublisher({ ...own, ...bounds }, openGate(partitions), silentLog)
    t.teardown(() => publisher.close())
    let made = 0
    const publish = (todoId: string) =>
      publisher.publish({
        kind: 'delete',
        commandId: `c${++made}`,
        todoId,
        userId: 'ann',
        atMs: 1,
      })
    const todoIn = (partition: number) => idStart('x'.repeat(uniqueLength), partition) + 'A'
    const isAcknowledged = ({ kind }: PublishOutcome) => kind === 'acknowledged'
    const answers = () =>
      publisher.ping().then(
        () => true,
        () => false,
      )
    await eventually(answers, Boolean, startTimeoutMs)
    for (let n = 0; n < partitions; n++) {
      t.match(await publish(todoIn(n)), { kind: 'acknowledged' }, 'ready is to be ready for all')
    }
    const all = await readPartitions(own)
    const silent = all.find(({ partitionId }) => partitionId === 0)?.leader ?? 1
    const others = all.filter(({ leader }) => leader !== silent).map((one) => one.partitionId)
    t.ok(others.length > 0, 'not all have one leader')
    const { gate } = broker(silent)
    gate.inspect('to-service', () => 'drop')
    gate.inspect('to-client', () => 'drop')
    const kept = publish(todoIn(0))
    for (let n = 0; n < enough; n++) {
      const outcomes = await Promise.all(others.map((partition) => publish(todoIn(partition))))
      if (!outcomes.every(isAcknowledged)) t.fail(JSON.stringify(outcomes))
    }
    t.not((await kept).kind, 'acknowledged')
    for (let n = 0; n < enough; n++) {
      const todoId = publisher.newTodoId()
      if (!isAcknowledged(await publish(todoId))) t.fail(`${todoId} is not taken`)
    }
    t.pass('all new todos go to the others')
    await t.rejects(publisher.ping(), { name: 'Degraded', message: /no writes for partitions 0: / })
    gate.passAll()
    await eventually(() => publish(todoIn(0)), isAcknowledged, startTimeoutMs)
  })

  // With it kafkajs begins, always, and it takes connections still.
  await t.test('the first broker of the list is frozen', async (t) => {
    const frozen = broker(1)
    frozen.freeze()
    await areTaken(t, 'writes are taken without it')
    frozen.thaw()
    await untilInSync(place)
  })

  // It takes connections, and answers no heartbeat.
  await t.test('the broker that coordinates the workers is frozen', async (t) => {
    const frozen = broker(await findCoordinator(place))
    frozen.freeze()
    await areTaken(t, 'writes are taken without it')
    const taken = [...acknowledged]
    await eventually(
      () => missing(taken),
      ({ length }) => length === 0,
      appliedTimeoutMs,
    )
    t.pass('and applied, while it is frozen')
    frozen.thaw()
    await untilInSync(place)
  })

  await t.test('one replica alone', async (t) => {
    const [one, other] = [broker(1), broker(2)]
    await one.takeAway()
    await other.takeAway()
    const alone = (answer: Awaited<ReturnType<Client>>) =>
      JSON.stringify(answer.body).includes('in sync')
    const unready = await eventually(() => ask('GET', '/ready'), alone, startTimeoutMs)
    t.equal(unready.status, 503)
    t.match(JSON.stringify(unready.body), /has 1 replica in sync, and min.insync.replicas is 2/)
    const before = acknowledged.size
    const refused = await ask('POST', '/todos', { title: 'nowhere' })
    t.equal(refused.status, 503, 'a write is refused')
    t.ok(Number(refused.headers.get('retry-after')) > 0)
    t.equal(acknowledged.size, before, 'and so are those of all others')
    await one.giveBack()
    await areTaken(t, 'writes are taken when two replicas are in sync')
    await isReady()
    await other.giveBack()
  })

  await stop()
  const { values } = await readTopic(place.brokers, topic)
  const ids = values.map((value) => (JSON.parse(value) as { commandId: string }).commandId)
  t.comment(`${acknowledged.size} acknowledged, ${ids.length} logged, of ${new Set(ids).size} ids`)
  await eventually(
    () => missing(),
    ({ length }) => length === 0,
    startTimeoutMs,
  ).catch(() => {})
  t.same(await missing(), [], 'each acknowledged todo is there')
  const twice = await sql`SELECT title FROM todos GROUP BY title HAVING count(*) > 1`
  t.same([...twice], [], 'and none of them twice')
})

/** Until it is stopped; each has a title of its own. */
const startWriting = (t: Test, ask: Client) => {
  const acknowledged = new Set<string>()
  let made = 0
  let isStopped = false
  const write = async () => {
    while (!isStopped) {
      const answer = await ask('POST', '/todos', { title: `todo ${++made}` })
      if (answer.status === 202) acknowledged.add(String(answer.body['id']))
      else if (answer.status !== 503) t.fail(`a write got ${answer.status}`)
      await delay(answer.status === 202 ? pauseMs : refusedPauseMs)
    }
  }
  const running = Promise.all(Array.from({ length: writers }, write))
  const stop = async () => {
    isStopped = true
    await running
  }
  t.teardown(stop)
  return { acknowledged, stop }
}

/** So often that it is not by chance. */
const inARow = <T>(isSo: (seen: T) => boolean): ((seen: T) => boolean) => {
  let count = 0
  return (seen) => {
    count = isSo(seen) ? count + 1 : 0
    return count >= 20
  }
}
