// How far commands are applied, over all shards.

import t from 'tap'
import { createPool } from '../drivers/postgres/pool.ts'
import { testDatabase } from '../../testing/services.ts'
import { createShardedStore } from './sharded.ts'

t.test('what a shard that says nothing may not have applied is not applied', async (t) => {
  const url = await testDatabase(t)
  const pools = new Map([
    ['a', createPool({ url, poolSize: 1, timeoutMs: 10_000 })],
    ['b', createPool({ url: 'postgres://127.0.0.1:1/none', poolSize: 1, timeoutMs: 500 })],
  ])
  const a = pools.get('a')
  if (!a) throw new Error('there is a shard a')
  const moved = new Map<number, string>()
  const map = { installation: 'one', version: 1, shards: ['a', 'b', 'a', 'b'], moved }
  const store = createShardedStore({ map: () => map, accounts: a, shards: pools })
  t.teardown(() => store.close())
  await a.run(
    (sql) => sql`
      INSERT INTO command_offsets (log, partition, next_offset) VALUES ('log', 0, 5), ('log', 2, 7)`,
  )
  const applied = async () => [...(await store.nextOffsets('log'))].sort(([a], [b]) => a - b)
  t.same(await applied(), [
    [0, 5],
    [2, 7],
  ])
  moved.set(6, 'b') // of partition 2
  t.same(
    await applied(),
    [
      [0, 5],
      [2, 0],
    ],
    'a shard has some of it now, and never said how much',
  )
})
