// Arrays as parameters. postgres.js asks each new connection for the array types of its server, and
// catches nothing when that fails (see connection.ts), so those that we use are named here.

import type { Sql } from 'postgres'

/** The array's type id by that of its elements, as in Postgres's catalogue, where they never change. */
const arrayTypes = {
  16: 1000, // boolean
  17: 1001, // bytea
  20: 1016, // bigint
  23: 1007, // integer
  25: 1009, // text
  1184: 1185, // timestamptz
} as const

type Serialize = (value: unknown) => unknown

/** What of the driver's options is not in its published types. */
type TypeTables = {
  readonly shared: { readonly typeArrayMap: Record<number, number> }
  readonly serializers: Record<number, Serialize>
}

export const addArrayTypes = (sql: Sql): void => {
  const { shared, serializers } = sql.options as unknown as TypeTables
  for (const [element, array] of Object.entries(arrayTypes)) {
    const serialize: Serialize = serializers[Number(element)] ?? String
    shared.typeArrayMap[Number(element)] = array
    serializers[array] = (value) =>
      Array.isArray(value) ? `{${value.map((one) => literal(one, serialize)).join(',')}}` : value
  }
}

const literal = (value: unknown, serialize: Serialize): string => {
  if (value === undefined) throw new Error('an array for Postgres holds undefined')
  if (value === null) return 'NULL'
  const text = String(serialize(value))
  return /[\\"]/.test(text) ? `"${text.replace(/[\\"]/g, '\\$&')}"` : `"${text}"`
}
