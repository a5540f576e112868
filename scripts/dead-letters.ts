// npm run dead-letters -- list | show | replay | discard: what to do with records that could not be
// applied. What a replay is, and when it is refused, is in lib/todo-store/letter-changes.ts.

import type { CommandPublisher, LogProbe, PublishGate } from '../lib/command-log/command-log.ts'
import { openProbe, openPublisher } from '../lib/command-log/open.ts'
import type { Command } from '../lib/domain/command.ts'
import type { Config } from '../lib/runtime/config/config.ts'
import { mismatch } from '../lib/domain/log-identity.ts'
import { commandLogTarget, databaseTarget } from '../lib/runtime/config/targets.ts'
import { createLog } from '../lib/runtime/log.ts'
import { openDatabases, type Databases } from '../lib/drivers/postgres/databases.ts'
import { postgresUrls } from '../lib/drivers/postgres/urls.ts'
import { openCommandLogs, type CommandLogs } from '../lib/todo-store/command-logs.ts'
import {
  openDeadLetters,
  openShardedDeadLetters,
  type DeadLetters,
  type Letter,
} from '../lib/todo-store/dead-letters.ts'
import { replayLetter, type Replay } from '../lib/todo-store/letter-changes.ts'
import { parseRequest, usage } from './dead-letters-arguments.ts'
import { runIfStarted, runOnDatabase, type Output } from './database-command.ts'
import { letterLine, letterText } from './letter-text.ts'
import { onShards } from './on-shards.ts'

const timeoutMs = 10_000
const previewBytes = 160

/** Something that an operator can understand from its message alone. */
class Failure extends Error {}

/** Returns the exit code. */
export const deadLetters = (
  args: readonly string[],
  readSettings: () => Config,
  output: Output,
): Promise<number> =>
  runOnDatabase(
    {
      usage,
      parse: parseRequest,
      run: (request, config, databases) => run(request, config, databases, output),
      explain: (error) =>
        error instanceof Failure
          ? error.message
          : `the database does not answer (${error.message}): check DATABASE_URL, and npm run migrate`,
    },
    args,
    readSettings,
    output,
  )

const run = async (
  request: ReturnType<typeof parseRequest>,
  config: Config,
  databases: Databases,
  output: Output,
): Promise<number> => {
  const log = config.KAFKA_TODO_TOPIC
  const main = databases.pool('todos', { timeoutMs })
  return onShards(config, main, timeoutMs, (shards) => {
    const letters = shards
      ? openShardedDeadLetters(main, shards.pools, log)
      : openDeadLetters(main, log)
    return runOn(letters, request, config, output)
  })
}

const runOn = async (
  letters: DeadLetters,
  request: ReturnType<typeof parseRequest>,
  config: Config,
  { out, err }: Output,
): Promise<number> => {
  const log = config.KAFKA_TODO_TOPIC
  switch (request.kind) {
    case 'list': {
      const newest = await letters.newest(request.limit, previewBytes)
      for (const letter of newest) out(letterLine(letter))
      out(`${log}: ${newest.length} of ${await letters.count()} dead letters`)
      return 0
    }
    case 'show': {
      const letter = await letters.get(request.id)
      if (!letter) throw new Failure(`no dead letter ${request.id} in ${log}`)
      out(letterText(log, letter))
      return 0
    }
    case 'discard': {
      const ids = await chosen(letters, request.ids, log)
      out(`${await letters.remove(ids)} discarded`)
      return 0
    }
    case 'replay': {
      const ids = await chosen(letters, request.ids, log)
      if (ids.length === 0) {
        out('0 replayed')
        return 0
      }
      return await withPublisher(config, (publisher, gate) =>
        replay(letters, publisher, gate, ids, request.record, { out, err }),
      )
    }
  }
}

/** All or nothing: a mistyped id must not leave the operator to find out what was done. */
const chosen = async (letters: DeadLetters, ids: number[] | undefined, log: string) => {
  // Read once: what --all replays and the database refuses again is a new letter, left alone.
  const found = await letters.idsOf(ids)
  const missing = (ids ?? []).filter((id) => !found.includes(id))
  if (missing.length > 0) {
    throw new Failure(`no dead letter ${missing.join(', ')} in ${log}: nothing was done`)
  }
  return found
}

const withPublisher = async <T>(
  config: Config,
  work: (publisher: CommandPublisher, gate: PublishGate) => Promise<T>,
): Promise<T> => {
  const silentLog = createLog('dead-letters', 'silent')
  const databases = openDatabases(postgresUrls(config))
  const probe = openProbe(config, databases, silentLog)
  try {
    const logs = openCommandLogs(databases.pool('todos', { timeoutMs }))
    const gate = createReplayGate(config, logs, probe)
    await gate.verify()
    const publisher = openPublisher(config, databases, gate, silentLog)
    try {
      await untilUp(publisher)
      return await work(publisher, gate)
    } finally {
      await publisher.close()
    }
  } finally {
    await probe.close()
    await databases.close()
  }
}

/** Where a todo's commands go: the log must be there, known and open, and is not made here. */
const createReplayGate = (config: Config, logs: CommandLogs, probe: LogProbe): PublishGate => {
  const name = config.KAFKA_TODO_TOPIC
  let partitions = 0
  return {
    refusal: () => undefined,
    partitions: () => partitions,
    async verify() {
      const registered = await logs.registered(name)
      const found = await probe.find().catch((error: unknown) => {
        throw new Failure(`the command log does not answer (${(error as Error).message})`)
      })
      if (registered === undefined) throw new Failure(`there is no command log ${name} yet`)
      const reason = mismatch(name, registered, found)
      if (reason !== undefined) throw new Failure(reason)
      if (registered.isClosed) {
        throw new Failure(`the number of partitions of ${name} is being changed`)
      }
      partitions = registered.partitions
    },
  }
}

const untilUp = async (publisher: CommandPublisher) => {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    try {
      await publisher.ping()
      return
    } catch (error) {
      if (performance.now() > deadlineMs) {
        throw new Failure(`the command log does not answer (${(error as Error).message})`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** One after the other, so that a todo's commands stay in the order in which the log had them. */
const replay = async (
  letters: DeadLetters,
  publisher: CommandPublisher,
  gate: PublishGate,
  ids: readonly number[],
  record: string | undefined,
  { out, err }: Output,
): Promise<number> => {
  let replayed = 0
  for (const id of ids) {
    const letter = await letters.get(id)
    if (!letter) continue // replayed or discarded by somebody else meanwhile
    await gate.verify() // many take long, and the log may be closed meanwhile
    const publish = (command: Command) => publisher.publish(command)
    const refusal = refusalOf(await replayLetter(letters, publish, letter, { record }), letter)
    if (refusal === undefined) replayed++
    else err(`letter ${id} stays: ${refusal}`)
  }
  out(`${replayed} of ${ids.length} replayed`)
  return replayed === ids.length ? 0 : 1
}

/** Why a letter was not replayed; undefined when it was. */
const refusalOf = (replay: Replay, { id }: Letter): string | undefined => {
  switch (replay.kind) {
    case 'replayed':
      return undefined
    case 'unreadable':
      return replay.reason
    case 'applied-before':
      return `a command "${replay.commandId}" was applied before: give the record another commandId`
    case 'unacknowledged':
      // Not the next one either: it may be about the same todo.
      throw new Failure(
        `the log did not acknowledge letter ${id} (${replay.reason}): it and those after it ` +
          'stay; to replay it again is safe, it applies once',
      )
  }
}

await runIfStarted(import.meta.filename, deadLetters, (config, env) => [
  databaseTarget(config, env),
  commandLogTarget(config, env),
])
