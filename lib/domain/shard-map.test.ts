// The map of shards: what it gives to whom, and what contradicts it. That a todo is where its commands
// are applied: lib/command-log/homes.test.ts.

import t from 'tap'
import {
  guestsOfShard,
  homeOfBucket,
  identityFault,
  mapFault,
  partitionOfBucket,
  partitionsOfShard,
  shardOfBucket,
  shardOfPartition,
  shardOfTodo,
  shardsWaiting,
  spreadPartitions,
  type ShardMap,
} from './shard-map.ts'

const mapOf = (partitions: number, ...names: string[]): ShardMap => ({
  installation: 'one',
  version: 1,
  shards: spreadPartitions(partitions, names),
})

t.test('partitions are spread evenly', (t) => {
  t.same(spreadPartitions(5, ['a', 'b']), ['a', 'b', 'a', 'b', 'a'])
  t.same(partitionsOfShard(mapOf(5, 'a', 'b'), 'b'), [1, 3])
  t.equal(shardOfPartition(mapOf(5, 'a', 'b'), 5), undefined, 'a partition that is not in the map')
  t.end()
})

t.test('a bucket that was moved is where the map says, and its partition stays', (t) => {
  const map = { ...mapOf(4, 'a', 'b'), moved: new Map([[6, 'c']]) }
  t.same([shardOfBucket(map, 6), homeOfBucket(map, 6), partitionOfBucket(map, 6)], ['c', 'a', 2])
  t.equal(shardOfBucket(map, 2), 'a')
  t.same([guestsOfShard(map, 'c'), guestsOfShard(map, 'a')], [[6], []])
  t.equal(mapFault(map, ['a', 'b', 'c']), undefined)
  t.match(mapFault(map, ['a', 'b']), /has the shards c: add/)
  t.end()
})

t.test('an id without a bucket is in the shard that was adopted, or in none', (t) => {
  t.equal(shardOfTodo(mapOf(4, 'a', 'b'), 'made-up'), undefined)
  t.equal(shardOfTodo({ ...mapOf(4, 'a'), adopted: 'a' }, 'made-up'), 'a')
  t.end()
})

t.test('settings that contradict the map are said in one line', (t) => {
  const map = mapOf(4, 'a', 'b')
  t.equal(mapFault(undefined, []), undefined)
  t.equal(mapFault(map, ['b', 'a']), undefined)
  t.match(mapFault(undefined, ['a']), /npm run shards -- init/)
  t.match(mapFault(map, []), /in the shards a, b: set DATABASE_SHARDS/)
  t.match(mapFault(map, ['a']), /has the shards b: add/)
  t.equal(mapFault(map, ['a', 'b', 'c']), undefined, 'c waits until it is added')
  t.same(shardsWaiting(map, ['a', 'c', 'b']), ['c'])
  const added = { ...map, added: ['c'] }
  t.same(shardsWaiting(added, ['a', 'c', 'b']), [])
  t.match(mapFault(added, ['a', 'b']), /has the shards c: add/)
  t.end()
})

t.test('a database that is another shard, or none, is said in one line', (t) => {
  const map = mapOf(4, 'a', 'b')
  t.equal(identityFault(map, 'a', { installation: 'one', name: 'a' }), undefined)
  t.match(identityFault(map, 'a', undefined), /a in DATABASE_SHARDS leads to .* no shard/)
  t.match(identityFault(map, 'a', { installation: 'one', name: 'b' }), /leads to the shard b:/)
  t.match(identityFault(map, 'a', { installation: 'two', name: 'a' }), /of another installation/)
  t.end()
})
