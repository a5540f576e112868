// The page and the server make the same of a key.

import t from 'tap'
import { idOfHash } from '../../../lib/domain/todo-id.ts'
import { idFromKey } from '../../../server/http/write-headers.ts'
import { idStartOf } from './id-start.ts'

t.test('an id begins as the page expects, wherever the todo is kept', async (t) => {
  for (let i = 0; i < 200; i++) {
    const [user, key] = [`user-${i}`, crypto.randomUUID()]
    const start = await idStartOf(user, key)
    const id = idFromKey(user, key)
    for (const one of [id, idOfHash(id), idOfHash(id, user), idOfHash(id, `team-${i}`)])
      if (!one.startsWith(start)) t.fail(`${one} begins otherwise than ${start}`)
    if (idFromKey(`${user}0`, key).startsWith(start)) t.fail('of another user')
  }
  t.ok(t.passing())
})
