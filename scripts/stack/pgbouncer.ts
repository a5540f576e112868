// A real PgBouncer in front of a Postgres, in a mode that is asked for: what managed Postgres often is.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { freePort, loopback } from './ports.ts'
import { writeSecret } from './postgres-access.ts'
import { postgresOwner } from './postgres-binaries.ts'
import { ServiceMissing, findProgram, startService, type Service } from './service.ts'

export type PoolMode = 'session' | 'transaction' | 'statement'

const startTimeoutMs = 10_000
const stopTimeoutMs = 5_000

export const startPgBouncer = async (options: {
  directory: string
  postgresUrl: string
  poolMode: PoolMode
  /** Sessions of Postgres that all clients share. */
  poolSize?: number
}): Promise<Service> => {
  const command = findProgram('pgbouncer')
  if (command === undefined) {
    throw new ServiceMissing(
      'pgbouncer',
      'install PgBouncer (apt-get install pgbouncer, brew install pgbouncer)',
    )
  }
  const port = await freePort()
  const {
    hostname,
    port: postgresPort,
    username,
    password,
    pathname,
  } = new URL(options.postgresUrl)
  const database = pathname.slice(1)
  const users = join(options.directory, 'users.txt')
  const owner = await postgresOwner() // it refuses to run as root
  await writeSecret(users, `"${username}" "${decodeURIComponent(password)}"\n`, owner)
  const configuration = join(options.directory, 'pgbouncer.ini')
  await writeFile(
    configuration,
    `[databases]
${database} = host=${hostname} port=${postgresPort} dbname=${database}
[pgbouncer]
listen_addr = ${loopback}
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${users}
pool_mode = ${options.poolMode}
default_pool_size = ${options.poolSize ?? 4}
`,
  )
  const url = new URL(options.postgresUrl)
  url.port = String(port)
  return startService({
    name: 'pgbouncer',
    url: url.href,
    port,
    directory: options.directory,
    command,
    args: [configuration],
    owner,
    answers: async () => {
      const sql = connectPostgres({ url: url.href, poolSize: 1 })
      try {
        await sql.unsafe('SELECT 1')
      } finally {
        await sql.end({ timeout: 1 })
      }
    },
    startTimeoutMs,
    stopSignal: 'SIGTERM',
    stopTimeoutMs,
  })
}
