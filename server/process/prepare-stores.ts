// What the primary checks of Postgres, the list cache and the command log, once for all forks.

import { announceVersion } from '../../lib/list-cache/announce.ts'
import { openListCache } from '../../lib/list-cache/open.ts'
import { commandsElsewhere, settleLog } from '../../lib/command-log/settle.ts'
import type { RegisteredLog } from '../../lib/domain/log-identity.ts'
import { postgresUrls, urlFault } from '../../lib/drivers/postgres/urls.ts'
import type { Config } from '../../lib/runtime/config/config.ts'
import { kafkaSecurityWarning } from '../../lib/runtime/config/kafka-security.ts'
import type { Log } from '../../lib/runtime/log.ts'
import { openCommandLogs } from '../../lib/todo-store/command-logs.ts'
import { createPostgresStore } from '../../lib/todo-store/postgres.ts'
import { exitWith, messageOf } from './exit.ts'

/** Returns the log that the database knows. Ends the process when nothing can be served. */
export const prepareStores = async (
  config: Config,
  log: Log,
): Promise<RegisteredLog | undefined> => {
  const fault = await urlFault(postgresUrls(config)).catch((error: unknown) =>
    exitWith(`Postgres does not answer (${messageOf(error)}): set DATABASE_URL`),
  )
  if (fault !== undefined) exitWith(fault)
  const store = createPostgresStore({ ...postgresUrls(config), poolSize: 1, timeoutMs: 10_000 })
  const logs = openCommandLogs({ ...postgresUrls(config), poolSize: 1, timeoutMs: 10_000 })
  const cache = openListCache(config, 1, log)
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
    if (config.DB_POOL_SIZE > allowed) {
      log.warn(
        `DB_POOL_SIZE is ${config.DB_POOL_SIZE} but Postgres allows ${allowed} connections in all: set it to ${Math.floor(allowed / 2)} or less, or raise max_connections`,
      )
    }
    // A Redis that still holds lists of another database is overruled before a fork believes it.
    await announceVersion(store, cache).catch((error: unknown) => {
      log.warn(
        `${config.LIST_CACHE} does not answer (${messageOf(error)}): lists come from Postgres`,
      )
    })
    const warning = kafkaSecurityWarning(config)
    if (warning) log.warn(warning)
    const settled = await settleLog(config, store, log).catch((error: unknown) => {
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
    for (const line of await commandsElsewhere(config, logs, log).catch(() => [])) log.warn(line)
    return settled?.registered
  } finally {
    await logs.end()
    await cache.close()
    await store.close()
  }
}
