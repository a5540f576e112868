// The numbers of a publisher: whatever becomes of its sends, in each partition commands come for the
// first time in the order of their numbers. On that the worker relies to know those that come twice.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { createMicroBatch, NotSent, SendSmaller } from '../runtime/micro-batch.ts'
import { createHomes } from './homes.ts'
import { murmur2 } from './kafka/partition.ts'
import { createStamps } from './stamps.ts'

t.test('each publisher has an id of its own, and counts from 1', (t) => {
  const [one, another] = [createStamps(), createStamps()]
  const stamps = [one(), one(), one()]
  t.match(stamps[0]?.by, /^[A-Za-z0-9_-]{16}$/)
  t.same(new Set(stamps.map(({ by }) => by)).size, 1)
  t.same(
    stamps.map(({ number }) => number),
    [1, 2, 3],
  )
  t.equal(another().number, 1)
  t.not(another().by, stamps[0]?.by)
  t.end()
})

type Queued = { readonly todoId: string; readonly number: number }

const fates = [
  'taken',
  'taken',
  'not sent',
  'smaller',
  'smaller, nothing taken',
  'no answer',
] as const
const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('whatever becomes of sends, first arrivals are in the order of their numbers', async (t) => {
  const random = seeded(t)
  let twice = 0
  for (let round = 0; round < 300; round++) {
    const count = 1 + random.below(4)
    const homes = createHomes(() => count, murmur2)
    const nextStamp = createStamps()
    const log = Array.from({ length: count }, (): number[] => [])
    const batch = createMicroBatch<Queued>({
      pendingMax: 40,
      pendingBytesMax: 1_000,
      batchMax: 1 + random.below(20),
      waitMaxMs: 60_000,
      bytesOf: () => 1,
      beginBatch() {
        let room = random.below(20)
        return () => room-- > 0
      },
      // As the publishers do. A send that failed reaches nobody later: its producer is discarded.
      async send(items) {
        const fate = fates[random.below(fates.length)]
        if (fate === 'not sent') throw new NotSent('down')
        homes.sending()
        for (let turns = random.below(3); turns > 0; turns--) await turn()
        if (fate === 'smaller, nothing taken') throw new SendSmaller('too large', true)
        const takes = log.map(() => fate === 'taken' || random.below(2) === 0)
        for (const { todoId, number } of items) {
          const partition = homes.partitionOf(todoId)
          if (takes[partition]) log[partition]?.push(number)
        }
        if (fate === 'smaller') throw new SendSmaller('too large', false)
        if (fate === 'no answer') throw new Error('no answer')
      },
    })
    const todos = Array.from({ length: 5 }, () => homes.newTodoId('ann'))
    const outcomes: Promise<readonly [Queued, string]>[] = []
    for (let i = 0; i < 100; i++) {
      const todoId = todos[random.below(10)] ?? homes.newTodoId()
      const queued = { todoId, number: nextStamp().number }
      outcomes.push(batch.add(queued).then(({ kind }) => [queued, kind] as const))
      if (random.below(4) === 0) await turn()
    }
    for (const [{ todoId, number }, kind] of await Promise.all(outcomes)) {
      const arrivals = log[homes.partitionOf(todoId)]?.filter((one) => one === number).length ?? 0
      if (kind === 'acknowledged' && arrivals === 0) t.fail(`round ${round}: ${number} is lost`)
      if (kind === 'refused' && arrivals > 0) t.fail(`round ${round}: ${number} was refused`)
      if (arrivals > 1) twice++
    }
    for (const numbers of log) {
      const first = [...new Set(numbers)]
      if (first.join() !== [...first].sort((a, b) => a - b).join()) {
        t.fail(`round ${round}: ${first.join()}`)
      }
    }
  }
  t.ok(twice > 0, `${twice} came twice`)
})
