// Spreads commands over more partitions while servers and workers run, and keeps each todo's order.
// Why it holds: a todo's commands may change partition only when those in the old one are applied.
// 1. The log grows. Servers go on over the registered number, so nothing changes by that.
// 2. It is closed: every server that reads the database stops publishing within a second or two. One
//    that can't read it sees the log with more partitions than it knows, and stops when what it read
//    last is too old to be believed (log-gate.ts). Then come those publishes that were in flight.
// 3. Once all of that time has passed, what the logs' ends are now is all there will be. When the
//    positions have reached them, everything is applied, and the number changes as the log opens.
// The lease shows that it was closed all the time; if this process dies, servers go on over the old number.

import { setTimeout as delay } from 'node:timers/promises'
import { growCommandLog, openProbe, readEnds } from '../lib/command-log/open.ts'
import type { Databases } from '../lib/drivers/postgres/databases.ts'
import type { Config } from '../lib/runtime/config/config.ts'
import { believedForMs, mismatch } from '../lib/domain/log-identity.ts'
import { createLog } from '../lib/runtime/log.ts'
import type { CommandLogs, Lease } from '../lib/todo-store/command-logs.ts'

/** Says what was and was not done; servers go on as before. */
export class WidenFailure extends Error {}

/** Far longer than a pause of this process, far shorter than an operator would wait for writes. */
const leaseMs = 60_000
const askEveryMs = 1_000
/** For the last read before the close, and for a clock that runs a little faster than another. */
const marginMs = 1_000

export const widen = async (
  config: Config,
  databases: Databases,
  logs: CommandLogs,
  { count, timeoutMs }: { readonly count: number; readonly timeoutMs: number },
  out: (line: string) => void,
): Promise<void> => {
  const name = config.KAFKA_TODO_TOPIC
  const silentLog = createLog('command-log', 'silent')
  const registered = await logs.registered(name)
  if (!registered) throw new WidenFailure(`the database knows no log ${name}: start a server first`)
  if (count <= registered.partitions) {
    throw new WidenFailure(
      `commands of ${name} are spread over ${registered.partitions} partitions: give a number above that`,
    )
  }
  const probe = openProbe(config, databases, silentLog)
  try {
    const found = await probe.find()
    const reason = mismatch(name, registered, found)
    if (reason !== undefined) throw new WidenFailure(reason)
    if (found && found.partitions < count) {
      await growCommandLog(config, databases, count, silentLog)
      out(`${name} has ${count} partitions now, ${found.partitions} before`)
    }
  } finally {
    await probe.close()
  }

  const readLag = createLag(config, databases, logs)
  let lease: Lease | undefined = await logs.close(name, leaseMs)
  if (!lease) throw new WidenFailure(`the number of partitions of ${name} is being changed already`)
  out('servers refuse writes from now on, until this is done')
  try {
    const settledMs = performance.now() + believedForMs + config.PUBLISH_TIMEOUT_MS + marginMs
    const deadlineMs = settledMs + timeoutMs
    for (;;) {
      await delay(askEveryMs)
      lease = await logs.keepClosed(name, lease, leaseMs)
      if (!lease) throw new WidenFailure('writes were not stopped all the time: try again')
      // Asked before the ends are: what is published after they were read is not among them.
      const isSettled = performance.now() >= settledMs
      const lag = await readLag()
      if (!isSettled) continue
      if (lag === 0) break
      if (performance.now() > deadlineMs) {
        throw new WidenFailure(
          `${lag} commands are not applied yet: start a worker, then try again`,
        )
      }
    }
    if (!(await logs.open(name, lease, count))) {
      throw new WidenFailure('writes were not stopped all the time: try again')
    }
    lease = undefined
    out(`commands are spread over ${count} partitions now, ${registered.partitions} before`)
  } finally {
    if (lease) await logs.open(name, lease, registered.partitions)
  }
}

/** Asks how many commands are not applied. Ends never fall: a broker that comes back reports old ones. */
const createLag = (config: Config, databases: Databases, logs: CommandLogs) => {
  const silentLog = createLog('command-log', 'silent')
  const ends = new Map<number, number>()
  return async (): Promise<number> => {
    for (const [partition, end] of await readEnds(config, databases, silentLog)) {
      ends.set(partition, Math.max(end, ends.get(partition) ?? 0))
    }
    const positions = await logs.nextOffsets(config.KAFKA_TODO_TOPIC)
    return [...ends].reduce(
      (sum, [partition, end]) => sum + Math.max(end - (positions.get(partition) ?? 0), 0),
      0,
    )
  }
}
