// Three nodes, each in a zone of its own, under readers and writers: an update of all pods, a node that is
// drained, a zone that is gone without a word. It prints the table of docs/how-to/kubernetes.md.

import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import t from 'tap'
import { startNginx } from '../../../scripts/stack/nginx.ts'
import { eventually, startTimeoutMs } from '../../eventually.ts'
import { orSkip, testDirectory, testTopic } from '../../services.ts'
import { testSecret } from '../../settings.ts'
import { longestGapMs } from '../gaps.ts'
import { watchApplied } from '../watch-applied.ts'
import { startClients, type Clients } from './clients.ts'
import { faultsOf, type Fault } from './faults.ts'
import { makeNodes, type Node } from './network.ts'
import { startPods } from './pods.ts'
import { startStores } from './stores.ts'

const zones = ['a', 'b', 'c']
/** Between two faults: clients are answered again. */
const calmMs = 6_000
/** As in docker-compose.scale.yml. */
const serverOptions = 'max_fails=1 fail_timeout=1s'
/** An Ingress, and a Service or a load balancer of layer 4, whose open connections stay where they are. */
const ways = { L7: 'http', L4: 'stream' } as const

void t.test('pods, nodes and zones come and go', async (t) => {
  const nodes = await makeNodes(zones)
  const stores = await orSkip(t, () => startStores(t))
  if (!stores) return
  const topic = testTopic()
  const fronts = await Promise.all(
    Object.entries(ways).map(async ([way, mode]) => {
      const directory = await testDirectory(t)
      const nginx = await startNginx({ directory, mode, upstreams: [], serverOptions })
      t.teardown(() => nginx.stop())
      return { way, nginx }
    }),
  )
  const isAway = new Set<Node>()
  const pods = startPods(
    {
      ...stores.settings,
      KAFKA_TODO_TOPIC: topic,
      KAFKA_PARTITIONS: '3',
      JWT_SECRET: testSecret,
      HTTP_PROCESSES: '1',
      HTTP_DRAIN_DELAY_MS: '5000', // the default, which tests take away
      GRPC_PORT: 'off',
      METRICS_PORT: 'off',
      WORKER_METRICS_PORT: 'off',
      SMTP_URL: 'smtp://127.0.0.1:9',
      MAIL_FROM: 'todos@example.com',
      LOG_LEVEL: 'warn',
    },
    (node) => isAway.has(node),
    async (endpoints) => {
      for (const { nginx } of fronts) await nginx.leadTo(endpoints)
    },
  )
  t.teardown(() => pods.stop())
  for (const node of nodes) {
    await pods.start('api', node)
    await pods.start('worker', node)
  }
  await pods.areReady()

  const clients = fronts.map(({ way, nginx }) => startClients(way, nginx.port))
  await eventually(
    () => clients.map((one) => one.answered()),
    (counts) => counts.every((count) => count > 500),
    startTimeoutMs,
  )
  const rows: string[][] = []
  for (const fault of faultsOf(nodes as [Node, Node, Node], pods, isAway)) {
    rows.push(
      ...(await carryOut(fault, clients, () => ({
        databaseUrl: stores.databaseUrl,
        todoUrls: [stores.databaseUrl],
        brokers: stores.brokers,
        topic,
      }))),
    )
    t.comment(`${fault.name}: ${rows.at(-2)?.join(' | ')}; ${rows.at(-1)?.join(' | ')}`)
  }
  await Promise.all(clients.map((one) => one.stop()))

  const acknowledged = new Map(clients.flatMap((one) => [...one.acknowledged]))
  const sql = postgres(stores.databaseUrl, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  const stored = await eventually(
    () => sql<{ id: string; title: string }[]>`SELECT id, title FROM todos`,
    (found) => found.length >= acknowledged.size,
    startTimeoutMs,
  )
  const titles = new Map(stored.map(({ id, title }) => [id, title]))
  const lost = [...acknowledged].filter(([id, title]) => titles.get(id) !== title)
  t.same(lost, [], `${acknowledged.size} writes were acknowledged, none is lost`)
  t.equal(new Set(titles.values()).size, stored.length, 'none was applied twice')
  const killed = pods.leavings.filter(({ how }) => how !== 0)
  const longest = Math.max(...pods.leavings.map(({ seconds }) => seconds)).toFixed(1)
  t.same(killed, [], `${pods.leavings.length} pods left by themselves, in ${longest} s at most`)
  for (const cells of [columns, columns.map(() => '---'), ...rows]) {
    t.comment(`| ${cells.join(' | ')} |`)
  }
  if (!t.passing()) t.comment(pods.output().join('\n'))
})

const columns = [
  'What happens',
  'Way in',
  'reads',
  'failed',
  'over 1 s',
  'slowest, s',
  'writes',
  'failed',
  'over 1 s',
  'slowest, s',
  's without a read',
  's without a write',
  's without one applied',
]

/** A row for each way in. */
const carryOut = async (
  fault: Fault,
  clients: readonly Clients[],
  place: Parameters<typeof watchApplied>[0]['place'],
): Promise<string[][]> => {
  const applied = watchApplied({ place })
  const fromMs = performance.now()
  let moved: Awaited<ReturnType<typeof applied.stop>>
  let toMs = fromMs
  try {
    await fault.carryOut()
    await delay(calmMs)
  } finally {
    toMs = performance.now()
    moved = await applied.stop()
  }
  const unappliedMs = Math.max(...[...moved.values()].map(longestGapMs))
  return clients.map((one) => {
    const { reads, writes, reasons } = one.between(fromMs, toMs)
    for (const reason of new Set(reasons)) {
      t.comment(
        `${fault.name}, ${one.way}: ${reasons.filter((it) => it === reason).length} ${reason}`,
      )
    }
    const counted = [reads, writes].flatMap(({ answered, failed, slow, slowestMs }) => [
      String(answered),
      String(failed),
      String(slow),
      asSeconds(slowestMs),
    ])
    const gaps = [reads.gapMs, writes.gapMs, unappliedMs].map(asSeconds)
    return [fault.name, one.way, ...counted, ...gaps]
  })
}

const asSeconds = (ms: number) => (ms / 1_000).toFixed(1)
