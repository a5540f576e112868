// Two shards under load. One loses its disk and is restored as it was last; then the other has an accident, and
// is restored to just before it. Buckets are moved before and since. Each time the other shard serves on, and
// in the end the checker of the consistency test judges all that was acknowledged.

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { bucketCount, bucketOf, bucketOfOwner } from '../../../lib/domain/todo-id.ts'
import { eventually } from '../../eventually.ts'
import type { seeded } from '../../seeded.ts'
import { check, type Violation } from '../consistency/check.ts'
import { startClients, type Clients } from '../consistency/clients.ts'
import { readNextOffsets } from '../consistency/read-back.ts'
import { shardNames, type ShardName } from '../consistency/services.ts'
import { readTopicEnds } from '../consistency/topic.ts'
import { gather, type Undone } from './gather.ts'
import { deleteTodos, momentOf, offsetsIn } from './operator.ts'
import { startProbe, type Probe } from './probe.ts'
import { partitions, startShardSite, type ShardSite } from './shard-site.ts'

const counts = { writers: 20, readers: 4 }
const appliedTimeoutMs = 180_000
const movedAtOnce = 3
const triedOfTodos = 40
const moveAttemptsMax = 5
const violationsShown = 20

type Random = ReturnType<typeof seeded>
type Say = (line: string) => void

/** An owner whose home it is. */
const ownerIn: Readonly<Record<ShardName, 'ann' | 'bob'>> = { 'shard-a': 'bob', 'shard-b': 'ann' }
const otherThan = (shard: ShardName): ShardName => (shard === 'shard-a' ? 'shard-b' : 'shard-a')
const homeOf = (partition: number): ShardName =>
  shardNames[partition % shardNames.length] as ShardName

type Outcome = {
  readonly shard: ShardName
  readonly what: string
  readonly lines: readonly string[]
  readonly window: Undone
}

/** False: something was lost, doubled, or seen that never was. */
export const drillShards = async (
  directory: string,
  seconds: number,
  random: Random,
  say: Say,
): Promise<boolean> => {
  for (const shard of shardNames)
    if (homeOf(bucketOfOwner(ownerIn[shard]) % partitions) !== shard)
      throw new Error(`${ownerIn[shard]} is not at home in ${shard}`)
  const site = await startShardSite(join(directory, 'shards'), say)
  const clients = startClients(site.port, counts, random)
  const probes = new Map(shardNames.map((name) => [name, startProbe(site.port, ownerIn[name])]))
  try {
    return await run({ site, clients, probes, seconds, random, say })
  } finally {
    await Promise.all([clients.stop(), ...[...probes.values()].map((probe) => probe.stop())])
    await site.stop()
  }
}

type Drill = {
  readonly site: ShardSite
  readonly clients: Clients
  readonly probes: ReadonlyMap<ShardName, Probe>
  readonly seconds: number
  readonly random: Random
  readonly say: Say
}

const run = async (drill: Drill): Promise<boolean> => {
  const { site, clients, seconds, say } = drill
  const write = () => delay(seconds * 1_000)
  await write()
  // So that each shard has buckets of the other's partitions.
  for (const shard of shardNames) await moveSome(drill, shard)
  await site.run('backup')
  await write()

  const lostDisk = await loseAndRestore(drill, 'shard-b', 'its disk was lost', async (shard) => {
    const unarchivedMs = await site.loseDisk(shard)
    return { to: 'latest', more: `, ${inSeconds(unarchivedMs)} of it not archived` }
  })
  await site.run('backup', '--only', 'shard-b')
  await write()

  const url = site.urlOf('shard-a')
  const moment = await momentOf(url)
  // These are not in shard-a any more when it has its accident, and stay where they are.
  await moveSome(drill, 'shard-b')
  const undone = await loseAndRestore(
    drill,
    'shard-a',
    'its todos were deleted by accident',
    async (shard) => {
      await deleteTodos(url)
      await write()
      await site.stopShard(shard)
      return { to: moment, more: '' }
    },
  )
  await site.run('backup', '--only', 'shard-a')
  await write()
  await clients.stop()

  const evidence = await gather(
    drill.site,
    drill.clients,
    [lostDisk, undone].map(({ window }) => window),
  )
  const violations = check(evidence)
  for (const { invariant, detail } of violations.slice(0, violationsShown))
    say(`${invariant}: ${detail}`)
  const acknowledged = evidence.operations.filter(({ outcome }) => outcome === 'ok').length
  const refused = evidence.operations.length - acknowledged
  say('')
  say(`two shards: ${acknowledged} commands acknowledged, ${refused} not`)
  for (const { shard, what, lines } of [lostDisk, undone]) {
    say(`${shard}: ${what}`)
    for (const line of lines) say(`  ${line}`)
  }
  const ended = site.endedByThemselves()
  for (const words of ended) say(`a process ended by itself: ${words}`)
  say(
    `lost: ${countOf(violations, ['I1', 'I6', 'I7'])}, doubled: ${countOf(violations, ['I2', 'I6'])}`,
  )
  say(`violations: ${violations.length} of exactly once, order and freshness`)
  return violations.length === 0 && ended.length === 0
}

const countOf = (violations: readonly Violation[], which: readonly string[]): number =>
  violations.filter(({ invariant }) => which.includes(invariant)).length

/** Buckets with todos, as far as there are. */
const moveSome = async ({ site, clients, random }: Drill, to: ShardName): Promise<void> => {
  const buckets: number[] = []
  for (let tries = 0; buckets.length < movedAtOnce; tries++) {
    const id = tries < triedOfTodos ? clients.someTodo(random)?.path.split('/').at(-1) : undefined
    const bucket = bucketOf(id ?? '') ?? random.below(bucketCount)
    const isOwners = Object.values(ownerIn).some((owner) => bucketOfOwner(owner) === bucket)
    if (homeOf(bucket % partitions) !== to && !isOwners && !buckets.includes(bucket))
      buckets.push(bucket)
  }
  // Busy workers may leave the shards of a partition out of step for longer than the command waits.
  for (let attempt = 1; ; attempt++) {
    try {
      return await site.run('shards', 'move', ...buckets.map(String), to)
    } catch (error) {
      if (attempt === moveAttemptsMax) throw error
    }
  }
}

/** `lose`: resolves when it does not run any more. */
const loseAndRestore = async (
  drill: Drill,
  shard: ShardName,
  what: string,
  lose: (shard: ShardName) => Promise<{ readonly to: string; readonly more: string }>,
): Promise<Outcome> => {
  const { site, clients, probes, say } = drill
  const [own, others] = [probes.get(shard) as Probe, probes.get(otherThan(shard)) as Probe]
  const [startMs, firstRead] = [performance.now(), clients.reads.length]
  const { to, more } = await lose(shard)
  const lostMs = performance.now()
  const before = clients.acknowledged()
  others.taken()
  own.taken()
  say(`${shard}: ${what}`)
  const ends = await readTopicEnds(site.place())
  await site.restore(shard, to)
  const restoredMs = performance.now() - lostMs
  const at = await offsetsIn(site.urlOf(shard))
  const isOwn = ([partition]: readonly [number, number]) => homeOf(partition) === shard
  const again = [...ends]
    .filter(isOwn)
    .reduce((sum, [one, end]) => sum + end - (at.get(one) ?? 0), 0)
  await site.join()
  const joinedMs = performance.now() - lostMs
  await own.served()
  const servedMs = performance.now() - lostMs
  const [during, mine] = [others.taken(), own.taken()]
  const acknowledged = clients.acknowledged() - before
  await eventually(
    () => readNextOffsets(site.place()),
    (applied) => [...ends].every(([one, end]) => (applied.get(one) ?? 0) >= end),
    appliedTimeoutMs,
  )
  const caughtUpMs = performance.now() - lostMs
  return {
    shard,
    what: what + more,
    window: { startMs, endMs: performance.now(), firstRead, lastRead: clients.reads.length },
    lines: [
      `RTO: restored ${inSeconds(restoredMs)}, joined ${inSeconds(joinedMs)}, serves after ${inSeconds(servedMs)}`,
      `     all of before applied after ${inSeconds(caughtUpMs)}`,
      `RPO: 0 where nothing is lost below; ${again} commands of its partitions were applied again`,
      `meanwhile ${acknowledged} commands were acknowledged; its owner's reads: ${mine.failed} of ${mine.reads} failed`,
      `the other shard: ${during.failed} of ${during.reads} reads failed`,
    ],
  }
}

const inSeconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
