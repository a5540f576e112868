// When the position of each partition moved in the database, while a drill hurts something: how long nothing
// was applied.

import { setTimeout as delay } from 'node:timers/promises'
import { readNextOffsets } from '../system/consistency/read-back.ts'
import type { System } from '../system/consistency/system.ts'

const pollIntervalMs = 50

/** When each partition's position was seen to move. */
export const watchApplied = ({ place }: Pick<System, 'place'>) => {
  const movedAt = new Map<number, number[]>()
  const positions = new Map<number, number>()
  let isStopped = false
  const run = async () => {
    while (!isStopped) {
      const next = await readNextOffsets(place())
      for (const [partition, position] of next) {
        if (positions.get(partition) === position) continue
        positions.set(partition, position)
        movedAt.set(partition, [...(movedAt.get(partition) ?? []), performance.now()])
      }
      await delay(pollIntervalMs)
    }
  }
  const running = run()
  return {
    async stop() {
      isStopped = true
      await running
      return movedAt
    },
  }
}
