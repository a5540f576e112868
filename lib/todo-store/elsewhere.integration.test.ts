// Personal todos in their shards, as those see them who share them.

import t from 'tap'
import { layoutPartitions, todoLayouts, type OpenLayout } from '../../testing/todo-layouts.ts'

t.test('a copy that an interrupted move has left is shown to nobody', async (t) => {
  const { elsewhere, homes, poolOf } = await (todoLayouts.get('two shards') as OpenLayout)(t)
  const insert = (id: string, title: string, partition: number) =>
    poolOf(partition).run(
      (sql) => sql`
        INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at,
          revision, is_personal)
        VALUES (${id}, ${title}, '', false, 'ann', now(), now(), 1, true)`,
    )
  const ids: string[] = []
  // Some in each shard, so that both are asked.
  for (let i = 0; i < 16; i++) {
    const id = homes.newTodoId(`owner-${i}`)
    const partition = homes.partitionOf(id)
    await insert(id, 'as it is', partition)
    await insert(id, 'as it was', (partition + 1) % layoutPartitions)
    ids.push(id)
  }
  const found = await elsewhere?.read(ids)
  t.same(
    ids.map((id) => found?.get(id)?.title),
    ids.map(() => 'as it is'),
  )
})
