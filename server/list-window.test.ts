// Every shorter list is a prefix of the window, for every length, whatever the titles hold.

import t from 'tap'
import { todoJson } from '../lib/todo.ts'
import { createListWindow } from './list-window.ts'

const at = new Date(1_795_000_000_000)
const todo = (i: number) => ({
  ...{ id: `t${i}`, description: '[],\n{"a":1}', completed: i % 2 === 0, user_id: 'ann' },
  ...{ title: `,\n] ünïcode \u2028 \u{1F600} ${i}`, created_at: at, updated_at: at },
})
const windowOf = (count: number) => {
  const lines = Array.from({ length: count }, (_, i) => todoJson(todo(i)))
  return createListWindow(Buffer.from(`[${lines.join(',\n')}]`))
}

t.test('for every length', async (t) => {
  for (const count of [0, 1, 2, 9, 1_000]) {
    const window = windowOf(count)
    t.equal(window.count, count)
    for (const limit of [1, 2, 8, 9, 10, 500, 999, 1_000]) {
      const listed = JSON.parse(window.prefix(limit).toString()) as { id: string; title: string }[]
      t.equal(listed.length, Math.min(limit, count))
      t.ok(listed.every((one, i) => one.id === `t${i}` && one.title === todo(i).title))
    }
  }
})
