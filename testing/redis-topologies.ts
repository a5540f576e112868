// The ways in which Redis is run, for tests: one server, Sentinels with a master and a replica, a cluster
// of six nodes. Each is a real one of the test's own.

import type { Test } from 'tap'
import { startRedisCluster, type RedisCluster } from '../scripts/stack/redis-cluster.ts'
import { startRedisSentinels, type RedisSentinels } from '../scripts/stack/redis-sentinel.ts'
import { openRedis, type RedisConnections } from '../lib/drivers/redis/connections.ts'
import { orSkip, ownRedis, testDirectory } from './services.ts'
import { silentLog } from './settings.ts'

/** Undefined, and the test skipped, without Redis. */
export const ownSentinels = (t: Test): Promise<RedisSentinels | undefined> =>
  orSkip(t, async () => {
    const system = await startRedisSentinels({ directory: await testDirectory(t) })
    t.teardown(system.stop)
    return system
  })

export const ownCluster = (t: Test): Promise<RedisCluster | undefined> =>
  orSkip(t, async () => {
    const system = await startRedisCluster({ directory: await testDirectory(t) })
    t.teardown(system.stop)
    return system
  })

export const redisTopologies: Readonly<Record<string, (t: Test) => Promise<string | undefined>>> = {
  redis: async (t) => (await ownRedis(t))?.url,
  'redis sentinel': async (t) => (await ownSentinels(t))?.url,
  'redis cluster': async (t) => (await ownCluster(t))?.url,
}

/** The connections of one more process; closed with the test. */
export const testRedis = (t: Test, url: string): RedisConnections => {
  const redis = openRedis(url, silentLog)
  t.teardown(redis.close)
  return redis
}
