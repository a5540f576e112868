// A database as an older release left it, for tests of an upgrade.

import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import postgres from 'postgres'
import type { Test } from 'tap'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { migrationsDirectory } from '../scripts/paths.ts'
import { testDatabase, testDirectory } from './services.ts'

/** The URL of a new one, which has had the migrations before `name`, and neither that nor later ones. */
export const databaseBefore = async (t: Test, name: string): Promise<string> => {
  const directory = await testDirectory(t)
  for (const file of await readdir(migrationsDirectory)) {
    if (file < name) await cp(new URL(file, migrationsDirectory), join(directory, file))
  }
  const url = new URL(await testDatabase(t))
  const sql = postgres(url.href, { max: 1, onnotice: () => {} })
  const database = `${url.pathname.slice(1)}_older`
  await sql.unsafe(`CREATE DATABASE ${database}`)
  t.teardown(async () => {
    await sql.unsafe(`DROP DATABASE ${database} WITH (FORCE)`)
    await sql.end()
  })
  url.pathname = `/${database}`
  await migrate(url.href, pathToFileURL(`${directory}/`))
  return url.href
}
