// What the primary checks of Postgres, the list cache and the command log, once for all forks.

import { announceVersion } from '../../lib/list-cache/announce.ts'
import { openListCache } from '../../lib/list-cache/open.ts'
import { commandsElsewhere, settleLog } from '../../lib/command-log/settle.ts'
import type { RegisteredLog } from '../../lib/domain/log-identity.ts'
import { connectionsFault } from '../../lib/drivers/postgres/budget.ts'
import { openDatabases } from '../../lib/drivers/postgres/databases.ts'
import { openRedis } from '../../lib/drivers/redis/connections.ts'
import { postgresUrls } from '../../lib/drivers/postgres/urls.ts'
import type { Config } from '../../lib/runtime/config/config.ts'
import { kafkaSecurityWarning } from '../../lib/runtime/config/kafka-security.ts'
import type { Log } from '../../lib/runtime/log.ts'
import { openCommandLogs } from '../../lib/todo-store/command-logs.ts'
import { createPostgresStore } from '../../lib/todo-store/postgres.ts'
import { exitWith, messageOf } from './exit.ts'

const timeoutMs = 10_000

/** Returns the log that the database knows. Ends the process when nothing can be served. */
export const prepareStores = async (
  config: Config,
  log: Log,
): Promise<RegisteredLog | undefined> => {
  const databases = openDatabases(postgresUrls(config))
  const redis = openRedis(config.REDIS_URL, log)
  const fault = await databases
    .fault()
    .catch((error: unknown) =>
      exitWith(`Postgres does not answer (${messageOf(error)}): set DATABASE_URL`),
    )
  if (fault !== undefined) exitWith(fault)
  const pool = databases.pool('todos', { timeoutMs })
  const store = createPostgresStore(pool)
  const logs = openCommandLogs(pool)
  const cache = openListCache(config, databases, redis, 1, log)
  try {
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
    // A Redis that still holds lists of another database is overruled before a fork believes it.
    await announceVersion(store, cache).catch((error: unknown) => {
      log.warn(
        `${config.LIST_CACHE} does not answer (${messageOf(error)}): lists come from Postgres`,
      )
    })
    const warning = kafkaSecurityWarning(config)
    if (warning) log.warn(warning)
    const settled = await settleLog(config, databases, store, log).catch((error: unknown) => {
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
  } finally {
    await cache.close()
    await databases.close()
    redis.close()
  }
}
