// Before an account is deleted, in the transaction that deletes it: what it has shared is shared no more,
// nor is anything shared with it, and nothing waits for its address. Whoever applies writes locks
// memberships, shares and todos in this order, and so does the end of an account.

import type { Sql } from '../drivers/postgres/pool.ts'

export const endSharesOf = async (sql: Sql, userId: string): Promise<void> => {
  // In the order in which whoever applies writes locks them.
  const rows = await sql<{ id: string }[]>`
    SELECT id FROM todo_shares
    WHERE todo_id IN (
        SELECT id FROM todos WHERE is_personal AND team_id IS NULL AND user_id = ${userId})
      OR owner_id = ${userId} -- of todos in other databases, too
      OR user_id = ${userId}
      OR user_id IS NULL AND email = (SELECT email FROM users WHERE id = ${userId})
    ORDER BY id FOR UPDATE`
  await sql`DELETE FROM todo_shares WHERE id = ANY(${rows.map(({ id }) => id)})`
}
