// Databases for a server whose todos are in two shards, a and b, with their map. For tests.

import type { Test } from 'tap'
import { shards } from '../scripts/shards.ts'
import { shardOfOwner, type ShardMap } from '../lib/domain/shard-map.ts'
import { createPool } from '../lib/drivers/postgres/pool.ts'
import { readConfig } from '../lib/runtime/config/config.ts'
import { readShardMap } from '../lib/shards/postgres.ts'
import { testDatabase } from './services.ts'

export type ShardedDatabases = {
  readonly settings: { readonly DATABASE_URL: string; readonly DATABASE_SHARDS: string }
  readonly map: ShardMap
  /** The first of `make(0)`, `make(1)`, … that has its todos there. */
  ownerIn<T>(
    shard: 'a' | 'b',
    make: (n: number) => Promise<T> | T,
    idOf: (made: T) => string,
  ): Promise<T>
}

/**
 * `shardB`: of a migrated database that is the test's own to hurt. `waitingC`: of one that is in the settings
 * and not in the map.
 */
export const shardedDatabases = async (
  t: Test,
  partitions: number,
  shardB?: string,
  waitingC?: string,
): Promise<ShardedDatabases> => {
  const [main, a, b] = await Promise.all([
    testDatabase(t),
    testDatabase(t),
    shardB ?? testDatabase(t),
  ])
  const settings = { DATABASE_URL: main, DATABASE_SHARDS: `a=${a},b=${b}` }
  const printed: string[] = []
  const add = (line: string) => void printed.push(line)
  const args = ['init', '--partitions', String(partitions)]
  const read = () => readConfig(settings, 'script')
  if ((await shards(args, read, { out: add, err: add })) !== 0) throw new Error(printed.join('\n'))
  const map = await readMap(main)
  const waiting = waitingC === undefined ? '' : `,c=${waitingC}`
  return {
    settings: { ...settings, DATABASE_SHARDS: settings.DATABASE_SHARDS + waiting },
    map,
    async ownerIn(shard, make, idOf) {
      for (let n = 0; ; n++) {
        const made = await make(n)
        if (shardOfOwner(map, idOf(made)) === shard) return made
      }
    },
  }
}

const readMap = async (url: string): Promise<ShardMap> => {
  const pool = createPool({ url, poolSize: 1, timeoutMs: 10_000 })
  try {
    const map = await readShardMap(pool)
    if (!map) throw new Error('no map')
    return map
  } finally {
    await pool.close()
  }
}
