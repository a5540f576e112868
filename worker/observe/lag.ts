// How far this worker is behind. Each of its deliveries costs a few stores into a map, a command
// nothing. Polls of the log's ends go on when nothing is delivered.

import type { Sink } from '../../lib/command-log/command-log.ts'
import type { Log } from '../../lib/runtime/log.ts'

export type LagWatch = {
  /** The same sink, watched. */
  watch(sink: Sink): Sink
  /** What a poll found, undefined where nobody answered: then what is known stays true. */
  observe(
    ends: ReadonlyMap<number, number> | undefined,
    applied: ReadonlyMap<number, number> | undefined,
    isOurs: (partition: number) => boolean,
  ): void
  /** Partitions with a delivery that the sink has not settled. */
  inFlight(): ReadonlySet<number>
  /** Logs the lag while there is any, and once when there is none again. For a timer. */
  report(): void
  /** Commands that wait, by partition that is delivered here, or should be. */
  lags(): Map<number, number>
}

type Seen = {
  end: number
  applied: number
  /** Being delivered now: it is ours, however long that takes. */
  inFlight: boolean
  /** Since the last report. */
  isFresh: boolean
}

export const createLagWatch = (logger: Log): LagWatch => {
  const partitions = new Map<number, Seen>()
  let wasBehind = false

  return {
    watch: (sink) => async (delivery) => {
      const { partition, records, endOffset } = delivery
      const seen: Seen = {
        end: endOffset,
        applied: Math.max(partitions.get(partition)?.applied ?? 0, records[0]?.offset ?? endOffset),
        inFlight: true,
        isFresh: true,
      }
      partitions.set(partition, seen)
      const result = await sink(delivery)
      seen.inFlight = false
      seen.isFresh = true
      if (result.kind === 'applied') seen.applied = (records.at(-1)?.offset ?? endOffset - 1) + 1
      else if (result.kind === 'gap') seen.applied = result.expectedOffset
      else if (partitions.get(partition) === seen) partitions.delete(partition)
      return result
    },
    observe(ends, applied, isOurs) {
      const isAnswered = ends !== undefined && applied !== undefined
      for (const [partition, end] of isAnswered ? ends : []) {
        if (!isOurs(partition)) continue
        const seen = partitions.get(partition) ?? {
          end,
          applied: 0,
          inFlight: false,
          isFresh: true,
        }
        seen.end = Math.max(seen.end, end)
        seen.applied = Math.max(seen.applied, applied?.get(partition) ?? 0)
        partitions.set(partition, seen)
      }
      for (const [partition, seen] of partitions) if (isOurs(partition)) seen.isFresh = true
    },
    inFlight: () =>
      new Set([...partitions].filter(([, seen]) => seen.inFlight).map(([partition]) => partition)),
    report() {
      const behind: Record<string, number> = {}
      const lost: number[] = []
      let lag = 0
      for (const [partition, seen] of partitions) {
        const partitionLag = seen.end - seen.applied
        if (!seen.inFlight && !seen.isFresh) {
          partitions.delete(partition)
          if (partitionLag > 0) lost.push(partition)
        } else if (partitionLag > 0) {
          behind[partition] = partitionLag
          lag += partitionLag
        }
        seen.isFresh = false
      }
      if (lag > 0) logger.info({ lag, partitions: behind }, 'commands wait to be applied')
      else if (lost.length > 0) {
        // Not the same as caught up: another worker has them by now, or the log does not deliver.
        logger.info(
          { partitions: lost },
          'partitions that were behind are no longer delivered here',
        )
      } else if (wasBehind) logger.info({ lag }, 'caught up, no commands waiting')
      wasBehind = lag > 0
    },
    lags: () =>
      new Map(
        [...partitions].map(([partition, seen]) => [
          partition,
          Math.max(seen.end - seen.applied, 0),
        ]),
      ),
  }
}
