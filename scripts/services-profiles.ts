// What `npm run services` starts in each profile, and what the server and the worker are to be told of it.

import { rm } from 'node:fs/promises'
import type { Asked } from './services-arguments.ts'
import { kafkaClusterSettings, startKafkaCluster } from './stack/kafka-cluster.ts'
import { startKafka } from './stack/kafka.ts'
import { startPatroniCluster } from './stack/patroni-cluster.ts'
import { whyNoPatroni } from './stack/patroni.ts'
import { startPostgres } from './stack/postgres.ts'
import { startRedisCluster } from './stack/redis-cluster.ts'
import type { RedisNode } from './stack/redis-nodes.ts'
import { startRedisSentinels } from './stack/redis-sentinel.ts'
import { startRedis } from './stack/redis.ts'
import type { Cluster, Service } from './stack/service.ts'

type Place = {
  readonly directory: string
  readonly port: number
  /** Where Postgres archives its WAL. */
  readonly archiveDirectory: string | undefined
}
export type Launch = {
  readonly folder: string
  /** Nginx has a port of gRPC too. */
  readonly start: (place: Place) => Promise<(Service & { readonly grpcPort?: number }) | Cluster>
  readonly environment?: (url: string) => Readonly<Record<string, string>>
}
type Stores = Readonly<Record<'POSTGRES' | 'REDIS' | 'KAFKA', Launch>>

/** In this order: Postgres knows best how to say that another one of us is running. */
const singles: Stores = {
  POSTGRES: {
    folder: 'postgres',
    start: startPostgres,
    environment: (url) => ({ DATABASE_URL: url }),
  },
  REDIS: { folder: 'redis', start: startRedis, environment: (url) => ({ REDIS_URL: url }) },
  KAFKA: { folder: 'kafka', start: startKafka, environment: (url) => ({ KAFKA_BROKERS: url }) },
}

/** As Sentinels usually have it. */
const usualSentinelPort = 26_379
/** A machine that is busy for a moment is no reason for a failover. */
const missedAfterMs = 2_000

/** It is a cache, and its nodes would remember ports of an earlier run: each begins empty. */
const emptied =
  (start: (place: Place) => Promise<Cluster>): Launch['start'] =>
  async (place) => {
    await rm(place.directory, { recursive: true, force: true })
    return start(place)
  }

const clusterOf = (url: string, nodes: readonly (readonly [name: string, node: RedisNode])[]) => ({
  name: 'redis',
  url,
  processes: nodes.map(([name, node]): Service => ({ ...node.service(), name })),
})

const replicatedRedis = {
  sentinel: {
    ...singles.REDIS,
    folder: 'redis-sentinel',
    start: emptied(async (place) => {
      const { url, nodes, sentinels } = await startRedisSentinels({
        ...place,
        downAfterMs: missedAfterMs,
        sentinelPort: usualSentinelPort,
      })
      return clusterOf(url, [
        ...nodes.map((node, n) => [n === 0 ? 'redis master' : 'redis replica', node] as const),
        ...sentinels.map((node) => ['redis sentinel', node] as const),
      ])
    }),
  },
  cluster: {
    ...singles.REDIS,
    folder: 'redis-cluster',
    start: emptied(async (place) => {
      const { url, nodes } = await startRedisCluster({ ...place, nodeTimeoutMs: missedAfterMs })
      return clusterOf(
        url,
        nodes.map((node, n) => [n < nodes.length / 2 ? 'redis master' : 'redis replica', node]),
      )
    }),
  },
} as const satisfies Readonly<Record<string, Launch>>

/** And what somebody should know who expected more; one line each. */
export const storesOf = async ({
  profile,
  redis,
}: Asked): Promise<{ readonly stores: Stores; readonly remarks: readonly string[] }> => {
  if (profile === 'single') return { stores: singles, remarks: [] }
  const missing = await whyNoPatroni()
  return {
    stores: {
      POSTGRES:
        missing === undefined
          ? { ...singles.POSTGRES, folder: 'patroni', start: startPatroniCluster }
          : singles.POSTGRES,
      REDIS: replicatedRedis[redis],
      KAFKA: {
        folder: 'kafka-cluster',
        start: startKafkaCluster,
        environment: kafkaClusterSettings,
      },
    },
    remarks: missing === undefined ? [] : [`one Postgres, which fails over to none: ${missing}`],
  }
}
