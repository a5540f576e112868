// The driver itself, for what connects once and may fail with it: the programs that start services,
// benchmarks and tests. What serves takes a pool, which fences the driver's faults.

import postgres, { type Sql } from 'postgres'
import { parsePostgresUrl } from '../../runtime/config/postgres-url.ts'
import { addArrayTypes } from './arrays.ts'
import { driverOptions } from './connection.ts'
import { primaryEndpoint } from './primary.ts'
import { driverTarget, openSocket, type DriverEndpoint } from './socket.ts'

export const connectPostgres = ({
  url,
  poolSize,
}: {
  readonly url: string
  readonly poolSize: number
}): Sql => {
  const target = parsePostgresUrl(url)
  const connect = async (found: DriverEndpoint) =>
    openSocket(await primaryEndpoint(url, found), target.tls, (socket) =>
      socket.on('error', () => {}),
    )
  const sql = postgres({
    ...driverOptions,
    ...driverTarget(target, connect),
    max: poolSize,
    connection: {
      application_name: target.applicationName ?? 'todos',
      ...(target.options !== undefined && { options: target.options }),
    },
  })
  addArrayTypes(sql)
  return sql
}
