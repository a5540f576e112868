// The pieces of a long list, as rows come and go.

import t from 'tap'
import { seeded } from '../../../testing/seeded.ts'
import { chunksOf, type Chunk } from './chunks.ts'

type Row = { readonly key: string }
const rows = (...keys: readonly (string | number)[]): Row[] =>
  keys.map((key) => ({ key: `${key}` }))
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const keys = (chunks: readonly Chunk<Row>[]) =>
  chunks.flatMap((one) => one.rows.map(({ key }) => key))
const homes = (chunks: readonly Chunk<Row>[]) =>
  new Map(chunks.flatMap(({ id, rows }) => rows.map(({ key }) => [key, id] as const)))

t.test('a page behind another moves no row', async (t) => {
  const first = chunksOf(rows(...numbers(0, 100)))
  t.same(
    first.map((one) => one.rows.length),
    [25, 25, 25, 25],
  )
  const more = chunksOf(rows(...numbers(0, 190)), first)
  t.same(more.slice(0, 4), first)
  t.same(
    more.map((one) => one.rows.length),
    [25, 25, 25, 25, 25, 25, 25, 15],
  )
  t.equal(new Set(more.map(({ id }) => id)).size, 8)
})

t.test('what others add at the top moves no row', async (t) => {
  let chunks = chunksOf(rows(...numbers(100, 200)))
  const before = homes(chunks)
  for (let at = 99; at >= 0; at--) chunks = chunksOf(rows(...numbers(at, 200)), chunks)
  const after = homes(chunks)
  t.same(
    numbers(100, 200).filter((key) => after.get(`${key}`) !== before.get(`${key}`)),
    [],
  )
  t.ok(chunks.every((one) => one.rows.length <= 50))
})

t.test('whatever comes and goes, all rows are there in order, and none moves', async (t) => {
  const random = seeded(t)
  const stories = 200
  for (let story = 0; story < stories; story++) {
    let shown = numbers(0, random.below(120))
    let made = 1_000
    let chunks = chunksOf(rows(...shown))
    for (let step = 0; step < 30; step++) {
      const at = random.below(3) === 0 ? 0 : random.below(shown.length + 1)
      const kind = random.below(3)
      if (kind === 0) shown = shown.toSpliced(at, random.below(4))
      else if (kind === 1) shown = shown.toSpliced(at, 0, made++)
      else shown = [...shown, ...numbers(made, (made += random.below(60)))]
      const before = homes(chunks)
      chunks = chunksOf(rows(...shown), chunks)
      const after = homes(chunks)
      if (keys(chunks).join() !== shown.join()) t.fail('rows are missing')
      const moved = [...before].filter(([key, id]) => after.has(key) && after.get(key) !== id)
      if (moved.length > 0) t.fail(`moved: ${moved.join()}`)
      if (new Set(chunks.map(({ id }) => id)).size < chunks.length) t.fail('an id is there twice')
    }
  }
  t.ok(t.passing(), `${stories} stories`)
})
