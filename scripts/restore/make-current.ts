// What must be changed in a database that went back in time, before a server or a worker sees it: versions
// that clients and caches have seen, and what was ended since and would be valid again.

import { connectPostgres } from '../../lib/drivers/postgres/client.ts'

export type MadeCurrent = {
  readonly newestMigration: string | undefined
  /** Undefined: nothing was ever committed after the backup. */
  readonly lastCommitAt: Date | undefined
  /** Lists of users and teams whose version was moved ahead, with the public ones' as one. */
  readonly lists: number
  readonly sessionsRevoked: number
  readonly tokensDeleted: number
}

/** Tables that an older backup may not have are passed over. */
export const makeCurrent = async (
  url: string,
  { keepsSessions }: { readonly keepsSessions: boolean },
): Promise<MadeCurrent> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  try {
    const [replayed] = await sql<{ at: Date | null }[]>`
      SELECT pg_last_xact_replay_timestamp() AS at`
    return await sql.begin(async (tx) => {
      const count = async (table: string, statement: string): Promise<number> => {
        const [found] = await tx<{ is_there: boolean }[]>`
          SELECT to_regclass(${table}) IS NOT NULL AS is_there`
        return found?.is_there ? (await tx.unsafe(statement)).count : 0
      }
      // The time in microseconds is ahead of all changes that were ever made.
      const now = '(extract(epoch FROM clock_timestamp()) * 1000000)::bigint'
      const lists = [
        await count(
          'list_versions',
          `UPDATE list_versions SET changes = ${now} WHERE log = '(born)'`,
        ),
        await count('personal_lists', `UPDATE personal_lists SET version = ${now}`),
        await count('team_lists', `UPDATE team_lists SET version = ${now}`),
      ]
      // A new epoch for each: whoever watches reads anew.
      await count('event_channels', 'DELETE FROM event_channels')
      const sessionsRevoked = keepsSessions
        ? 0
        : await count(
            'sessions',
            `UPDATE sessions SET revoked_at = clock_timestamp()
             WHERE revoked_at IS NULL AND expires_at > now()`,
          )
      // Used since, they could be used again.
      const tokensDeleted = await count('account_tokens', 'DELETE FROM account_tokens')
      const [newest] = await tx<{ has_migrations: boolean }[]>`
        SELECT to_regclass('migrations') IS NOT NULL AS has_migrations`
      const [migration] = newest?.has_migrations
        ? await tx<{ name: string }[]>`SELECT name FROM migrations ORDER BY name DESC LIMIT 1`
        : []
      return {
        newestMigration: migration?.name,
        lastCommitAt: replayed?.at ?? undefined,
        lists: lists.reduce((sum, each) => sum + each, 0),
        sessionsRevoked,
        tokensDeleted,
      }
    })
  } finally {
    await sql.end({ timeout: 1 })
  }
}
