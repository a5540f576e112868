// npm run lag [-- --json]: how many commands of each partition of the log wait to be applied. The
// environment names the log and the database. For operators and their alarms.

import { readEnds } from '../lib/command-log/open.ts'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import { createLog } from '../lib/runtime/log.ts'
import { openDatabases } from '../lib/drivers/postgres/databases.ts'
import { postgresUrls } from '../lib/drivers/postgres/urls.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { parseOptions, readArgumentsOrExit } from './command-line.ts'

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
  const store = createPostgresStore(databases.pool('todos', { timeoutMs: readTimeoutMs }))
  try {
    // First: read after the ends, it could be ahead of them.
    const applied = await store.nextOffsets(config.KAFKA_TODO_TOPIC)
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

const total = (partitions: readonly PartitionLag[]) =>
  partitions.reduce((sum, { lag }) => sum + Math.max(lag, 0), 0)

export const lagAsJson = (log: string, partitions: readonly PartitionLag[]): string =>
  JSON.stringify({ log, lag: total(partitions), partitions })

export const lagAsText = (log: string, partitions: readonly PartitionLag[]): string =>
  [
    ...partitions.map(
      ({ partition, end, applied, lag }) =>
        `partition ${partition}: log end ${end}, applied ${applied}, lag ${lag}` +
        (lag < 0 ? ' (the log ends before the applied offset: is it another log?)' : ''),
    ),
    `${log}: lag ${total(partitions)} in ${partitions.length} partitions`,
  ].join('\n')

const usage = `usage: npm run lag [-- --json]
Prints how many commands of each partition of the log wait to be applied. The log is KAFKA_TODO_TOPIC of
COMMAND_LOG, the database that of DATABASE_URL.
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
    console.log((json ? lagAsJson : lagAsText)(log, partitions))
  } catch (error) {
    console.error(
      `can't read the lag (${(error as Error).message}): check DATABASE_URL, COMMAND_LOG, KAFKA_BROKERS and KAFKA_TODO_TOPIC`,
    )
    process.exit(1)
  }
}
