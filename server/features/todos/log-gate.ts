// Lets writes through only while the log is the one that the database knows, asked every second and
// after each reconnect; and says over how many partitions they are spread. While the number is being
// changed it is closed: no server publishes by the old one when another may publish by the new one.

import type { LogProbe, PublishGate } from '../../../lib/command-log/command-log.ts'
import { settleLog } from '../../../lib/command-log/settle.ts'
import type { FoundLog, LogRegistry, RegisteredLog } from '../../../lib/domain/log-identity.ts'
import { believedForMs, mismatch } from '../../../lib/domain/log-identity.ts'
import type { Databases } from '../../../lib/drivers/postgres/databases.ts'
import type { Config } from '../../../lib/runtime/config/config.ts'
import type { Log } from '../../../lib/runtime/log.ts'
import { withTimeout } from '../../../lib/runtime/deadline.ts'

export type LogGate = PublishGate & { close(): void }

/** By configuration. `registered`: as the first process found it. */
export const openLogGate = (
  config: Config,
  databases: Databases,
  store: LogRegistry,
  registered: RegisteredLog | undefined,
  probe: LogProbe,
  log: Log,
): LogGate =>
  createLogGate({
    name: config.KAFKA_TODO_TOPIC,
    registered,
    async readRegistered() {
      const known = await store.registeredLog(config.KAFKA_TODO_TOPIC)
      if (known !== undefined) return known
      const settled = await settleLog(config, databases, store, log)
      if (settled.kind === 'another') throw new Error(settled.reason)
      return settled.registered
    },
    probe,
    partitions: config.KAFKA_PARTITIONS,
    log,
  })

const checkEveryMs = 1_000
const checkTimeoutMs = 2_500

type Read<T> = { readonly value: T; readonly atMs: number }

export const createLogGate = (options: {
  readonly name: string
  /** As the first process found it; undefined when it could not find out. */
  readonly registered: RegisteredLog | undefined
  /** From the database, which registers the log if it knows none. */
  readonly readRegistered: () => Promise<RegisteredLog>
  readonly probe: Pick<LogProbe, 'find' | 'renew'>
  /** Used until the number is known; nothing is published before that. */
  readonly partitions: number
  readonly log: Log
}): LogGate => {
  const { name, log } = options
  let registered: Read<RegisteredLog | undefined> = { value: options.registered, atMs: -Infinity }
  let found: Read<FoundLog | undefined> | undefined
  let unknown = ''
  /** Why this is another log; for good until a check finds the right one. */
  let fault: string | undefined
  let checking: Promise<void> | undefined

  const check = async () => {
    const startedMs = performance.now()
    const [stored, seen] = await Promise.allSettled([
      withTimeout(checkTimeoutMs, options.readRegistered),
      withTimeout(checkTimeoutMs, options.probe.find),
    ])
    // While Postgres is down, what it said last goes on: writes are acknowledged without it.
    if (stored.status === 'fulfilled') registered = { value: stored.value, atMs: startedMs }
    else unknown = String(stored.reason)
    if (seen.status === 'fulfilled') found = { value: seen.value, atMs: startedMs }
    const before = fault
    fault = registered.value && found && mismatch(name, registered.value, found.value)
    if (fault !== undefined && before === undefined) log.error(fault)
    if (fault === undefined && before !== undefined) {
      log.warn(`the command log ${name} matches the database again`)
    }
    if (seen.status === 'rejected') throw seen.reason
  }
  const checkNow = () => (checking ??= check().finally(() => (checking = undefined)))
  const timer = setInterval(() => void checkNow().catch(() => {}), checkEveryMs)
  void checkNow().catch(() => {})

  return {
    refusal() {
      if (fault !== undefined) return fault
      const { value } = registered
      if (value === undefined) return `it is not known yet which log ${name} is: ${unknown}`
      if (value.isClosed) return `the number of partitions of ${name} is being changed`
      const believedFromMs = performance.now() - believedForMs
      if (found?.value === undefined || found.atMs < believedFromMs) {
        return `the log does not say whether it is still ${value.identity}`
      }
      if (found.value.partitions > value.partitions && registered.atMs < believedFromMs) {
        return `${name} has got more partitions, and Postgres does not say whether they are to be used`
      }
      return undefined
    },
    partitions: () => registered.value?.partitions ?? options.partitions,
    async verify() {
      await checking?.catch(() => {}) // it may have begun before the connection did
      options.probe.renew()
      // What failed may be one broker of several, which the second time is not asked.
      await checkNow().catch(checkNow)
    },
    close: () => clearInterval(timer),
  }
}
