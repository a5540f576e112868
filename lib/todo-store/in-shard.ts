// A transaction of a shard, whose commands are judged by rows of another database: memberships and shares.
// They are locked there in a transaction that stays open until the shard's has ended. Locks are taken in
// the order that all keep: memberships, shares, todos. In one database, statements that are sent together
// are in order; in two, each waits for the one before.

import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { inTransaction } from './applying.ts'
import { holdTransaction, type HeldTransaction } from '../drivers/postgres/held-transaction.ts'
import type { StoreTransaction, TodoStore } from './todo-store.ts'

/** The transactions of a shard. `accounts`: where memberships and shares are. */
export const shardTransactions =
  (shard: Pool, accounts: Pool): TodoStore['transaction'] =>
  async (work) => {
    const access = holdTransaction(accounts)
    const gone = new Set<string>()
    const working = shard.transaction(async (tx) => {
      const done = await work(inShard(tx, access, gone))
      // Its session may have ended, and its locks with it: then nothing is committed that relied on them.
      await access.check()
      return done
    })
    try {
      const result = await working
      // The shard has committed. Shares of todos that are gone show nothing, should they stay.
      if (gone.size > 0) await endShares(access, gone).catch(() => {})
      await access.release().catch(() => {})
      return result
    } catch (error) {
      await access.abandon()
      throw error
    }
  }

const endShares = async (access: HeldTransaction, todoIds: ReadonlySet<string>): Promise<void> => {
  const sql = await access.sql()
  await Promise.race([
    sql`DELETE FROM todo_shares WHERE todo_id = ANY(${[...todoIds]}::text[])`,
    access.lost,
  ])
}

/** `gone`: gets the personal todos that it deletes. */
const inShard = (tx: Sql, access: HeldTransaction, gone: Set<string>): StoreTransaction => {
  const here = inTransaction(tx)
  /** A statement on a connection that is lost may never be answered. */
  const elsewhere = <T>(ask: (there: StoreTransaction) => Promise<T>): Promise<T> =>
    Promise.race([access.sql().then((sql) => ask(inTransaction(sql))), access.lost])
  let locked: Promise<unknown> = Promise.resolve()
  /** After all that were asked for before, and not at all when one of them failed. */
  const inOrder = <T>(lock: () => Promise<T>): Promise<T> => {
    const mine = locked.then(lock)
    locked = mine
    locked.catch(() => {}) // whoever asked for it is told
    return mine
  }
  /** Of todos that were locked. */
  const personal = new Set<string>()

  const transaction: StoreTransaction = {
    ...here,
    async lockMemberships(memberships, asked) {
      if (memberships.length === 0 && asked.length === 0) return []
      return inOrder(() => elsewhere((there) => there.lockMemberships(memberships, asked)))
    },
    async lockShares(asked) {
      if (asked.length === 0) return []
      return inOrder(() => elsewhere((there) => there.lockShares(asked)))
    },
    lockTodos: (ids) =>
      inOrder(async () => {
        const rows = await here.lockTodos(ids)
        for (const { id, is_personal, team_id } of rows.values())
          if (is_personal && team_id === null) personal.add(id)
        return rows
      }),
    async sharedTodos(ids) {
      if (ids.length === 0) return new Set()
      return inOrder(() => elsewhere((there) => there.sharedTodos(ids)))
    },
    async write(changes) {
      await here.write(changes)
      for (const id of changes.deletes) if (personal.has(id)) gone.add(id)
    },
    savepoint: (work) =>
      here.savepoint(async () => {
        const before = [...gone]
        try {
          return await work(transaction)
        } catch (error) {
          gone.clear()
          for (const id of before) gone.add(id)
          throw error
        }
      }),
  }
  return transaction
}
