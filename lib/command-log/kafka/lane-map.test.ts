// Which lane a partition takes: one with those that the same brokers have, and the same one for good.

import t from 'tap'
import { createLaneMap, lanesMax } from './lane-map.ts'

const mapOf = (...replicas: number[][]) => createLaneMap(() => new Map(replicas.entries()))

t.test('partitions share a lane when one broker leads them and the same others have them', (t) => {
  const map = mapOf([7, 3, 5], [3, 7, 5], [7, 5, 3], [7, 3, 6])
  t.equal(map.count, 3)
  t.equal(map.laneOf(0), map.laneOf(2))
  t.not(map.laneOf(0), map.laneOf(1), 'another leads it')
  t.not(map.laneOf(0), map.laneOf(3), 'others have it')
  t.equal(mapOf([1], [1], [1]).count, 1, 'of one broker all is in one')
  t.end()
})

t.test('a partition keeps its lane, whoever has it later', (t) => {
  const replicas = new Map([
    [0, [1, 2]],
    [1, [2, 1]],
  ])
  const map = createLaneMap(() => replicas)
  const before = map.laneOf(0)
  replicas.set(0, [2, 1])
  t.equal(map.laneOf(0), before)
  t.end()
})

t.test('one that is added takes the lane of its brokers, or any where they are new', (t) => {
  const replicas = new Map([
    [0, [1, 2]],
    [1, [2, 3]],
    [2, [3, 1]],
  ])
  const map = createLaneMap(() => replicas)
  replicas.set(3, [1, 2])
  replicas.set(4, [9, 1])
  t.equal(map.laneOf(3), map.laneOf(0))
  for (const partition of [4, 5]) {
    const lane = map.laneOf(partition)
    t.ok(lane >= 0 && lane < map.count)
    replicas.set(partition, replicas.get((lane + 1) % 3) ?? [])
    t.equal(map.laneOf(partition), lane, 'for good, too')
  }
  t.end()
})

t.test('so many sets of brokers, and there are no more lanes', (t) => {
  const sets = 3 * lanesMax
  const map = mapOf(...Array.from({ length: sets }, (_, n) => [n]))
  t.equal(map.count, lanesMax)
  t.equal(new Set(Array.from({ length: sets }, (_, n) => map.laneOf(n))).size, lanesMax)
  t.equal(mapOf().count, 1, 'and one at least')
  t.end()
})
