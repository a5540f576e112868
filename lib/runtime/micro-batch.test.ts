// The micro-batch: who shares a send, what each is told, and that nothing is lost or doubled in any
// order of arrivals and answers.

import t from 'tap'
import { eventually } from '../../testing/eventually.ts'
import { seeded } from '../../testing/seeded.ts'
import { createMicroBatch, NotSent, SendSmaller, type BatchOutcome } from './micro-batch.ts'

/** Sends that settle when the test says so. */
const heldSends = () => {
  const sends: { items: string[]; settle: (error?: Error) => void }[] = []
  let flying = 0
  let most = 0
  const send = (items: string[]) =>
    new Promise<void>((resolve, reject) => {
      most = Math.max(most, ++flying)
      sends.push({
        items,
        settle(error) {
          flying--
          if (error) reject(error)
          else resolve()
        },
      })
    })
  const nth = (n: number) =>
    eventually(
      () => sends[n],
      (one) => one !== undefined,
    ).then((one) => one!)
  return { send, nth, sends, mostAtOnce: () => most }
}
const bounds = {
  pendingMax: 100,
  pendingBytesMax: 1_000,
  batchMax: 100,
  waitMaxMs: 60_000,
  bytesOf: (item: string) => item.length,
  beginBatch: () => () => true,
}

t.test('callers of one turn share a send, and those meanwhile share the next', async (t) => {
  const { send, nth, mostAtOnce } = heldSends()
  const batch = createMicroBatch({ ...bounds, send })
  const first = [batch.add('a'), batch.add('b')]
  const one = await nth(0)
  const second = [batch.add('c'), batch.add('d')]
  t.same(one.items, ['a', 'b'])
  one.settle()
  t.match(await Promise.all(first), Array(2).fill({ kind: 'acknowledged' }))
  const two = await nth(1)
  t.same(two.items, ['c', 'd'])
  two.settle()
  await Promise.all(second)
  t.equal(mostAtOnce(), 1)
})

t.test('callers of the turn in which an answer is read share the next send', async (t) => {
  const { send, nth } = heldSends()
  const batch = createMicroBatch({ ...bounds, send })
  const first = batch.add('a')
  const one = await nth(0)
  const waited = batch.add('b')
  one.settle()
  await first
  const answered = batch.add('c')
  const two = await nth(1)
  t.same(two.items, ['b', 'c'])
  two.settle()
  await Promise.all([waited, answered])
})

t.test('behind a large send, what comes within a few turns shares the next', async (t) => {
  const { send, nth } = heldSends()
  const batch = createMicroBatch({ ...bounds, send, nowMs: () => 0 })
  const large = Array.from({ length: 8 }, () => batch.add('a'))
  const one = await nth(0)
  one.settle()
  await Promise.all(large)
  const early = batch.add('b')
  await new Promise((resolve) => setImmediate(resolve))
  const late = batch.add('c')
  const two = await nth(1)
  t.same(two.items, ['b', 'c'])
  two.settle()
  await Promise.all([early, late])
})

t.test('a send that fails leaves its own callers in doubt, nobody else', async (t) => {
  const { send, nth } = heldSends()
  const batch = createMicroBatch({ ...bounds, send })
  const lost = batch.add('a')
  const one = await nth(0)
  const later = batch.add('b')
  one.settle(new Error('no answer'))
  t.same(await lost, { kind: 'unknown', reason: 'no answer' })
  ;(await nth(1)).settle()
  t.match(await later, { kind: 'acknowledged' })
})

t.test('what never left is refused, not in doubt', async (t) => {
  const { send, nth } = heldSends()
  const batch = createMicroBatch({ ...bounds, send })
  const refused = batch.add('a')
  ;(await nth(0)).settle(new NotSent('not connected'))
  t.same(await refused, { kind: 'refused', cause: 'log-unavailable', reason: 'not connected' })
})

t.test('past its bound it refuses at once', async (t) => {
  const { send, nth } = heldSends()
  const batch = createMicroBatch({ ...bounds, pendingMax: 3, send })
  const taken = ['a', 'b', 'c'].map((item) => batch.add(item))
  t.match(await batch.add('d'), { kind: 'refused' })
  const one = await nth(0)
  t.match(await batch.add('e'), { kind: 'refused' }, 'what flies counts too')
  one.settle()
  await Promise.all(taken)
  const room = batch.add('f')
  ;(await nth(1)).settle()
  t.match(await room, { kind: 'acknowledged' })
})

t.test('past its bound in bytes it refuses at once, large or many', async (t) => {
  const { send, nth } = heldSends()
  const batch = createMicroBatch({ ...bounds, pendingBytesMax: 10, send })
  const taken = ['four', 'five'].map((item) => batch.add(item))
  t.match(await batch.add('six'), { kind: 'refused', cause: 'queue-full' })
  const one = await nth(0)
  t.match(await batch.add('six'), { kind: 'refused' }, 'what flies counts too')
  const small = batch.add('ab')
  one.settle()
  t.match(await Promise.all(taken), Array(2).fill({ kind: 'acknowledged' }))
  ;(await nth(1)).settle()
  t.match(await small, { kind: 'acknowledged' }, 'what fits is taken')
  const all = batch.add('0123456789')
  ;(await nth(2)).settle()
  t.match(await all, { kind: 'acknowledged' }, 'and the room is given back')
})

t.test('a batch ends where the caller says, in order, and has at least one', async (t) => {
  const sent: string[][] = []
  const batch = createMicroBatch({
    ...bounds,
    beginBatch() {
      let room = 6
      return (item) => (room -= item.length) >= 0
    },
    send(items) {
      sent.push(items)
      return Promise.resolve()
    },
  })
  await Promise.all(['ab', 'abcd', 'a', 'abcdefgh', 'b', 'c'].map((item) => batch.add(item)))
  t.same(sent, [['ab', 'abcd'], ['a'], ['abcdefgh'], ['b', 'c']])
})

t.test('each is given the receipt of its own item, where there is one', async (t) => {
  const batch = createMicroBatch<string, number>({
    ...bounds,
    send: (items) => Promise.resolve(items.map((item) => item.length || undefined)),
  })
  t.same(await Promise.all(['a', '', 'abc'].map((item) => batch.add(item))), [
    { kind: 'acknowledged', receipt: 1 },
    { kind: 'acknowledged', receipt: undefined },
    { kind: 'acknowledged', receipt: 3 },
  ])
})

t.test('what is to be sent smaller goes again, first and in order', async (t) => {
  const { send, nth, sends } = heldSends()
  let size = 3
  const batch = createMicroBatch({
    ...bounds,
    beginBatch() {
      let room = size
      return () => room-- > 0
    },
    send,
  })
  const all = ['a', 'b', 'c', 'd'].map((item) => batch.add(item))
  const one = await nth(0)
  size = 2
  one.settle(new SendSmaller('too large', false))
  ;(await nth(1)).settle()
  ;(await nth(2)).settle()
  t.match(await Promise.all(all), Array(4).fill({ kind: 'acknowledged' }))
  t.same(
    sends.map((one) => one.items),
    [
      ['a', 'b', 'c'],
      ['a', 'b'],
      ['c', 'd'],
    ],
  )
})

t.test('refused at last, it is in doubt if an earlier send may have been taken', async (t) => {
  for (const isNothingTaken of [true, false]) {
    const { send, nth } = heldSends()
    const batch = createMicroBatch({ ...bounds, send })
    const one = batch.add('a')
    ;(await nth(0)).settle(new SendSmaller('too large', isNothingTaken))
    ;(await nth(1)).settle(new NotSent('larger than all', 'too-large'))
    t.match(
      await one,
      isNothingTaken
        ? { kind: 'refused', cause: 'too-large', reason: 'larger than all' }
        : { kind: 'unknown', reason: 'larger than all' },
    )
  }
})

t.test('what waited too long is refused instead of sent', async (t) => {
  const { send, nth, sends } = heldSends()
  let now = 0
  const batch = createMicroBatch({ ...bounds, waitMaxMs: 10, send, nowMs: () => now })
  const first = batch.add('a')
  const one = await nth(0)
  const late = batch.add('b')
  now = 8
  const fresh = batch.add('c')
  now = 15
  one.settle()
  await first
  t.match(await late, { kind: 'refused' })
  ;(await nth(1)).settle()
  t.match(await fresh, { kind: 'acknowledged' })
  t.same(sends[1]?.items, ['c'])
})

t.test('while a send hangs, what waits is refused, and so is what comes, at once', async (t) => {
  const { send, nth, sends } = heldSends()
  let now = 0
  const batch = createMicroBatch({ ...bounds, waitMaxMs: 10, send, nowMs: () => now })
  const hanging = batch.add('a')
  const one = await nth(0)
  const waiting = batch.add('b')
  now = 11
  t.match(await batch.add('c'), { kind: 'refused' })
  t.match(await waiting, { kind: 'refused' }, 'before the send is answered')
  one.settle()
  t.match(await hanging, { kind: 'acknowledged' })
  const after = batch.add('d')
  ;(await nth(1)).settle()
  t.match(await after, { kind: 'acknowledged' }, 'and it goes on')
  t.same(sends[1]?.items, ['d'])
})

t.test('idle waits for all that is under way', async (t) => {
  const { send, nth } = heldSends()
  const batch = createMicroBatch({ ...bounds, send })
  await batch.idle()
  void batch.add('a')
  let isIdle = false
  const idle = batch.idle().then(() => (isIdle = true))
  const one = await nth(0)
  t.equal(isIdle, false)
  one.settle()
  await idle
  t.equal(batch.pending(), 0)
})

t.test('in any order nothing is lost, doubled, reordered or told wrongly', async (t) => {
  const random = seeded(t)
  for (let round = 0; round < 300; round++) {
    const sent: string[] = []
    const arrived = new Set<string>()
    const inDoubt = new Set<string>()
    const batch = createMicroBatch<string>({
      ...bounds,
      pendingMax: 20,
      batchMax: 1 + random.below(8),
      beginBatch() {
        let room = random.below(10)
        return (item) => (room -= item.length) >= 0
      },
      async send(items) {
        const fate = random.below(6)
        if (fate === 0) throw new NotSent('down')
        if (fate === 5) throw new SendSmaller('too large', true)
        // Some may have been taken: they go again, with the others.
        if (fate === 4) {
          for (const item of items) inDoubt.add(item)
          throw new SendSmaller('too large', false)
        }
        sent.push(...items)
        for (let turns = random.below(4); turns > 0; turns--) {
          await new Promise((resolve) => setImmediate(resolve))
        }
        if (fate === 1) throw new Error('no answer')
        for (const item of items) arrived.add(item)
      },
    })
    const outcomes: Promise<[string, BatchOutcome]>[] = []
    for (let i = 0; i < 60; i++) {
      const item = String(i).padStart(2, '0')
      outcomes.push(batch.add(item).then((outcome) => [item, outcome]))
      if (random.below(3) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    for (const [item, { kind }] of await Promise.all(outcomes)) {
      const isRight =
        kind === 'acknowledged'
          ? arrived.has(item)
          : kind === 'refused'
            ? !sent.includes(item) && !inDoubt.has(item)
            : sent.includes(item) || inDoubt.has(item)
      if (!isRight) t.fail(`round ${round}: ${item} is ${kind}`)
    }
    if (new Set(sent).size !== sent.length) t.fail(`round ${round}: sent twice`)
    if (sent.join() !== [...sent].sort().join()) t.fail(`round ${round}: out of order`)
  }
  t.pass('300 rounds')
})
