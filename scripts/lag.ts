// npm run lag [-- --json]: how many commands of each partition of the log wait to be applied, and how far
// replicas of the database are behind it. The environment names them. For operators and their alarms.

import { readEnds } from '../lib/command-log/open.ts'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import { createLog } from '../lib/runtime/log.ts'
import { openDatabases } from '../lib/drivers/postgres/databases.ts'
import { examineReplicas, type ReplicaFound } from '../lib/drivers/postgres/replica-samples.ts'
import { postgresUrls, replicaUrls } from '../lib/drivers/postgres/urls.ts'
import { openCommandLogs } from '../lib/todo-store/command-logs.ts'
import { openShardedLogs } from '../lib/todo-store/sharded-logs.ts'
import { parseOptions, readArgumentsOrExit } from './command-line.ts'
import { onShards } from './on-shards.ts'

export type PartitionLag = {
  readonly partition: number
  /** The offset that the log will give to its next record. */
  readonly end: number
  /** The offset that is applied next. */
  readonly applied: number
  /** Below zero when the log ends before what was applied: another log, or one that lost commands. */
  readonly lag: number
}

const readTimeoutMs = 10_000

/** In order of partition; empty when there is no such log. */
export const readLag = async (config: Config): Promise<PartitionLag[]> => {
  const log = createLog('lag', 'silent')
  const databases = openDatabases(postgresUrls(config))
  const main = databases.pool('todos', { timeoutMs: readTimeoutMs })
  try {
    // First: read after the ends, it could be ahead of them.
    const applied = await onShards(config, main, readTimeoutMs, (shards) =>
      (shards
        ? openShardedLogs(shards.map, main, shards.pools)
        : openCommandLogs(main)
      ).nextOffsets(config.KAFKA_TODO_TOPIC),
    )
    const ends = await readEnds(config, databases, log)
    return [...ends]
      .map(([partition, end]) => {
        const next = applied.get(partition) ?? 0
        return { partition, end, applied: next, lag: end - next }
      })
      .sort((a, b) => a.partition - b.partition)
  } finally {
    await databases.close()
  }
}

/** As a server would find them. None where there are none, and with one that does not answer it says so. */
export const readReplicaLag = async (config: Config): Promise<ReplicaFound[]> => {
  const databases = openDatabases(postgresUrls(config))
  try {
    return await examineReplicas(replicaUrls(config), {
      primary: databases.pool('todos', { timeoutMs: readTimeoutMs }),
      lagMsMax: config.DATABASE_REPLICA_LAG_MAX_MS,
      timeoutMs: readTimeoutMs,
    })
  } finally {
    await databases.close()
  }
}

const total = (partitions: readonly PartitionLag[]) =>
  partitions.reduce((sum, { lag }) => sum + Math.max(lag, 0), 0)

type Printed = (
  log: string,
  partitions: readonly PartitionLag[],
  replicas?: readonly ReplicaFound[],
) => string

export const lagAsJson: Printed = (log, partitions, replicas = []) =>
  JSON.stringify({
    log,
    lag: total(partitions),
    partitions,
    ...(replicas.length > 0 && {
      replicas: replicas.map(({ name, state }) => ({
        replica: name,
        lagMs: state.lagMs,
        leftOut: state.kind === 'left out' ? state.reason : undefined,
      })),
    }),
  })

export const lagAsText: Printed = (log, partitions, replicas = []) =>
  [
    ...partitions.map(
      ({ partition, end, applied, lag }) =>
        `partition ${partition}: log end ${end}, applied ${applied}, lag ${lag}` +
        (lag < 0 ? ' (the log ends before the applied offset: is it another log?)' : ''),
    ),
    `${log}: lag ${total(partitions)} in ${partitions.length} partitions`,
    ...replicas.map(({ name, state }) => {
      const behind = state.lagMs === undefined ? [] : [`${Math.round(state.lagMs)} ms behind`]
      const leftOut = state.kind === 'left out' ? [`left out: ${state.reason}`] : []
      return `replica ${name}: ${[...behind, ...leftOut].join(', ')}`
    }),
  ].join('\n')

const usage = `usage: npm run lag [-- --json]
Prints how many commands of each partition of the log wait to be applied. The log is KAFKA_TODO_TOPIC of
COMMAND_LOG, the database that of DATABASE_URL, and those of DATABASE_SHARDS. With DATABASE_REPLICA_URLS also
how far each replica is behind, or why servers read nothing from it.
Exit codes: 0 printed, 1 failed, 2 wrong usage.`

if (process.argv[1] === import.meta.filename) {
  const { json } = readArgumentsOrExit(
    usage,
    (args) => parseOptions(args, { json: { type: 'boolean' } }).values,
  )
  const config = readConfigOrExit('script')
  const log = config.KAFKA_TODO_TOPIC
  try {
    const partitions = await readLag(config)
    if (partitions.length === 0) throw new Error(`there is no command log ${log} yet`)
    const replicas = await readReplicaLag(config)
    console.log((json ? lagAsJson : lagAsText)(log, partitions, replicas))
  } catch (error) {
    console.error(
      `can't read the lag (${(error as Error).message}): check DATABASE_URL, COMMAND_LOG, KAFKA_BROKERS and KAFKA_TODO_TOPIC`,
    )
    process.exit(1)
  }
}
