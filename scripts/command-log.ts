// npm run command-log -- show | adopt | partitions | replicas: which log the database's positions belong to. The
// operator decides when another one is there, or when it is to have more partitions. Nothing is skipped
// that this has not named.

import type { Bounds } from '../lib/domain/log-identity.ts'
import { setTimeout as delay } from 'node:timers/promises'
import {
  ensureCommandLog,
  findMissingReplicas,
  openProbe,
  readRanges,
  replicateCommandLog,
} from '../lib/command-log/open.ts'
import type { Config } from '../lib/runtime/config/config.ts'
import { mismatch, type FoundLog, type RegisteredLog } from '../lib/domain/log-identity.ts'
import { commandLogTarget, databaseTarget } from '../lib/runtime/config/targets.ts'
import { createLog } from '../lib/runtime/log.ts'
import type { Databases } from '../lib/drivers/postgres/databases.ts'
import { openCommandLogs, type CommandLogs } from '../lib/todo-store/command-logs.ts'
import { openShardedLogs } from '../lib/todo-store/sharded-logs.ts'
import { parseRequest, usage, type AdoptFrom } from './command-log-arguments.ts'
import { runIfStarted, runOnDatabase, type Output, type Write } from './database-command.ts'
import { widen, WidenFailure } from './command-log-partitions.ts'
import { onShards } from './on-shards.ts'

const timeoutMs = 15_000
const fixedPartitions =
  'not done: the map of shards has a row for each partition, and their number stays as it is'

/** Returns the exit code. */
export const commandLog = (
  args: readonly string[],
  readSettings: () => Config,
  output: Output,
): Promise<number> =>
  runOnDatabase(
    {
      usage,
      parse: parseRequest,
      async run(request, config, databases) {
        const { out } = output
        const main = databases.pool('todos', { timeoutMs })
        await onShards(config, main, timeoutMs, async (shards) => {
          const logs = shards
            ? openShardedLogs(shards.map, main, shards.pools)
            : openCommandLogs(main)
          switch (request.kind) {
            case 'show':
              for (const line of describe(await readState(config, databases, logs))) out(line)
              break
            case 'adopt':
              await adopt(config, databases, logs, request.from, out)
              break
            case 'partitions':
              if (shards) throw new WidenFailure(fixedPartitions)
              await widen(config, databases, logs, request, out)
              break
            case 'replicas':
              await replicate(config, request.timeoutMs, out)
          }
        })
        return 0
      },
      explain: (error) =>
        error instanceof WidenFailure
          ? error.message
          : `not done (${error.message}): check DATABASE_URL, COMMAND_LOG, KAFKA_BROKERS and KAFKA_TODO_TOPIC, and npm run migrate`,
    },
    args,
    readSettings,
    output,
  )

type State = {
  readonly log: string
  readonly stored: RegisteredLog | undefined
  readonly found: FoundLog | undefined
  readonly positions: ReadonlyMap<number, number>
  readonly ranges: ReadonlyMap<number, Bounds>
  /** Other logs that the database knows. */
  readonly others: readonly string[]
}

const readState = async (
  config: Config,
  databases: Databases,
  logs: CommandLogs,
): Promise<State> => {
  const log = config.KAFKA_TODO_TOPIC
  const silentLog = createLog('command-log', 'silent')
  const stored = await logs.registered(log)
  // Before the ranges: read after them, it could be ahead of them.
  const positions = await logs.nextOffsets(log)
  const others = (await logs.names()).filter((name) => name !== log)
  const probe = openProbe(config, databases, silentLog)
  try {
    const found = await probe.find()
    const ranges = await readRanges(config, databases, silentLog)
    return { log, stored, found, positions, ranges, others }
  } finally {
    await probe.close()
  }
}

const describe = (state: State): string[] => {
  const { log, stored, found, positions, ranges, others } = state
  const lines = [
    `log ${log}`,
    `stored: ${stored ? `${stored.identity}, commands are spread over ${stored.partitions} partitions` : 'none'}`,
    `found:  ${found ? `${found.identity}, ${found.partitions} partitions` : 'no such log'}`,
  ]
  const partitions = new Set([...ranges.keys(), ...positions.keys()])
  let lag = 0
  for (const partition of [...partitions].sort((a, b) => a - b)) {
    const range = ranges.get(partition)
    const position = positions.get(partition) ?? 0
    lag += Math.max((range?.end ?? 0) - position, 0)
    lines.push(
      range
        ? `partition ${partition}: log ${range.first} to ${range.end}, position ${position}, lag ${range.end - position}`
        : `partition ${partition}: not in the log, position ${position}`,
    )
  }
  if (stored?.isClosed) lines.push('closed: the number of its partitions is being changed')
  if (stored === undefined || mismatch(log, stored, found) === undefined) {
    lines.push(`${log}: lag ${lag}`)
  } else {
    lines.push('the stored positions do not belong to the log that was found; adopt --from')
    for (const from of ['beginning', 'end', 'stored'] as const) {
      lines.push(`  ${from}: ${effectOf(choose(state, from), ranges)}`)
    }
  }
  if (others.length > 0) lines.push(`the database also has positions of ${others.join(', ')}`)
  return lines
}

const choose = ({ positions, ranges }: State, from: AdoptFrom): Map<number, number> =>
  new Map(
    [...ranges].map(([partition, { first, end }]) => [
      partition,
      { beginning: first, end, stored: positions.get(partition) ?? 0 }[from],
    ]),
  )

const effectOf = (
  positions: ReadonlyMap<number, number>,
  ranges: ReadonlyMap<number, Bounds>,
): string => {
  let skipped = 0
  let applied = 0
  for (const [partition, { first, end }] of ranges) {
    const position = positions.get(partition) ?? 0
    if (position > end || position < first) return 'not possible: the log does not reach there'
    skipped += position - first
    applied += end - position
  }
  return `${applied} commands of the log are applied (those that were before, not twice), ${skipped} are skipped`
}

/** A broker under load shows a topic that it has just created some 100 ms later. */
const visibleWithinMs = 5_000
const pollIntervalMs = 100

const visibleState = async (
  config: Config,
  databases: Databases,
  logs: CommandLogs,
): Promise<State> => {
  const deadlineMs = performance.now() + visibleWithinMs
  for (;;) {
    const state = await readState(config, databases, logs)
    if (state.found !== undefined || performance.now() > deadlineMs) return state
    await delay(pollIntervalMs)
  }
}

const adopt = async (
  config: Config,
  databases: Databases,
  logs: CommandLogs,
  from: AdoptFrom,
  out: Write,
) => {
  if ((await readState(config, databases, logs)).found === undefined) {
    await ensureCommandLog(config, databases, createLog('command-log', 'silent'))
    out(`${config.KAFKA_TODO_TOPIC} did not exist: created`)
  }
  const state = await visibleState(config, databases, logs)
  const { log, stored, found, ranges } = state
  if (found === undefined) throw new Error('the log was created and is not visible yet: try again')
  if (stored?.isClosed) throw new Error('the number of its partitions is being changed')
  const positions = choose(state, from)
  const effect = effectOf(positions, ranges)
  if (effect.startsWith('not possible')) throw new Error(`--from ${from} is ${effect}`)
  // What is in it was spread by servers of ours: another number would part a todo's commands.
  const isEmpty = [...ranges.values()].every(({ end }) => end === 0)
  const partitions = isEmpty
    ? found.partitions
    : Math.min(found.partitions, stored?.partitions ?? found.partitions)
  await logs.adopt(log, { ...found, partitions }, positions)
  out(`stored:  ${stored?.identity ?? 'none'}`)
  const adopted = await logs.registered(log)
  out(
    `adopted: ${found.identity}, commands are spread over ${adopted?.partitions ?? partitions} partitions`,
  )
  out(`from ${from}: ${effect}`)
}

const replicate = async (config: Config, timeoutMs: number, out: Write) => {
  const silentLog = createLog('command-log', 'silent')
  if (config.COMMAND_LOG !== 'kafka')
    throw new Error('the log in Postgres has no replicas of its own')
  const before = await findMissingReplicas(config, silentLog)
  out(before?.found ?? `${config.KAFKA_TODO_TOPIC} has what is asked for`)
  if (before === undefined) return
  await replicateCommandLog(config, silentLog, timeoutMs)
  out(
    `now ${config.KAFKA_REPLICATION_FACTOR} replicas, of which ${config.KAFKA_MIN_INSYNC_REPLICAS} must have a command before it is acknowledged`,
  )
}

await runIfStarted(import.meta.filename, commandLog, (config, env) => [
  databaseTarget(config, env),
  commandLogTarget(config, env),
])
