// Where commands go: each server the same way, whatever id they have, and those of older releases too.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import {
  shardOfOwner,
  shardOfPartition,
  shardOfTodo,
  spreadPartitions,
} from '../domain/shard-map.ts'
import {
  bucketCount,
  bucketOf,
  bucketOfOwner,
  idAlphabet,
  todoIdLength,
} from '../domain/todo-id.ts'
import { idPattern } from '../domain/todo.ts'
import { createHomes } from './homes.ts'
import { murmur2 } from './kafka/partition.ts'
import { fnv1a } from './postgres-partition.ts'

const counts = [...Array.from({ length: 64 }, (_, i) => i + 1), 100, 1_000]

for (const [name, hash] of Object.entries({ murmur2, fnv1a })) {
  void t.test(name, async (t) => {
    await t.test('of an id, and of its start and its end, it is the same', (t) => {
      const random = seeded(t)
      for (let round = 0; round < 2_000; round++) {
        const id = Array.from({ length: todoIdLength }, () =>
          idAlphabet.charAt(random.below(64)),
        ).join('')
        const hashOf = hash.after(id.slice(0, -1))
        if (hashOf(id.charCodeAt(todoIdLength - 1)) !== hash.of(id)) t.fail(id)
      }
      t.end()
    })

    await t.test("each new id's bucket and its hash name one partition", (t) => {
      for (const count of counts) {
        const homes = createHomes(() => count, hash)
        const partitions = new Set<number>()
        for (let i = 0; i < 2 * count; i++) {
          const id = i < count ? homes.newTodoId() : homes.newTodoId(`user-${i}`)
          const partition = homes.partitionOf(id)
          if (hash.of(id) % count !== partition)
            t.fail(`${count}: an older server differs in ${id}`)
          if ((bucketOf(id) ?? -1) % count !== partition) t.fail(`${count}: ${id} goes elsewhere`)
          if (!idPattern.test(id) || id.length !== todoIdLength) t.fail(`${id} is no id`)
          if (i < count) partitions.add(partition)
          homes.sending()
        }
        t.equal(partitions.size, count, `all ${count} are used`)
      }
      t.end()
    })
  })
}

t.test('ids of one process sort in the order in which they were made', (t) => {
  let count = 3
  const homes = createHomes(() => count, murmur2)
  const ids: string[] = []
  for (let i = 0; i < 3_000; i++) {
    count = 1 + (i % 64)
    ids.push(i % 3 === 0 ? homes.newTodoId(`user-${i}`) : homes.newTodoId())
    if (i % 5 === 0) homes.sending()
  }
  t.same([...ids].sort(), ids)
  t.equal(new Set(ids).size, ids.length)
  t.end()
})

t.test('what is made between two sends goes to one partition, and the next to another', (t) => {
  const count = 6
  const homes = createHomes(() => count, murmur2)
  const madeForOne = () => {
    const partitions = new Set(
      Array.from({ length: 50 }, () => homes.partitionOf(homes.newTodoId())),
    )
    homes.sending()
    t.equal(partitions.size, 1)
    return [...partitions]
  }
  const turns = Array.from({ length: 2 * count }, madeForOne).flat()
  t.equal(new Set(turns.slice(0, count)).size, count, 'each has its turn')
  t.same(turns.slice(count), turns.slice(0, count))
  t.end()
})

t.test('all personal todos of one owner are in one bucket, public ones in any', (t) => {
  const homes = createHomes(() => 4, murmur2)
  for (const owner of ['ann', 'bob']) {
    const buckets = new Set(
      Array.from({ length: 50 }, () => {
        homes.sending()
        return bucketOf(homes.newTodoId(owner))
      }),
    )
    t.same([...buckets], [bucketOfOwner(owner)])
  }
  const seen = new Set<number | undefined>()
  for (let i = 0; i < 2 * bucketCount; i++) {
    seen.add(bucketOf(homes.newTodoId()))
    if (i % 2_048 === 0) homes.sending()
  }
  t.ok(seen.size > bucketCount / 2, `${seen.size} buckets`)
  t.end()
})

t.test(
  "a todo is in the shard that its commands are applied to, and so is its owner's list",
  (t) => {
    const random = seeded(t)
    for (let round = 0; round < 200; round++) {
      const partitions = 1 + random.below(64)
      const names = ['a', 'b', 'c', 'd'].slice(0, 1 + random.below(4))
      const map = { installation: '', version: 1, shards: spreadPartitions(partitions, names) }
      const homes = createHomes(() => partitions, random.below(2) ? murmur2 : fnv1a)
      const ownerId = `owner-${random.below(1_000_000)}`
      for (const owner of [ownerId, undefined]) {
        const id = homes.newTodoId(owner)
        const shard = shardOfPartition(map, homes.partitionOf(id))
        if (shardOfTodo(map, id) !== shard) t.fail(`${id} is not in ${shard}`)
        if (owner !== undefined && shardOfOwner(map, owner) !== shard)
          t.fail(`the list of ${owner} is not in ${shard}`)
      }
    }
    t.end()
  },
)

t.test(
  'while a partition is not taken, new todos go to others, and what has an owner does not',
  (t) => {
    const count = 6
    const taken = new Set([1, 4])
    const homes = createHomes(
      () => count,
      murmur2,
      (partition) => taken.has(partition),
    )
    const ownerId = 'ann'
    const home = homes.partitionOf(homes.newTodoId(ownerId))
    for (let round = 0; round < count; round++) {
      const partition = homes.partitionOf(homes.newTodoId())
      t.ok(taken.has(partition), `${partition} is taken`)
      t.equal(homes.partitionOf(homes.newTodoId(ownerId)), home)
      homes.sending((one) => one !== partition)
      t.equal(
        homes.partitionOf(homes.newTodoId()),
        partition,
        'a send that takes none of it changes nothing',
      )
      homes.sending((one) => one === partition)
      t.not(homes.partitionOf(homes.newTodoId()), partition, 'the next goes elsewhere')
    }
    taken.clear()
    t.ok(homes.partitionOf(homes.newTodoId()) < count, 'while none is, they go somewhere')
    t.end()
  },
)

t.test('ids without a bucket go where they always did, also to more partitions', (t) => {
  let count = 3
  const homes = createHomes(() => count, murmur2)
  // Of releases before, and made from an Idempotency-Key: as kafkajs's own partitioner sends them.
  const ids = ['kT5bJb9jQmWv3rVbQm1XqQ-0000000042', 'c4HyT8RkN0VbJ1dWmZq7xg3PpLs9uEoAiYf2GtKDh5s']
  t.same(ids.map(homes.partitionOf), [
    murmur2.of(ids[0] as string) % 3,
    murmur2.of(ids[1] as string) % 3,
  ])
  const made = homes.newTodoId()
  count = 5
  t.same(
    ids.map(homes.partitionOf),
    ids.map((id) => murmur2.of(id) % 5),
  )
  t.equal(homes.partitionOf(made), (bucketOf(made) as number) % 5, 'and the others where all go')
  t.end()
})
