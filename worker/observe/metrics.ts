// What a worker reports about itself: its batches, the outcomes of their commands, and how far it is behind.

import { Counter, Histogram, Registry } from '@prometheus-io/client'
import {
  addBuildInfo,
  addCounter,
  addGauge,
  addPoolMetrics,
  addProcessMetrics,
} from '../../lib/runtime/metrics.ts'
import { batchSizeBuckets, durationBuckets } from '../../lib/runtime/metrics.ts'
import type { Command } from '../../lib/domain/command.ts'
import type { PoolStats } from '../../lib/runtime/pool-stats.ts'
import type { AnnouncementCounts } from '../announce/announcer.ts'
import type { AppliedBatch } from '../todos/apply.ts'
import type { Effect } from '../todos/fold.ts'

export type WorkerMetrics = {
  readonly registry: Registry
  /** Told of each batch once its transaction is committed. */
  applied(batch: AppliedBatch): void
}

const commandResults = ['applied', 'refused', 'duplicate', 'dead-lettered'] as const

/** `lags`: commands that wait, by partition. */
export const createWorkerMetrics = (
  lags: () => ReadonlyMap<number, number>,
  pools: Readonly<Record<string, PoolStats>>,
  /** Of each list. */
  announcements: readonly AnnouncementCounts[],
): WorkerMetrics => {
  const registry = new Registry()
  const registers = [registry]
  const sizes = new Histogram({
    name: 'todos_worker_batch_commands',
    help: 'Commands per transaction.',
    buckets: batchSizeBuckets,
    registers,
  })
  const durations = new Histogram({
    name: 'todos_worker_apply_duration_seconds',
    help: 'Duration of one transaction: the offset, the rows, the outcomes and the dead letters of a batch.',
    buckets: durationBuckets,
    registers,
  })
  const commands = new Counter({
    name: 'todos_worker_commands_total',
    help: 'Commands by outcome: applied; refused (no such todo, not the owner, exists already); duplicate (applied before); dead-lettered (can never apply).',
    labelNames: ['result'],
    registers,
  })
  for (const result of commandResults) commands.inc({ result }, 0)
  const todos = new Counter({
    name: 'todos_worker_todos_total',
    help: 'Todos created, completed and deleted, counted once their command is applied, by list: public, personal or team.',
    labelNames: ['change', 'list'],
    registers,
  })
  const countTodos = (effects: readonly Effect[]) => {
    for (const { list, change, count } of tallyOf(effects)) todos.inc({ list, change }, count)
  }
  countTodos([]) // from the start, each at 0
  addGauge(
    registry,
    {
      name: 'todos_log_lag_commands',
      help: 'Commands waiting to be applied in the partitions assigned to this worker, as of the last delivery or poll of the log.',
      labelNames: ['partition'],
    },
    () => [...lags()].map(([partition, lag]) => [{ partition: String(partition) }, lag]),
  )
  addCounter(
    registry,
    {
      name: 'todos_worker_announcements_total',
      help: "Announcements of the lists' version to server processes, by result; while they fail, servers read lists from Postgres.",
      labelNames: ['result'],
    },
    () =>
      (['done', 'failed'] as const).map((result) => [
        { result },
        announcements.reduce((sum, counts) => sum + counts[result], 0),
      ]),
  )
  addPoolMetrics(registry, pools)
  addBuildInfo(registry, 'worker')
  addProcessMetrics(registry, 'worker')

  return {
    registry,
    applied({ records, seconds, effects, duplicates, letters }) {
      sizes.observe(records)
      durations.observe(seconds)
      const took = effects.filter(({ outcome }) => outcome === 'applied').length
      commands.inc({ result: 'applied' }, took)
      commands.inc({ result: 'refused' }, effects.length - took)
      commands.inc({ result: 'duplicate' }, duplicates)
      commands.inc({ result: 'dead-lettered' }, letters.length)
      countTodos(effects)
    },
  }
}

/** Summed first: a labelled counter is found six times for a batch, not once for each command. */
const tallyOf = (effects: readonly Effect[]) => {
  const counts = {
    public: { created: 0, completed: 0, deleted: 0 },
    personal: { created: 0, completed: 0, deleted: 0 },
    team: { created: 0, completed: 0, deleted: 0 },
  }
  for (const effect of effects) {
    const change = changeOf(effect)
    if (change) counts[listOf(effect.command)][change]++
  }
  return Object.entries(counts).flatMap(([list, changes]) =>
    Object.entries(changes).map(([change, count]) => ({
      list,
      change,
      count,
    })),
  )
}

const listOf = ({ teamId, isPersonal }: Command) => {
  if (teamId !== undefined) return 'team'
  return isPersonal ? 'personal' : 'public'
}

const changeOf = ({ command, outcome, completes }: Effect) => {
  if (outcome !== 'applied') return undefined
  if (command.kind === 'create') return 'created'
  if (command.kind === 'delete') return 'deleted'
  return completes ? 'completed' : undefined
}
