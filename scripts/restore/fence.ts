// A database of several went back in time, and the others did not: until they are compared, nobody uses it.
// It says so itself, so that it holds whoever starts it, and wherever.

import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { restoredName, restoredTo } from '../../lib/domain/shard-map.ts'

/** `shard`: undefined for that of DATABASE_URL. False: there are no shards. Throws where it is another. */
export const fence = async (url: string, shard: string | undefined, to: Date): Promise<boolean> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  try {
    const [row] = await sql<{ is_there: boolean }[]>`
      SELECT to_regclass('shard_identity') IS NOT NULL AS is_there`
    if (!row?.is_there) return false
    const [identity] = await sql<{ name: string }[]>`SELECT name FROM shard_identity`
    const found = identity && (restoredTo(identity.name)?.name ?? identity.name)
    if (found !== shard) {
      const named = (name: string | undefined) => name ?? 'that of DATABASE_URL, or no shard yet'
      throw new Error(`it is the database ${named(found)}, and not ${named(shard)}`)
    }
    if (found === undefined) {
      await sql`UPDATE shard_map SET version = -version WHERE version > 0`
      return (await sql`SELECT FROM shard_map WHERE version < 0`).count > 0
    }
    if (found === identity?.name)
      await sql`UPDATE shard_identity SET name = ${restoredName(found, to.toISOString())}`
    return true
  } finally {
    await sql.end({ timeout: 1 })
  }
}
