// The sink on one database and on two shards: the same commands leave the same todos. And a shard that is
// down: its partitions wait, the others do not.

import postgres from 'postgres'
import t from 'tap'
import type { DeliveryResult } from '../../lib/command-log/command-log.ts'
import { encodeCommand, type Command } from '../../lib/domain/command.ts'
import { watchShards } from '../../lib/shards/shard-watch.ts'
import { eventually } from '../../testing/eventually.ts'
import { randomCommands } from '../../testing/random-commands.ts'
import { seeded } from '../../testing/seeded.ts'
import { databaseUrl } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import {
  layoutLog,
  layoutPartitions,
  todoLayouts,
  type OpenLayout,
  type TodoLayout,
} from '../../testing/todo-layouts.ts'
import { createSink, type SinkShards } from './sink.ts'

type Layout = TodoLayout
type Random = ReturnType<typeof seeded>

const found = { identity: layoutLog.identity, partitions: layoutPartitions }

const sinkOn = (layout: Layout, shards: Partial<SinkShards> = {}) =>
  createSink({
    log: layoutLog.name,
    store: layout.store.ofPartition(0),
    shards: {
      storeOf: layout.store.ofPartition,
      isDown: () => false,
      isDownNow: () => Promise.resolve(false),
      ...shards,
    },
    onApplied: () => {},
    logger: silentLog,
  })

/** Commands as the log has them, by partition. */
const partitionsOf = ({ homes }: Layout, commands: readonly Command[]): Buffer[][] => {
  const partitions: Buffer[][] = Array.from({ length: layoutPartitions }, () => [])
  for (const [i, command] of commands.entries()) {
    const partition = partitions[homes.partitionOf(command.todoId)]
    // Some have a stamp, as servers send them.
    const stamp = i % 2 === 0 ? { by: 'server', number: i + 1 } : undefined
    partition?.push(Buffer.from(encodeCommand(command, stamp)))
  }
  return partitions
}

const deliver = (
  sink: ReturnType<typeof sinkOn>,
  partition: number,
  records: readonly Buffer[],
  from: number,
  count: number,
): Promise<DeliveryResult> =>
  sink({
    partition,
    records: records.slice(from, from + count).map((value, i) => ({ offset: from + i, value })),
    endOffset: records.length,
    foundLog: () => Promise.resolve(found),
    abandoned: () => false,
  })

/** In pieces at random, side by side, some of them twice and by another worker. */
const deliverAll = async (layout: Layout, random: Random, partitions: readonly Buffer[][]) => {
  const sinks = [sinkOn(layout), sinkOn(layout)]
  await Promise.all(
    partitions.map(async (records, partition) => {
      let next = 0
      while (next < records.length) {
        const from = Math.max(0, next - random.below(4))
        const count = next - from + 1 + random.below(20)
        const sink = sinks[random.below(sinks.length)] as (typeof sinks)[number]
        const result = await deliver(sink, partition, records, from, count)
        if (result.kind === 'applied') next = Math.min(records.length, from + count)
        else if (result.kind !== 'gap') throw new Error(result.kind)
      }
    }),
  )
}

const todosIn = async ({ poolOf }: Layout) => {
  const pools = new Set(Array.from({ length: layoutPartitions }, (_, i) => poolOf(i)))
  const rows = await Promise.all(
    [...pools].map((pool) => pool.run((sql) => sql<{ id: string }[]>`SELECT * FROM todos`)),
  )
  return rows.flat().sort((a, b) => (a.id < b.id ? -1 : 1))
}

t.test('the same commands leave the same todos and outcomes, wherever they are', async (t) => {
  const random = seeded(t)
  const commands = randomCommands(random, 600, 40)
  const ids = commands.map(({ commandId }) => commandId)
  const left: unknown[] = []
  for (const [name, open] of todoLayouts) {
    const layout = await open(t)
    await deliverAll(layout, random, partitionsOf(layout, commands))
    const outcomes = [...(await layout.store.outcomesOf(ids))].sort()
    const positions = [...(await layout.store.nextOffsets(layoutLog.name))].sort()
    left.push({ todos: await todosIn(layout), outcomes, positions })
    t.comment(`${name}: ${outcomes.length} outcomes kept`)
  }
  t.same(left[1], left[0])
})

t.test('the partitions of a shard that is down wait, and no others', async (t) => {
  const random = seeded(t)
  const layout = await (todoLayouts.get('two shards') as OpenLayout)(t)
  const watch = watchShards(layout.store.shards, silentLog)
  t.teardown(watch.close)
  const shardOf = (partition: number) => (partition % 2 === 0 ? 'a' : 'b')
  const sink = sinkOn(layout, {
    isDown: (partition) => watch.isDown(shardOf(partition)),
    isDownNow: (partition) => watch.isDownNow(shardOf(partition)),
  })
  const partitions = partitionsOf(layout, randomCommands(random, 400, 40))
  const half = partitions.map((records) => Math.floor(records.length / 2))
  const deliverHalf = (partition: number, which: 0 | 1) => {
    const records = partitions[partition] as Buffer[]
    const middle = half[partition] as number
    return which === 0
      ? deliver(sink, partition, records, 0, middle)
      : deliver(sink, partition, records, middle, records.length - middle)
  }
  for (let i = 0; i < layoutPartitions; i++) t.same(await deliverHalf(i, 0), { kind: 'applied' })

  const url = layout.urls[1] as string
  const down = new URL(url).pathname.slice(1)
  const sql = postgres(databaseUrl(url, 'postgres'), { max: 1 })
  t.teardown(() => sql.end())
  await sql.unsafe(`ALTER DATABASE ${down} WITH ALLOW_CONNECTIONS false`)
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${down}`
  t.same(await deliverHalf(1, 1), { kind: 'unavailable' })
  t.same([...watch.down().keys()], ['b'])
  t.same(await deliverHalf(3, 1), { kind: 'unavailable' })
  t.same(await deliverHalf(0, 1), { kind: 'applied' })
  t.same(await deliverHalf(2, 1), { kind: 'applied' })

  await sql.unsafe(`ALTER DATABASE ${down} WITH ALLOW_CONNECTIONS true`)
  await eventually(
    () => watch.down().size,
    (count) => count === 0,
  )
  for (const partition of [1, 3]) {
    await eventually(
      () => deliverHalf(partition, 1),
      ({ kind }) => kind === 'applied',
    )
  }
  const positions = await layout.store.nextOffsets(layoutLog.name)
  for (const [i, { length }] of partitions.entries()) t.equal(positions.get(i), length)
})

t.test(
  'a shard that was restored from another installation ends the worker, and no other does',
  async (t) => {
    const layout = await (todoLayouts.get('two shards') as OpenLayout)(t)
    const sink = sinkOn(layout)
    const partitions = partitionsOf(layout, randomCommands(seeded(t), 40, 20))
    await layout.poolOf(1).run((sql) => sql`UPDATE command_logs SET identity = 'kafka:other:1'`)
    t.match(await deliver(sink, 1, partitions[1] ?? [], 0, 5), {
      kind: 'another-log',
      reason: /stored kafka:other:1/,
    })
    t.same(await deliver(sink, 0, partitions[0] ?? [], 0, 5), { kind: 'applied' })
  },
)
