// A Postgres with our tables and todos in it, and an oracle that says what it holds. For benchmarks:
// they hold what a server shows against it.

import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { migrate } from '../../lib/drivers/postgres/migrate.ts'
import { migrationsDirectory } from '../paths.ts'
import { seed } from '../seed.ts'
import { startPostgres } from './postgres.ts'
import type { Service } from './service.ts'

/** What the database holds, asked past the server. */
export type Oracle = {
  /** The list that `?limit=N` should give. */
  list(limit: number): Promise<unknown>
  count(): Promise<number>
  /** Commands that a worker has applied, of every log. */
  appliedCommands(): Promise<number>
  deadLetters(): Promise<number>
  close(): Promise<void>
}

export const startTodosDatabase = async (options: {
  readonly directory: string
  readonly todos: number
  /** false: no fsync. */
  readonly durable?: boolean
}): Promise<Service> => {
  const database = await startPostgres(options)
  try {
    await migrate(database.url, migrationsDirectory)
    await seed({ databaseUrl: database.url, count: options.todos }, () => {})
    return database
  } catch (error) {
    await database.stop()
    throw error
  }
}

export const connectOracle = (url: string): Oracle => {
  const sql = connectPostgres({ url, poolSize: 1 })
  const numberOf = async (rows: PromiseLike<readonly { number: number }[]>): Promise<number> =>
    (await rows)[0]?.number ?? 0
  return {
    async list(limit) {
      const rows = await sql`
        SELECT id, title, description, completed, user_id, created_at, updated_at
        FROM todos ORDER BY created_at DESC, id DESC LIMIT ${limit}`
      return JSON.parse(JSON.stringify([...rows])) as unknown
    },
    count: () => numberOf(sql`SELECT count(*)::int AS number FROM todos`),
    appliedCommands: () =>
      numberOf(sql`SELECT coalesce(sum(next_offset), 0)::int AS number FROM command_offsets`),
    deadLetters: () => numberOf(sql`SELECT count(*)::int AS number FROM dead_letters`),
    close: () => sql.end(),
  }
}
