// What a partition waits for: its home, and each shard that has buckets of it.

import t from 'tap'
import type { TodoStore } from '../../lib/todo-store/todo-store.ts'
import { createPartitionShards } from './partition-shards.ts'

const partitionShards = (down: readonly string[], isMapKnown = true) =>
  createPartitionShards(
    {
      names: ['a', 'b'],
      map() {
        if (!isMapKnown) throw new Error('not known')
        // Bucket 6 is of partition 2.
        return {
          installation: 'one',
          version: 2,
          shards: ['a', 'b', 'a', 'b'],
          moved: new Map([[6, 'b']]),
        }
      },
      watch: {
        isDown: (name) => down.includes(name),
        isDownNow: (name) => Promise.resolve(down.includes(name)),
        down: () => new Map(down.map((name) => [name, 'gone'])),
      },
    },
    (name) => ({ name }) as unknown as TodoStore,
  )
const heldUp = (...settings: Parameters<typeof partitionShards>) =>
  [0, 1, 2, 3].filter(partitionShards(...settings).isHeldUp)

t.test('a shard that is down holds up what is applied to it, and nothing else', async (t) => {
  t.same(heldUp([]), [])
  t.same(heldUp(['a']), [0, 2])
  t.same(heldUp(['b']), [1, 2, 3], 'partition 2, too: a bucket of it was moved there')
  t.same(heldUp([], false), [0, 1, 2, 3], 'all, while the map is not known')
})

t.test('a partition is down with its home alone', async (t) => {
  const { isDown, isDownNow, homeOf } = partitionShards(['b'])
  t.same([0, 1, 2, 3].filter(isDown), [1, 3])
  t.same(await Promise.all([0, 1, 2, 3].map(isDownNow)), [false, true, false, true])
  t.same([homeOf(2), homeOf(4)], ['a', undefined])
})
