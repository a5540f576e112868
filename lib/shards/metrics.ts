// The shards of a process, as a scrape sees them. Nothing where there are none.

import type { Registry } from '@prometheus-io/client'
import { addGauge } from '../runtime/metrics.ts'
import type { Shards } from './open.ts'

export const addShardMetrics = (
  registry: Registry,
  shards: (Pick<Shards, 'names'> & Pick<Shards['watch'], 'isDown'>) | undefined,
): void => {
  if (!shards) return
  addGauge(
    registry,
    {
      name: 'todos_shard_unavailable_processes',
      labelNames: ['shard'],
      help: 'Processes that do not use a shard: it does not answer, or is another than DATABASE_SHARDS says. /ready of a server and /health of a worker say why.',
    },
    () => shards.names.map((shard) => [{ shard }, shards.isDown(shard) ? 1 : 0]),
  )
}
