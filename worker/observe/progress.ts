// Polls the log's ends and the store's offsets, over connections that are not the consumer's: so a
// worker knows that commands wait also when nothing is delivered to it. Its lag, its health and a
// consumer that must begin anew follow from that.

import type { CommandConsumer } from '../../lib/command-log/command-log.ts'
import type { EndsReader } from '../../lib/command-log/open.ts'
import type { Log } from '../../lib/runtime/log.ts'
import { withTimeout } from '../../lib/runtime/deadline.ts'
import type { LagWatch } from './lag.ts'
import { createStallWatch, stallText, type Stall } from './stall.ts'

const pollEveryMs = 2_000
const pollTimeoutMs = 5_000

export type Progress = {
  /** Undefined while commands are applied, or none wait. */
  stall(): Stall | undefined
  stop(): void
}

export const watchProgress = (parts: {
  readonly ends: EndsReader
  readonly readApplied: () => Promise<Map<number, number>>
  readonly consumer: Pick<CommandConsumer, 'isOurs' | 'restart'>
  readonly lag: LagWatch
  readonly log: Log
}): Progress => {
  const { ends, readApplied, consumer, lag, log } = parts
  const judge = createStallWatch()
  let stall: Stall | undefined
  let stopped = false
  let polledMs = performance.now()
  let timer: NodeJS.Timeout | undefined

  const orUndefined = <T>(read: () => Promise<T>): Promise<T | undefined> =>
    withTimeout(pollTimeoutMs, read).catch(() => undefined)

  const poll = async () => {
    // First: read after the ends, it could be ahead of them.
    const applied = await orUndefined(readApplied)
    const found = await orUndefined(() => ends.read())
    if (stopped) return
    lag.observe(found, applied, (partition) => consumer.isOurs(partition))
    const nowMs = performance.now()
    const judged = judge({
      elapsedMs: nowMs - polledMs,
      ends: found,
      applied,
      isOurs: (partition) => consumer.isOurs(partition),
      inFlight: lag.inFlight(),
    })
    polledMs = nowMs
    if (judged.shouldRestart) {
      const partitions = [...(found?.keys() ?? [])]
      const next = new Map(partitions.map((one) => [one, applied?.get(one) ?? 0]))
      consumer.restart('commands wait and none is delivered', next)
    }
    if (judged.stall && !stall) {
      log.error({ ...judged.stall }, `${stallText(judged.stall)}; /health fails until one is`)
    } else if (stall && !judged.stall) log.warn('commands are applied again, /health passes')
    stall = judged.stall
  }
  const run = async () => {
    await poll()
    if (!stopped) timer = setTimeout(() => void run(), pollEveryMs)
  }
  void run()

  return {
    stall: () => stall,
    stop() {
      stopped = true
      clearTimeout(timer)
      ends.close()
    },
  }
}
