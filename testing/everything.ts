// All that a Postgres database and a Redis hold, as text: for tests that search it.

import { Redis } from 'ioredis'
import type { Sql } from 'postgres'

/** By table: how many rows hold one of `needles`, also as the bytes of a bytea. */
export const rowsNaming = async (
  sql: Sql,
  needles: readonly string[],
): Promise<Record<string, number>> => {
  const tables = await sql<{ name: string }[]>`
    SELECT relname AS name FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY relname`
  const all = needles.flatMap((one) => [one, Buffer.from(one).toString('hex')])
  const found: Record<string, number> = {}
  for (const { name } of tables) {
    const { count } = await sql`
      SELECT FROM ${sql(name)} AS t
      WHERE EXISTS (SELECT FROM unnest(${all}::text[]) AS needle WHERE strpos(t::text, needle) > 0)`
    if (count > 0) found[name] = count
  }
  return found
}

/** Keys that hold one of `needles` in their name or their value. */
export const keysNaming = async (url: string, needles: readonly string[]): Promise<string[]> => {
  const redis = new Redis(url)
  try {
    const found: string[] = []
    for await (const keys of redis.scanStream({ count: 1_000 })) {
      for (const key of keys as string[]) {
        const text = `${key} ${await valueOf(redis, key)}`
        if (needles.some((needle) => text.includes(needle))) found.push(key)
      }
    }
    return found
  } finally {
    redis.disconnect()
  }
}

const valueOf = async (redis: Redis, key: string): Promise<string> => {
  switch (await redis.type(key)) {
    case 'string':
      return (await redis.get(key)) ?? ''
    case 'hash':
      return JSON.stringify(await redis.hgetall(key))
    case 'list':
      return (await redis.lrange(key, 0, -1)).join()
    case 'set':
      return (await redis.smembers(key)).join()
    case 'zset':
      return (await redis.zrange(key, '0', '-1')).join()
    case 'stream':
      return JSON.stringify(await redis.xrange(key, '-', '+'))
    default:
      return '' // it expired a moment ago
  }
}
