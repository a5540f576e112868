// Every shorter list is a prefix of the window, for every length, whatever the titles hold.

import t from 'tap'
import { todoJson, type Todo } from '../../../lib/domain/todo.ts'
import { largeBytesMin } from '../../http/engines/engine.ts'
import { createListWindow, type Cut } from './window.ts'

const at = new Date(1_795_000_000_000)
const titles = [
  'plain',
  ',\n] \r\n ,',
  '"},\n{"id":"another"}',
  'ünïcode \u2028 \u2029 \u0085 \u{1F600}',
  '\\n \\\\ \u0001 \u007f',
  ']',
]
const todo = (i: number): Todo => ({
  id: `t${i}`,
  description: '[],\n{"a":1}',
  completed: i % 2 === 0,
  user_id: 'ann\n',
  title: `${titles[i % titles.length]}${i}`,
  created_at: at,
  updated_at: at,
})
const linesOf = (count: number) => Array.from({ length: count }, (_, i) => todoJson(todo(i)))
/** As the store makes it. */
const windowOf = (lines: readonly string[]) =>
  createListWindow(Buffer.from(`[${lines.join(',\n')}]`))

const textOf = ({ body, tail }: Cut): string => `${body.toString()}${tail?.toString() ?? ''}`

for (const count of [1, 2, 9, 300]) {
  t.test(`each prefix of ${count} todos is the first of them`, async (t) => {
    const lines = linesOf(count)
    const window = windowOf(lines)
    t.equal(window.count, count)
    for (let limit = 1; limit <= count + 2; limit++) {
      const body = textOf(window.prefix(limit))
      const expected = `[${lines.slice(0, limit).join(',\n')}]`
      if (body !== expected) t.equal(body, expected, `limit ${limit}`)
      const listed = JSON.parse(body) as Todo[]
      const isGood = listed.every(({ id, title }, i) => id === `t${i}` && title === todo(i).title)
      if (!isGood || listed.length !== Math.min(limit, count)) t.fail(`limit ${limit}`)
    }
  })
}

t.test('a window of 1,000 has 1,000 prefixes', async (t) => {
  const window = windowOf(linesOf(1_000))
  t.equal(window.count, 1_000)
  for (const limit of [1, 10, 500, 999, 1_000]) {
    t.equal((JSON.parse(textOf(window.prefix(limit))) as object[]).length, limit)
  }
})

t.test('a prefix says where the list goes on, if it does', async (t) => {
  const place = (i: number) => ({ createdAt: at, id: `t${i}` })
  const three = windowOf(linesOf(3))
  t.same(
    [1, 2, 3, 4, 1_000].map((limit) => three.prefix(limit).next),
    [place(0), place(1), undefined, undefined, undefined],
  )
  const full = windowOf(linesOf(1_000))
  t.same(full.prefix(999).next, place(998))
  t.same(full.prefix(1_000).next, place(999), 'the database may hold more')
  const long = linesOf(3).map((line) => line.replace('"description":"', `$&${'x'.repeat(600_000)}`))
  t.same(windowOf(long).prefix(2).next, place(1), 'also one that is not copied')
  const odd = windowOf(['1', 'null', '"a"', '{', '{"id":"a"}', '{"id":1,"created_at":"x"}', '[]'])
  for (let limit = 1; limit < 7; limit++) t.equal(odd.prefix(limit).next, undefined, 'no todo')
})

t.test('a list of nothing stays so', async (t) => {
  const window = createListWindow(Buffer.from('[]'))
  t.equal(window.count, 0)
  for (const limit of [1, 2, 1_000]) t.equal(textOf(window.prefix(limit)), '[]')
})

t.test('a longer prefix than there are todos is the window itself, not a copy', async (t) => {
  const window = windowOf(linesOf(3))
  t.equal(window.prefix(3).body, window.prefix(1_000).body)
})

t.test('a prefix lives on when another is cut', async (t) => {
  const window = windowOf(linesOf(5))
  const two = window.prefix(2)
  const before = textOf(two)
  window.prefix(1)
  window.prefix(4)
  t.equal(textOf(two), before)
})

t.test('long prefixes are the same bytes, whatever their length', async (t) => {
  const lines = Array.from({ length: 100 }, (_, i) => JSON.stringify(`${i}${'x'.repeat(12_000)}`))
  const window = windowOf(lines)
  const [fifty, sixty] = [window.prefix(50), window.prefix(60)]
  t.ok(fifty.body.length >= largeBytesMin)
  t.equal(fifty.body.buffer, sixty.body.buffer)
  t.same(JSON.parse(textOf(fifty)), JSON.parse(`[${lines.slice(0, 50).join()}]`))
})
