// Where the Postgres of `npm start` listens: it takes a free port at each start, and no setting names it.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../lib/runtime/config/config.ts'
import { passwordFileIn, superuser } from '../stack/postgres-access.ts'
import { loopback } from '../stack/ports.ts'

/** As stack/postgres.ts makes it. */
const database = 'todos'

/** Undefined where a setting names another, or none runs. */
export const embeddedUrl = async (
  { DATA_DIR }: Config,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> => {
  const named = ['DATABASE_URL', 'DATABASE_DIRECT_URL']
  if (named.some((name) => env[name] || env[`${name}_FILE`])) return undefined
  const data = join(DATA_DIR, 'postgres', 'data')
  const lock = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')
  const port = Number(lock.split('\n')[3])
  const password = (await readFile(passwordFileIn(data), 'utf8').catch(() => '')).trim()
  if (!(port > 0) || password === '') return undefined
  return `postgres://${superuser}:${password}@${loopback}:${port}/${database}`
}
