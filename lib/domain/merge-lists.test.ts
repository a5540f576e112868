// The merge of lists is the list of their todos.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { mergeSlices } from './merge-lists.ts'
import type { Slice } from './page.ts'

type Made = { readonly id: string; readonly created_at: string; readonly title: string }

const byNewest = (one: Made, other: Made) =>
  one.created_at === other.created_at
    ? Number(one.id < other.id) - Number(one.id > other.id)
    : Number(one.created_at < other.created_at) - Number(one.created_at > other.created_at)

const bodyOf = (todos: readonly Made[]) =>
  Buffer.from(`[${todos.map((one) => JSON.stringify(one)).join(',\n')}]`)

const sliceOf = (todos: readonly Made[], count: number): Slice => {
  const first = todos.slice(0, count)
  const last = first.at(-1)
  const next = todos.length > count && last
  return {
    body: bodyOf(first),
    next: next ? { createdAt: new Date(next.created_at), id: next.id } : undefined,
  }
}

t.test('walked to its end, it is all todos in order, each once', (t) => {
  const random = seeded(t)
  for (let round = 0; round < 100; round++) {
    const shards = Array.from({ length: 1 + random.below(4) }, (_, shard) =>
      Array.from({ length: random.below(30) }, (_, i): Made => ({
        id: `${random.below(1_000)}-${shard}-${i}`,
        created_at: new Date(1_000 + random.below(20)).toISOString(),
        title: '"],[\\\n' + 'é'.repeat(random.below(3)),
      })).sort(byNewest),
    )
    const all = shards.flat().sort(byNewest)
    const count = 1 + random.below(10)
    const walked: Made[] = []
    let rests = shards
    for (;;) {
      const merged = mergeSlices(
        rests.map((rest) => sliceOf(rest, count)),
        count,
      )
      walked.push(...(JSON.parse(merged.body.toString()) as Made[]))
      const { next } = merged
      if (!next) break
      const place = { id: next.id, created_at: next.createdAt.toISOString(), title: '' }
      rests = shards.map((shard) => shard.filter((one) => byNewest(one, place) > 0))
    }
    t.same(walked, all)
    const whole = mergeSlices(
      shards.map((shard) => sliceOf(shard, Infinity)),
      Infinity,
    )
    t.same(whole, { body: bodyOf(all), next: undefined }, 'the same bytes')
  }
  t.end()
})

t.test('a todo that is moved is in two lists, and listed once: as it was changed last', (t) => {
  const todo = (number: number, changed: number) => ({
    id: `todo-${number}`,
    created_at: new Date(1_000 + number).toISOString(),
    title: `changed at ${changed}`,
    updated_at: new Date(5_000 + changed).toISOString(),
  })
  const old = [3, 2, 1].map((number) => todo(number, 0))
  const moved = [todo(3, 1), todo(2, 0), todo(0, 0)]
  for (const shards of [
    [old, moved],
    [moved, old],
  ]) {
    const all = mergeSlices(
      shards.map((shard) => sliceOf(shard, 3)),
      3,
    )
    t.same(JSON.parse(all.body.toString()), [todo(3, 1), todo(2, 0), todo(1, 0)])
    t.equal(all.next?.id, 'todo-1')
    const first = mergeSlices(
      shards.map((shard) => sliceOf(shard, 1)),
      1,
    )
    t.same(JSON.parse(first.body.toString()), [todo(3, 1)])
    t.equal(first.next?.id, 'todo-3')
  }
  t.end()
})
