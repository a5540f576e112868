// Which shards a process goes without: those of its settings that no map has had, and none before a map was read.

import t from 'tap'
import type { ShardMap } from '../domain/shard-map.ts'
import { createLog } from '../runtime/log.ts'
import { createJoining } from './joining.ts'

const mapOf = (version: number, added: readonly string[] = []): ShardMap => {
  return { installation: 'ours', version, shards: ['a', 'b'], added }
}

t.test('a shard waits until a map has it, and is used from then on', async (t) => {
  const told: string[] = []
  const joining = createJoining(['a', 'b', 'c'], createLog('test', 'silent'), (name) =>
    told.push(name),
  )
  t.equal(joining.isWaiting('c'), false, 'before a map was read nobody knows')
  joining.onRead(mapOf(1))
  t.same(['a', 'b', 'c'].map(joining.isWaiting), [false, false, true])
  await joining.joined('a')
  const joined = joining.joined('c')
  joining.onRead(mapOf(2, ['c']))
  await joined
  t.equal(joining.isWaiting('c'), false)
  joining.onRead(mapOf(3))
  t.equal(joining.isWaiting('c'), false, 'one that leaves is asked on')
  t.same(told, ['c'], 'of those that the first map has nobody is told')
})

t.test('what the map has and the settings have not is said', (t) => {
  const joining = createJoining(['a', 'b'], createLog('test', 'silent'), () => {})
  joining.onRead(mapOf(1))
  t.same(joining.lacking(), [])
  joining.onRead(mapOf(2, ['d']))
  t.same(joining.lacking(), ['d'])
  joining.onRead(mapOf(3))
  t.same(joining.lacking(), [])
  t.end()
})
