// A new process waits for what it depends on before it listens: one that takes another's place would
// else refuse the first writes it gets.

import { setTimeout as delay } from 'node:timers/promises'
import type { Dependency } from '../../../lib/runtime/parts.ts'
import { checkAll } from './health.ts'

const pollIntervalMs = 20

/** Resolves with what is still missing after `waitMs`; undefined when all is there. */
export const becomesReady = async (
  dependencies: readonly Dependency[],
  waitMs: number,
): Promise<string | undefined> => {
  const deadlineMs = performance.now() + waitMs
  for (;;) {
    const { status, states } = await checkAll(dependencies)
    if (status !== 'unready') return undefined
    if (performance.now() > deadlineMs) {
      const failing = Object.entries(states).filter(([, state]) => state !== 'ok')
      return failing.map((each) => each.join(' ')).join(', ')
    }
    await delay(pollIntervalMs)
  }
}
