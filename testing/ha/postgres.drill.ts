// A drill: the nodes of a Patroni in synchronous mode are killed, frozen and cut off, one after the other,
// under writes and reads. Nothing acknowledged or applied is lost or doubled, writes and fresh lists come
// back by themselves, and what it took is printed. `npm run test:ha -- postgres` runs it: it takes minutes.

import t from 'tap'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import type { PatroniNode } from '../../scripts/stack/patroni.ts'
import { orSkip, testDirectory, testTopic } from '../services.ts'
import { seeded } from '../seeded.ts'
import { check } from '../system/consistency/check.ts'
import { startClients } from '../system/consistency/clients.ts'
import { finalLists, whatIsLeft } from '../system/consistency/left.ts'
import {
  failoverTimeoutMs,
  leaderOf,
  rejoined,
  startGatedPatroni,
  synchronousStandbyOf,
} from '../system/consistency/gated-patroni.ts'
import { nodeFaults, type NodeFault } from '../system/consistency/node-faults.ts'
import { startSystem } from '../system/consistency/system.ts'
import { works } from '../system/consistency/works.ts'
import { longestGapMs, startProbes } from './probes.ts'

const writers = 30
const readers = 5
const enough = 100
const freshTimeoutMs = 20_000
const chosenFaults = new RegExp(process.env['FAILOVER_FAULTS'] ?? '')
const chosenStack = process.env['FAILOVER_STACK'] === 'real' ? 'real' : 'embedded'

t.test(`Postgres fails over, ${chosenStack} stack`, async (t) => {
  const random = seeded(t)
  const directory = await testDirectory(t)
  const gated = await orSkip(t, () => startGatedPatroni(`${directory}/patroni`))
  if (!gated) return
  t.teardown(() => gated.stop())
  const { patroni } = gated
  let primary = await leaderOf(patroni)
  const system = await orSkip(t, () =>
    startSystem({
      directory,
      topic: testTopic(),
      stack: chosenStack,
      engine: 'node',
      database: { url: patroni.url, directUrl: () => primary.url },
    }),
  )
  if (!system) return
  t.teardown(() => system.stop())

  const clients = startClients(system.port, { writers, readers }, random)
  const probes = startProbes(system.port)
  const { acknowledged, operations } = clients
  await eventually(acknowledged, (count) => count > enough, startTimeoutMs)
  const rows: string[][] = []

  const carryOut = async ({ name, to, movesLeader, begin, end }: NodeFault) => {
    const standby = await synchronousStandbyOf(patroni)
    const node = to === 'leader' ? primary : standby
    const beforeCount = acknowledged()
    const fromMs = performance.now()
    await begin(node)
    if (movesLeader) primary = await leaderOf(patroni, (one) => one !== node)
    await works(system, acknowledged, 'works-and-ready', failoverTimeoutMs)
    const toMs = performance.now()
    if (movesLeader && name.startsWith('Patroni')) {
      await nobodyIsOn(node)
      t.pass(`${name}: all have left the old primary, which does not know`)
    }
    await end?.(node)
    await rejoined(patroni, primary)
    const rejoinedMs = performance.now()
    await works(system, acknowledged, 'works-and-ready')
    const okMs = operations.filter((one) => one.outcome === 'ok').map((one) => one.endMs)
    const seconds = (ms: number) => (ms / 1_000).toFixed(1)
    rows.push([
      name,
      String(acknowledged() - beforeCount),
      seconds(
        longestGapMs(
          okMs.filter((one) => one <= toMs),
          fromMs,
        ),
      ),
      seconds(
        longestGapMs(
          probes.newerAtMs.filter((one) => one <= toMs),
          fromMs,
        ),
      ),
      `${node.name}, ${primary.name} leads`,
      seconds(rejoinedMs - toMs),
    ])
    t.comment((rows.at(-1) ?? []).join(' | '))
  }
  for (const fault of nodeFaults(gated)) {
    if (chosenFaults.test(fault.name)) await carryOut(fault)
  }
  await Promise.all([clients.stop(), probes.stop()])

  const left = await whatIsLeft(system)
  const shown = [...left.todos.values()].filter(({ isPersonal }) => !isPersonal)
  const violations = check({
    operations: [...operations, ...probes.keyed],
    reads: clients.reads,
    ...left,
    finalLists: await finalLists(system, shown.length),
    live: [],
  })
  t.same(violations.slice(0, 20), [], 'nothing is lost, doubled, reordered or left stale')
  t.same(await missingAccounts(primary.url, probes.registered), [], 'no account is lost')
  t.same(system.endedByThemselves(), [], 'no process ended that was not killed')
  const counted = (invariant: string) => violations.filter((one) => one.invariant === invariant)
  t.comment(
    `lost ${counted('I1').length}, doubled ${counted('I2').length}; ${operations.length} writes, ` +
      `${acknowledged()} acknowledged, ${left.log.length} logged, ${left.todos.size} todos; ` +
      `${probes.keyed.length} keys, sent again ${probes.resent()} times; ` +
      `${probes.registered.length} accounts; ${clients.reads.length} lists; ` +
      `${system.countPrinted('batch not applied')} batches tried again`,
  )
  const header = [
    'fault',
    'acked',
    's without writes',
    's without newer lists',
    'node',
    'rejoined s',
  ]
  for (const row of [header, ...rows]) t.comment(row.join(' | '))
})

/** Past the gates: no process of ours is connected to it but to ask what it is. */
const nobodyIsOn = async ({ url }: PatroniNode): Promise<void> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  try {
    await eventually(
      () => sql`
        SELECT FROM pg_stat_activity
        WHERE application_name IN ('todos', 'todos-listen') AND pid <> pg_backend_pid()`,
      (rows) => rows.count === 0,
      freshTimeoutMs,
    )
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const missingAccounts = async (url: string, emails: readonly string[]): Promise<string[]> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  const rows = await sql<{ email: string }[]>`SELECT email FROM users`
  await sql.end()
  const found = new Set(rows.map(({ email }) => email))
  return emails.filter((email) => !found.has(email))
}
