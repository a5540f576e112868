// Marked writes are found in lists whichever comes first, and one that newer todos displaced is told from
// one that is lost.

import t from 'tap'
import { createSightings } from './sightings.ts'

const epochMs = Date.parse('2026-01-31T12:00:00.000Z')

/** Newest first; each as its number and when it was made. */
const listOf = (...todos: readonly (readonly [number: number | null, createdMs: number])[]) =>
  JSON.stringify(
    todos.map(([number, createdMs], id) => ({
      id: `todo-${id}`,
      title: number === null ? 'sample ########' : `sample ${String(number).padStart(8, '0')}`,
      created_at: new Date(epochMs + createdMs).toISOString(),
      updated_at: new Date(epochMs + createdMs).toISOString(),
    })),
  )

t.test('the latency is from the 202 to the first list that shows it', async (t) => {
  const sightings = createSightings()
  sightings.answered({ number: 30, status: 202, atMs: 100, dueAtMs: 90 })
  sightings.list(listOf([null, 99], [0, 90]), 105, epochMs)
  t.equal(sightings.pending(), 1)
  sightings.list(listOf([30, 99], [null, 99], [0, 90]), 112, epochMs)
  sightings.list(listOf([30, 99], [0, 90]), 120, epochMs)
  t.same(sightings.result(), {
    latenciesMs: [12],
    samples: 1,
    displaced: 0,
    unseen: 0,
  })
})

t.test('a list may show it before the 202 is here', async (t) => {
  const sightings = createSightings()
  sightings.list(listOf([30, 99]), 100, epochMs)
  sightings.answered({ number: 30, status: 202, atMs: 103, dueAtMs: 93 })
  t.same(sightings.result().latenciesMs, [0])
})

t.test('a list of newer todos only has displaced it: an upper bound', async (t) => {
  const sightings = createSightings()
  sightings.answered({ number: 30, status: 202, atMs: 100, dueAtMs: 90 })
  sightings.list(listOf([60, 130], [null, 101]), 140, epochMs)
  t.equal(sightings.pending(), 1, 'the oldest may have been made in the millisecond of its 202')
  sightings.list(listOf([60, 130], [null, 102]), 150, epochMs)
  t.match(sightings.result(), { latenciesMs: [50], samples: 1, displaced: 1, unseen: 0 })
})

t.test('what no list shows or displaces is unseen, and a refusal is no sample', async (t) => {
  const sightings = createSightings()
  sightings.answered({ number: 0, status: 202, atMs: 100, dueAtMs: 90 })
  sightings.answered({ number: 30, status: 503, atMs: 100, dueAtMs: 90 })
  sightings.list('[]', 110, epochMs)
  sightings.list(listOf([null, 101], [null, 20]), 140, epochMs)
  t.same(sightings.result(), {
    latenciesMs: [],
    samples: 1,
    displaced: 0,
    unseen: 1,
  })
})

t.test(
  'at the end a todo is missed only if it was due after the oldest that is shown',
  async (t) => {
    const sightings = createSightings()
    const answer = { status: 202, atMs: 200 }
    sightings.answered({ ...answer, number: 0, dueAtMs: 90 })
    sightings.answered({ ...answer, number: 30, dueAtMs: 120 })
    sightings.list(listOf([60, 190], [null, 110]), 210, epochMs)
    t.equal(sightings.pending(), 2, 'newer todos might still displace both')
    t.match(sightings.result(), { latenciesMs: [10], displaced: 1, unseen: 1 })
  },
)
