// The start of a worker: it waits, for as long as it takes, until database and log are there and belong
// together. It may be started before its broker, so what it waits for is said and nothing is given up.

import { setTimeout as delay } from 'node:timers/promises'
import { settleLog } from '../../lib/command-log/settle.ts'
import { LogRefusesUs, refusedPauseMs } from '../../lib/drivers/kafka/security.ts'
import type { Databases } from '../../lib/drivers/postgres/databases.ts'
import type { Config } from '../../lib/runtime/config/config.ts'
import { withTimeout } from '../../lib/runtime/deadline.ts'
import type { Log } from '../../lib/runtime/log.ts'
import type { LogRegistry } from '../../lib/domain/log-identity.ts'
import type { TodoStore } from '../../lib/todo-store/todo-store.ts'

const retryMs = 1_000
const pingTimeoutMs = 2_000
/** While a worker waits for the same thing. */
const sayAgainMs = 60_000

type Waited = {
  readonly databases: Databases
  /** Of DATABASE_URL. */
  readonly main: Pick<TodoStore, 'listVersion' | 'ping'>
  readonly store: LogRegistry
  /** What is wrong with the shards, or with doing without. Rejects when that can't be found out. */
  readonly shardFault: () => Promise<string | undefined>
}

/** `onFatal`: nothing is applied or skipped, what to do is the operator's to decide. It does not return. */
export const waitForLog = async (
  config: Config,
  { databases, main, store, shardFault }: Waited,
  log: Log,
  onFatal: (reason: string) => never,
): Promise<void> => {
  const logWaiting = createWaitingLog(log)
  for (;;) {
    try {
      const fault = await databases.fault()
      if (fault !== undefined) onFatal(fault)
      await main.listVersion() // without its table nothing could be applied
      const shardsAre = await shardFault()
      if (shardsAre !== undefined) onFatal(shardsAre)
      const settled = await settleLog(config, databases, store, log)
      if (settled.kind === 'another') onFatal(settled.reason)
      else for (const note of settled.notes) log.warn(note)
      return
    } catch (error) {
      logWaiting(await whatItWaitsFor(config, main, error as Error))
      await delay(error instanceof LogRefusesUs ? refusedPauseMs : retryMs)
    }
  }
}

type Waiting = { readonly reason: string; readonly line: string }

const whatItWaitsFor = async (
  config: Config,
  store: Pick<TodoStore, 'ping'>,
  error: Error,
): Promise<Waiting> => {
  const { message: reason } = error
  if ((error as { code?: unknown }).code === '42P01') {
    return { reason, line: 'the database has no tables yet: run npm run migrate' }
  }
  const fault = await withTimeout(pingTimeoutMs, store.ping).then(
    () => undefined,
    (pingError: Error) => pingError.message,
  )
  if (fault !== undefined) {
    return { reason: fault, line: 'waiting for Postgres: start it, or set DATABASE_URL' }
  }
  if (error instanceof LogRefusesUs) {
    return { reason, line: 'waiting for the command log, which denies access' }
  }
  const setting = config.COMMAND_LOG === 'kafka' ? 'KAFKA_BROKERS' : 'DATABASE_URL'
  const line = `waiting for the command log, ${config.COMMAND_LOG}: start it, or set ${setting}`
  return { reason, line }
}

/** At once when it is another thing that it waits for, else once in a while. */
const createWaitingLog = (log: Log) => {
  let last = ''
  let writtenMs = -Infinity
  return ({ reason, line }: Waiting) => {
    const nowMs = performance.now()
    if (line === last && nowMs - writtenMs < sayAgainMs) return
    last = line
    writtenMs = nowMs
    log.warn({ reason }, line)
  }
}
