// The driver itself, for what connects once and may fail with it: the programs that start services,
// benchmarks and tests. What serves takes a pool, which fences the driver's faults.

import postgres, { type Sql } from 'postgres'
import { addArrayTypes } from './arrays.ts'
import { driverOptions } from './connection.ts'

export const connectPostgres = ({
  url,
  poolSize,
}: {
  readonly url: string
  readonly poolSize: number
}): Sql => {
  const sql = postgres(url, {
    ...driverOptions,
    max: poolSize,
    connection: { application_name: 'todos' },
  })
  addArrayTypes(sql)
  return sql
}
