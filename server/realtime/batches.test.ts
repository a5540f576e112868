// What goes into one batch: what is due together, as much as fits, and what came while a channel rests.

import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createBatches } from './batches.ts'
import { LiveEvent } from './live-event.ts'

const event = (number: number, bytes = 2) =>
  new LiveEvent('todos', { epoch: 'e1', number }, 'x'.repeat(bytes))

/** What each batch has; its clock stands but while a batch is delivered, which takes `tookMs`. */
const record = (tookMs = 0) => {
  const heard: string[] = []
  let ms = 0
  const batches = createBatches(
    ({ events, first, last, messages }) => {
      heard.push(`${first.number}-${last.number}`)
      if (messages.length !== events.length) throw new Error('a message for each event')
      ms += tookMs
    },
    () => ms,
  )
  return { ...batches, heard }
}

t.test('events of one turn are one batch', async (t) => {
  const { push, heard } = record()
  push(event(1))
  push(event(2))
  t.same(heard, [], 'not before the turn is over')
  await turn()
  push(event(3))
  await turn()
  t.same(heard, ['1-2', '3-3'])
})

t.test('a batch is bounded in bytes; an event may be larger', async (t) => {
  const { push, heard } = record()
  for (const [i, bytes] of [40_000, 20_000, 10_000, 70_000, 1].entries()) push(event(i + 1, bytes))
  await turn()
  t.same(heard, ['1-2', '3-3', '4-4', '5-5'])
})

t.test('what comes while a channel rests waits, and goes together', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { push, heard } = record(5)
  push(event(1))
  await turn()
  push(event(2))
  await turn()
  push(event(3))
  t.same(heard, ['1-1'])
  mock.timers.tick(5)
  t.same(heard, ['1-1', '2-3'], 'as long as the last batch took')
})

t.test('a flush passes on what waits, once', async (t) => {
  const { push, flush, heard } = record(5)
  push(event(1))
  flush()
  push(event(2))
  flush()
  flush()
  await turn()
  t.same(heard, ['1-1', '2-2'])
})
