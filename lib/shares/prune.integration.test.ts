// Shares of todos that are gone from another database are forgotten, and no others.

import t from 'tap'
import { openSharesAt } from '../../testing/shares.ts'
import { todoLayouts, type OpenLayout } from '../../testing/todo-layouts.ts'
import { createPruneShares } from './prune.ts'

t.test(
  'a worker that died after it deleted a todo leaves shares, which are forgotten',
  async (t) => {
    const layout = await (todoLayouts.get('two shards') as OpenLayout)(t)
    const { elsewhere, accountsUrl } = layout
    if (!elsewhere) throw new Error('todos are elsewhere on two shards')
    const { shares, account, pool, todoOf } = openSharesAt(
      t,
      accountsUrl,
      { sharesOfTodoMax: 9 },
      2,
      layout,
    )
    const ann = await account('ann')
    const todos = [await todoOf(ann), await todoOf(ann), await todoOf(ann)]
    for (const name of ['bob', 'cid']) {
      const { userId } = await account(name)
      for (const todo of todos) await shares.share(ann, todo, { kind: 'user', userId }, 'viewer')
    }
    const left = () =>
      pool.run(
        (sql) =>
          sql<{ todo_id: string }[]>`SELECT DISTINCT todo_id FROM todo_shares ORDER BY todo_id`,
      )
    const prune = createPruneShares(pool, elsewhere, 2)
    /** All are looked at in some calls, and a call that finds none left begins anew. */
    const pruneAll = async () => {
      let count = 0
      for (let i = 0; i < 5; i++) count += await prune()
      return count
    }
    t.equal(await pruneAll(), 0)

    const [gone, ...others] = todos as [string, ...string[]]
    await layout
      .poolOf(layout.homes.partitionOf(gone))
      .run((sql) => sql`DELETE FROM todos WHERE id = ${gone}`)
    const down = createPruneShares(pool, { read: () => Promise.reject(new Error('down')) })
    await t.rejects(down(), /down/, 'what can not be looked for may be there')
    t.equal((await left()).length, 3)
    t.equal(await pruneAll(), 2)
    t.same(
      (await left()).map(({ todo_id }) => todo_id),
      others.toSorted(),
    )
  },
)
