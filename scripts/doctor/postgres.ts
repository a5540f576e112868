// Postgres: whether it answers and takes writes, which it is, what this user may, its clock, and how
// many connections it allows.

import type { Config } from '../../lib/runtime/config/config.ts'
import { databaseText } from '../../lib/runtime/config/targets.ts'
import { withTimeout } from '../../lib/runtime/deadline.ts'
import { connectionsFault, connectionsNeeded } from '../../lib/drivers/postgres/budget.ts'
import { openPrimary } from '../../lib/drivers/postgres/primary.ts'
import { ConnectionLost } from '../../lib/drivers/postgres/errors.ts'
import { postgresUrls, sessionUrl, urlFault } from '../../lib/drivers/postgres/urls.ts'
import { readWalArchive, type WalArchive } from '../../lib/drivers/postgres/wal-archive.ts'
import { dependencyTimeoutMs, fault, ok, warn, type Finding } from './finding.ts'

/** The oldest that its makers still mend. */
const majorMin = 14
/** Tokens and limits are judged by both clocks. */
const clockOffMaxSec = 2

/** Classes of SQLSTATE: the user or the password is wrong; there is no such database. */
const refusal = /^(28|3D)/

type Row = {
  readonly version: string
  readonly number: number
  readonly allowed: number
  readonly epoch: number
  readonly has_tables: boolean
  readonly may_write: boolean
}

export const checkPostgres = async (
  config: Config,
  env: NodeJS.ProcessEnv,
): Promise<readonly Finding[]> => {
  const urls = postgresUrls(config)
  const connection = openPrimary({ url: sessionUrl(urls) })
  const where = databaseText(sessionUrl(urls), env)
  try {
    return await withTimeout(dependencyTimeoutMs, async () => {
      const role = await connection.opened
      const { sql, whileOpen } = connection
      const askedMs = Date.now()
      const [row] = await whileOpen(
        () => sql<Row[]>`
          SELECT current_setting('server_version') AS version,
            current_setting('server_version_num')::int AS number,
            current_setting('max_connections')::int
              - current_setting('superuser_reserved_connections')::int AS allowed,
            extract(epoch FROM clock_timestamp())::float8 AS epoch,
            to_regclass('todos') IS NOT NULL AS has_tables,
            coalesce(has_table_privilege(to_regclass('todos'), 'INSERT, UPDATE'), false) AS may_write`,
      )
      if (!row) return [fault('postgres', `${where} answers nothing`, 'check DATABASE_URL')]
      const offSec = Math.abs(row.epoch - (askedMs + Date.now()) / 2_000)
      const needed = connectionsNeeded(config)
      const tooMany = connectionsFault(config, row.allowed)
      const [tooManyFound, tooManyAdvice = 'raise max_connections'] = tooMany?.split(': ') ?? []
      const pooler = await urlFault(urls)
      return [
        role === 'primary'
          ? ok('postgres', `${where} takes writes`)
          : fault('postgres', `${where} is read-only`, 'set DATABASE_URL to the primary'),
        row.number >= majorMin * 10_000
          ? ok('postgres', `version ${row.version}`)
          : warn(
              'postgres',
              `version ${row.version} is out of support`,
              `use ${majorMin} or later`,
            ),
        row.has_tables
          ? row.may_write
            ? ok('postgres', 'its tables are there, and this user may write')
            : fault('postgres', 'this user may not write to todos', 'grant INSERT and UPDATE')
          : fault('postgres', 'it has no tables', 'npm run migrate'),
        tooManyFound === undefined
          ? ok('postgres', `allows ${row.allowed} connections, ${needed} are needed at most`)
          : fault('postgres', tooManyFound, tooManyAdvice),
        offSec > clockOffMaxSec
          ? warn('postgres', `its clock is ${offSec.toFixed(0)} s off`, 'synchronise both (NTP)')
          : ok('postgres', 'its clock agrees'),
        ...(await whileOpen(async () => archiveFindings(await readWalArchive(sql)))),
        ...(pooler === undefined ? [] : [fault('postgres', pooler, 'change it as it says')]),
      ]
    })
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: unknown }
    return typeof code === 'string' && refusal.test(code)
      ? [fault('postgres', `${where} refuses (${message})`, 'set DATABASE_URL to what it accepts')]
      : [
          fault(
            'postgres',
            `${where} does not answer (${message})`,
            'start it, or set DATABASE_URL',
          ),
        ]
  } finally {
    connection.discard(new ConnectionLost('this connection was closed'))
  }
}

/** None where Postgres does not archive: then somebody else may back it up, by other means. */
export const archiveFindings = (
  archive: WalArchive | undefined,
  area: 'postgres' | 'shards' = 'postgres',
  its = 'its',
): readonly Finding[] => {
  if (archive === undefined) return []
  const { failing, archivedTo } = archive
  if (failing !== undefined) {
    const { file, at } = failing
    return [
      fault(
        area,
        `${its} WAL is not archived: ${file} failed at ${at.toISOString()}`,
        'the log of Postgres says why; it is tried again each minute',
      ),
    ]
  }
  return [
    archivedTo === undefined
      ? warn(area, `${its} WAL is not archived yet`, 'see archive_command, or wait a minute')
      : ok(area, `${its} WAL is archived`),
  ]
}
