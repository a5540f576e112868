// A list in parts is the same JSON array as the list as a whole, wherever it was cut.

import t from 'tap'
import { listInParts } from './list-parts.ts'
import type { Position, Slice } from './page.ts'

const place = (id: number): Position => ({ createdAt: new Date(0), id: String(id) })
const sliceOf = (lines: readonly string[], next: Position | undefined): Slice => ({
  body: Buffer.from(`[${lines.join(',\n')}]`),
  next,
})

t.test('parts of any length make the same list', async (t) => {
  for (const total of [0, 1, 2, 3, 7]) {
    const all = Array.from({ length: total }, (_, i) => `{"id":"${i}"}`)
    for (const count of [1, 2, 3, 10]) {
      const parts: Buffer[] = []
      for await (const part of listInParts((after) => {
        const from = after ? Number(after.id) : 0
        const next = from + count < total ? place(from + count) : undefined
        return Promise.resolve(sliceOf(all.slice(from, from + count), next))
      }))
        parts.push(part)
      t.equal(Buffer.concat(parts).toString(), `[${all.join(',\n')}]`, `${total} by ${count}`)
      t.ok(
        parts.every(({ length }) => length > 0),
        'none is empty',
      )
    }
  }
})

t.test('what was to follow is deleted meanwhile', async (t) => {
  for (const first of [[], ['1', '2']]) {
    const slices = [sliceOf(first, place(1)), sliceOf([], place(2)), sliceOf([], undefined)]
    let text = ''
    for await (const part of listInParts(() => Promise.resolve(slices.shift() as Slice)))
      text += part.toString()
    t.same(JSON.parse(text), first.map(Number))
  }
})

t.test('a slice is read when the one before it has been taken', async (t) => {
  const asked: (string | undefined)[] = []
  const parts = listInParts((after) => {
    asked.push(after?.id)
    return Promise.resolve(sliceOf(['1'], place(asked.length)))
  })
  await parts.next()
  await parts.next()
  t.same(asked, [undefined, '1'])
  await parts.return()
  t.same(await parts.next(), { done: true, value: undefined })
  t.equal(asked.length, 2)
})
