// Which masters this process uses, as its URL, Sentinels or a cluster name them.

import type { Registry } from '@prometheus-io/client'
import { addGauge } from '../../runtime/metrics.ts'
import type { RedisConnections } from './connections.ts'

export const addRedisMetrics = (
  registry: Registry,
  { masters }: Pick<RedisConnections, 'masters'>,
): void => {
  addGauge(
    registry,
    {
      name: 'todos_redis_master_processes',
      labelNames: ['master'],
      help: 'Processes that use a Redis master, by its address, as REDIS_URL, Sentinels or the cluster name it.',
    },
    () => [...masters().keys()].map((master) => [{ master }, 1]),
  )
  addGauge(
    registry,
    {
      name: 'todos_redis_unconfirmed_processes',
      help: 'Processes to which no Sentinel and no node of the cluster has said for 5 s where masters are. They use the last ones, and would miss a failover.',
    },
    () => [[{}, [...masters().values()].includes(false) ? 1 : 0]],
  )
}
