// Redis and Postgres on several nodes, which fail over by themselves, for the stack `ha`.

import { join } from 'node:path'
import { startRedisSentinels, type RedisSentinels } from '../../../scripts/stack/redis-sentinel.ts'
import { leaderOf, startGatedPatroni, type GatedPatroni } from './gated-patroni.ts'
import type { PatroniNode } from '../../../scripts/stack/patroni.ts'

export type HaStores = {
  readonly redis: RedisSentinels
  readonly postgres: GatedPatroni
  /** The one that led when it was looked for last. */
  primary(): PatroniNode
  /** Resolves when there is a primary, another one than `old` where that is given. */
  findPrimary(old?: PatroniNode): Promise<PatroniNode>
  stop(): Promise<void>
}

export const startHaStores = async (directory: string): Promise<HaStores> => {
  const postgres = await startGatedPatroni(join(directory, 'patroni'))
  try {
    const redis = await startRedisSentinels({ directory: join(directory, 'redis') })
    let primary = await leaderOf(postgres.patroni)
    return {
      redis,
      postgres,
      primary: () => primary,
      findPrimary: async (old) =>
        (primary = await leaderOf(postgres.patroni, (node) => node !== old)),
      async stop() {
        await redis.stop()
        await postgres.stop()
      },
    }
  } catch (error) {
    await postgres.stop()
    throw error
  }
}
