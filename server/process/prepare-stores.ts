// What the primary checks of Postgres, the list cache and the command log, once for all forks.

import { commandsElsewhere, settleLog } from '../../lib/command-log/settle.ts'
import type { LogRegistry, RegisteredLog } from '../../lib/domain/log-identity.ts'
import { connectionsFault } from '../../lib/drivers/postgres/budget.ts'
import type { Databases } from '../../lib/drivers/postgres/databases.ts'
import { announceVersion } from '../../lib/list-cache/announce.ts'
import type { ListCache } from '../../lib/list-cache/list-cache.ts'
import type { Config } from '../../lib/runtime/config/config.ts'
import { kafkaSecurityWarning } from '../../lib/runtime/config/kafka-security.ts'
import type { Log } from '../../lib/runtime/log.ts'
import type { CommandLogs } from '../../lib/todo-store/command-logs.ts'
import type { TodoStore } from '../../lib/todo-store/todo-store.ts'
import { exitWith, messageOf } from './exit.ts'

export type Stores = {
  readonly databases: Databases
  readonly store: TodoStore
  readonly logs: CommandLogs
  /** One, or one for each shard. */
  readonly lists: readonly ListsOf[]
  /** Of the log, in all databases that have todos. */
  readonly registry: LogRegistry
  /** What is wrong with the shards, or with doing without. Rejects when that can't be found out. */
  readonly shardFault: () => Promise<string | undefined>
}

type ListsOf = {
  readonly name?: string
  readonly store: Pick<TodoStore, 'listVersion'>
  readonly cache: ListCache
}

/** Returns the log that the database knows. Ends the process when nothing can be served. */
export const prepareStores = async (
  config: Config,
  { databases, store, logs, lists, registry, shardFault }: Stores,
  log: Log,
): Promise<RegisteredLog | undefined> => {
  const fault = await databases
    .fault()
    .catch((error: unknown) =>
      exitWith(`Postgres does not answer (${messageOf(error)}): set DATABASE_URL`),
    )
  if (fault !== undefined) exitWith(fault)
  await store
    .listVersion()
    .catch((error: unknown) =>
      exitWith(
        (error as { code?: unknown }).code === '42P01'
          ? 'the database has no tables yet: run npm run migrate'
          : `Postgres does not answer (${messageOf(error)}): set DATABASE_URL`,
      ),
    )
  const allowed = await store.connectionsAllowed()
  const tooMany = connectionsFault(config, allowed)
  if (tooMany !== undefined) log.warn(tooMany)
  const shardsAre = await shardFault().catch((error: unknown) =>
    exitWith(`the map of shards can't be read (${messageOf(error)}): set DATABASE_URL`),
  )
  if (shardsAre !== undefined) exitWith(shardsAre)
  for (const one of lists) await announceOf(config, one, log)
  const warning = kafkaSecurityWarning(config)
  if (warning) log.warn(warning)
  const settled = await settleLog(config, databases, registry, log).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === '42P01') {
      return exitWith('the database has no table of the command logs yet: run npm run migrate')
    }
    log.warn(
      `${config.COMMAND_LOG} does not answer (${messageOf(error)}): writes get 503 until it does`,
    )
    return undefined
  })
  if (settled?.kind === 'another') return exitWith(settled.reason)
  for (const note of settled?.notes ?? []) log.warn(note)
  for (const line of await commandsElsewhere(config, databases, logs, log).catch(() => []))
    log.warn(line)
  return settled?.registered
}

/** A Redis that still holds lists of another database is overruled before a fork believes it. */
const announceOf = async (config: Config, { name, store, cache }: ListsOf, log: Log) => {
  try {
    await announceVersion(store, cache)
  } catch (error) {
    const what =
      name === undefined ? config.LIST_CACHE : `${config.LIST_CACHE} or the shard ${name}`
    log.warn(`${what} does not answer (${messageOf(error)}): lists are read from Postgres`)
  }
}
