// The databases of tests: in a whole run they are copies of one, and must not be seen to be.

import t from 'tap'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { createPool } from '../lib/drivers/postgres/pool.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { migrationsDirectory } from '../scripts/paths.ts'
import { testDatabase } from './services.ts'

t.test('each is migrated, and its lists are ahead of those of older ones', async (t) => {
  let newest = 0
  for (let made = 0; made < 2; made++) {
    const url = await testDatabase(t)
    t.same(await migrate(url, migrationsDirectory), [])
    const pool = createPool({ url, poolSize: 1, timeoutMs: 10_000 })
    t.teardown(pool.close)
    const version = await createPostgresStore(pool).listVersion()
    t.ok(version > newest)
    newest = version
  }
})
