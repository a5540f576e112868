// Bytes that wait for slow readers: counted once however many wait for them, bounded exactly, and those
// who have held longest are cut first.

import t from 'tap'
import { createUnsent, type Holder } from './unsent.ts'

const createHolder = (name: string, cuts: string[]) => {
  let isDone = false
  const holder: Holder = { isDone: () => isDone, cut: () => cuts.push(name) }
  return {
    holder,
    finish() {
      isDone = true
    },
  }
}
const megabyte = () => Buffer.alloc(1_000_000)

t.test('what many wait for is counted once, until the last has it', async (t) => {
  const unsent = createUnsent(2_000_000)
  const cuts: string[] = []
  const list = megabyte()
  const all = Array.from({ length: 200 }, (_, i) => createHolder(String(i), cuts))
  for (const [i, { holder }] of all.entries()) unsent.hold(holder, list.subarray(0, 1_000 + i))
  t.equal(unsent.bytes(), 1_000_000)
  for (const { holder } of all.slice(1)) unsent.release(holder)
  t.equal(unsent.bytes(), 1_000_000)
  unsent.release((all[0] as (typeof all)[0]).holder)
  t.equal(unsent.bytes(), 0)
  t.same(cuts, [])
})

t.test('past the bound those who are done are forgotten, then the oldest are cut', async (t) => {
  const unsent = createUnsent(3_000_000)
  const cuts: string[] = []
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name) => createHolder(name, cuts))
  if (!a || !b || !c || !d || !e) return
  const lists = Array.from({ length: 5 }, megabyte)
  for (const [i, { holder }] of [a, b, c].entries()) unsent.hold(holder, lists[i] as Buffer)
  t.equal(unsent.bytes(), 3_000_000)
  b.finish()
  unsent.hold(d.holder, lists[3] as Buffer)
  t.same(cuts, [])
  t.equal(unsent.bytes(), 3_000_000)
  unsent.hold(e.holder, lists[4] as Buffer)
  t.same(cuts, ['a'])
  t.equal(unsent.bytes(), 3_000_000)
})

t.test('who must not cut anybody waits until something is released', async (t) => {
  const unsent = createUnsent(1_500_000)
  const { holder } = createHolder('a', [])
  const old = megabyte()
  const current = megabyte()
  t.ok(unsent.hasRoomFor(old))
  unsent.hold(holder, old)
  t.ok(unsent.hasRoomFor(old), 'of what is held already more may be sent')
  t.notOk(unsent.hasRoomFor(current))
  let retries = 0
  unsent.whenReleased(() => retries++)
  unsent.release(holder)
  t.equal(retries, 1)
  t.ok(unsent.hasRoomFor(current))
  t.ok(createUnsent(1).hasRoomFor(current), 'one is always sent, however long')
})
