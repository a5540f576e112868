// Where todos are in shards, the shares in the database of DATABASE_URL name todos of other databases: the
// foreign key, which looks for them in its own, goes when the map is made.

import type { Pool } from '../drivers/postgres/pool.ts'

/** Done twice, it changes nothing. */
export const freeShares = async (pool: Pool): Promise<void> => {
  await pool.run(
    (sql) => sql`ALTER TABLE todo_shares DROP CONSTRAINT IF EXISTS todo_shares_todo_id_fkey`,
  )
}
