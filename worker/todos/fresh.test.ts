// What of a batch is new, tried in every mixture: records with and without a stamp, those whose outcome
// is kept, copies, late ones and poison.

import t from 'tap'
import { encodeCommand, type Command, type Stamp } from '../../lib/domain/command.ts'
import { freshOf, publishersOf, readRecord, type ReadRecord } from './fresh.ts'

const ann = 'publisher-of-ann'
const bob = 'publisher-of-bob'
let made = 0
const command = (over: Partial<Command> = {}): Command =>
  ({
    kind: 'delete',
    commandId: `c${++made}`,
    todoId: 't',
    userId: 'u',
    atMs: 1,
    ...over,
  }) as Command
const kept = (commandId: string) => command({ commandId, keepsOutcome: true })
const record = (text: string): ReadRecord =>
  readRecord({ offset: ++made, value: Buffer.from(text) })
const stamped = (by: string, number: number, one = command()) =>
  record(encodeCommand(one, { by, number }))
const poison = (stamp?: Stamp) =>
  record(JSON.stringify({ schema: 9, ...(stamp && { by: stamp.by, n: stamp.number }) }))

const judged = (records: readonly ReadRecord[], known: Record<string, number> = {}) => {
  const fresh = freshOf(records, new Map(Object.entries(known)))
  return {
    fresh: fresh.commands.map((one) => records.indexOf(one.record)),
    poison: fresh.poison.map(({ offset }) => records.findIndex((one) => one.offset === offset)),
    duplicates: fresh.duplicates,
    numbers: fresh.numbers.map(({ publisher, expected, next }) => [publisher, expected, next]),
  }
}

t.test('a number up to the one that is known is a duplicate', async (t) => {
  t.same(
    judged(
      [1, 2, 3, 4].map((number) => stamped(ann, number)),
      { [ann]: 2 },
    ),
    {
      fresh: [2, 3],
      poison: [],
      duplicates: 2,
      numbers: [[ann, 2, 4]],
    },
  )
})

t.test('what is sent twice is applied once, and what is late is not', async (t) => {
  const numbers = [1, 3, 5, 1, 3, 5, 2, 7, 4]
  t.same(judged(numbers.map((number) => stamped(ann, number))), {
    fresh: [0, 1, 2, 7],
    poison: [],
    duplicates: 5,
    numbers: [[ann, 0, 7]],
  })
})

t.test('each publisher has its own numbers', async (t) => {
  const records = [stamped(ann, 5), stamped(bob, 1), stamped(ann, 6), stamped(bob, 1)]
  t.same(judged(records, { [ann]: 5 }), {
    fresh: [1, 2],
    poison: [],
    duplicates: 2,
    numbers: [
      [ann, 5, 6],
      [bob, 0, 1],
    ],
  })
  t.same(publishersOf(records), [ann, bob])
})

t.test('a publisher with nothing new is compared all the same', async (t) => {
  t.same(judged([stamped(ann, 3)], { [ann]: 5 }).numbers, [[ann, 5, 5]])
})

t.test('poison is dealt with as a number, too', async (t) => {
  const records = [
    poison({ by: ann, number: 1 }),
    poison({ by: ann, number: 1 }),
    stamped(ann, 1),
    stamped(ann, 2),
    poison(),
    poison(),
  ]
  t.same(judged(records), {
    fresh: [3],
    poison: [0, 4, 5],
    duplicates: 2,
    numbers: [[ann, 0, 2]],
  })
})

t.test('an id counts where no stamp does, and where the outcome is kept', async (t) => {
  const plain = () => record(encodeCommand(command({ commandId: 'one' })))
  t.same(judged([plain(), plain()]), { fresh: [0], poison: [], duplicates: 1, numbers: [] })
  const again = [
    stamped(ann, 1, kept('two')),
    stamped(bob, 1, kept('two')),
    record(encodeCommand(kept('two'))),
    stamped(ann, 2, kept('three')),
  ]
  t.same(judged(again), {
    fresh: [0, 3],
    poison: [],
    duplicates: 2,
    numbers: [
      [ann, 0, 2],
      [bob, 0, 1],
    ],
  })
  const rows = freshOf([plain(), stamped(ann, 1), ...again], new Map()).commands
  t.same(
    rows.map(({ hasRow }) => hasRow),
    [true, false, true, true],
  )
})
