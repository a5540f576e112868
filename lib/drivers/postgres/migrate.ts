// Applies the numbered files of sql/ that a database has not seen yet, each in one transaction.

import { readdirSync, readFileSync } from 'node:fs'
import { createPool } from './pool.ts'

/** `directory` holds files such as 001-name.sql. Returns the names of those it applied now. */
export const migrate = async (databaseUrl: string, directory: URL): Promise<string[]> => {
  // Filling a new column of a large table takes as long as it takes.
  const pool = createPool({ url: databaseUrl, poolSize: 1, timeoutMs: Infinity })
  try {
    return await pool.transaction(async (tx) => {
      // Two deployments at once: the second waits, then finds nothing to do.
      await tx`SELECT pg_advisory_xact_lock(hashtext('todos migrations'))`
      await tx`
        CREATE TABLE IF NOT EXISTS migrations (
          name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`
      const rows = await tx<{ name: string }[]>`SELECT name FROM migrations`
      const applied = new Set(rows.map((row) => row.name))
      const pending = readdirSync(directory)
        .filter((name) => /^\d{3}-.*\.sql$/.test(name) && !applied.has(name))
        .sort()
      for (const name of pending) {
        await tx.unsafe(readFileSync(new URL(name, directory), 'utf8'))
        await tx`INSERT INTO migrations (name) VALUES (${name})`
      }
      return pending
    })
  } finally {
    await pool.close()
  }
}
