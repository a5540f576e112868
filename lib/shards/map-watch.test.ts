// The map as a process has it: the newest that was read, and none that nobody has confirmed for a while.

import t from 'tap'
import type { ShardMap } from '../domain/shard-map.ts'
import { createLog } from '../runtime/log.ts'
import { MapUnknown, NoMap, watchShardMap } from './map-watch.ts'

const log = createLog('test', 'silent')
const mapOf = (version: number, installation = 'ours'): ShardMap => {
  return { installation, version, shards: ['a', 'b'] }
}
const watchOf = (answers: (ShardMap | undefined | Error)[], believedMs?: number) =>
  watchShardMap(
    () => {
      const answer = answers.shift()
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    },
    log,
    believedMs,
  )

t.test('before it is read, there is none to go by', async (t) => {
  const watch = watchOf([undefined, mapOf(1)])
  t.throws(watch.map, MapUnknown)
  await t.rejects(watch.read(), NoMap)
  await watch.read()
  t.same(watch.map(), mapOf(1))
})

t.test('a newer one takes its place, an older one and that of others do not', async (t) => {
  const watch = watchOf([mapOf(2), mapOf(3), mapOf(2), mapOf(4, 'theirs')])
  await watch.read()
  await watch.read()
  t.equal(watch.map().version, 3)
  await t.rejects(watch.read(), /went back to 2/)
  await t.rejects(watch.read(), /of another installation/)
  t.same(watch.map(), mapOf(3))
})

t.test('one that nobody confirms is soon gone by no more', async (t) => {
  const watch = watchOf([mapOf(1), new Error('down'), mapOf(1)], 0)
  await watch.read()
  await new Promise((resolve) => setTimeout(resolve, 1))
  t.throws(watch.map, MapUnknown)
  await t.rejects(watch.read(), /down/)
  t.throws(watch.map, MapUnknown)
})
