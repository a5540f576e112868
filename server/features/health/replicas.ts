// The replicas that this process reads from, as /ready and a scrape see them.

import type { Registry } from '@prometheus-io/client'
import type { Replicas } from '../../../lib/drivers/postgres/replicas.ts'
import { addCounter, addGauge } from '../../../lib/runtime/metrics.ts'

/** Rejects with those that are left out, and why. */
export const replicasAreUsed =
  ({ replicas }: Pick<Replicas, 'replicas'>) =>
  (): Promise<void> => {
    const faults = replicas.flatMap(({ name, state }) => {
      const now = state()
      return now.kind === 'used' ? [] : [`${name} is left out: ${now.reason}`]
    })
    return faults.length === 0 ? Promise.resolve() : Promise.reject(new Error(faults.join('; ')))
  }

export const addReplicaMetrics = (
  registry: Registry,
  { replicas, counts }: Pick<Replicas, 'replicas' | 'counts'>,
): void => {
  addGauge(
    registry,
    {
      name: 'todos_replica_left_out_processes',
      labelNames: ['replica'],
      help: 'Server processes that read nothing from a replica: it is down, far behind, or not a replica of the primary. /ready says which.',
    },
    () => replicas.map(({ name, state }) => [{ replica: name }, state().kind === 'used' ? 0 : 1]),
  )
  addGauge(
    registry,
    {
      name: 'todos_replica_lag_seconds',
      labelNames: ['replica'],
      combine: 'max',
      help: 'How far a replica was behind the primary at most, when both were asked last; not there while that is unknown.',
    },
    () =>
      replicas.flatMap(({ name, state }) => {
        const { lagMs } = state()
        return lagMs === undefined ? [] : [[{ replica: name }, lagMs / 1_000] as const]
      }),
  )
  addCounter(
    registry,
    {
      name: 'todos_replica_reads_total',
      labelNames: ['outcome'],
      help: 'Reads that a replica was asked for: answered, behind (it had not what the reader must see) or failed. Those that are not answered are read on the primary.',
    },
    () => Object.entries(counts).map(([outcome, value]) => [{ outcome }, value]),
  )
}
