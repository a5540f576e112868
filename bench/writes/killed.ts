// How many acknowledged writes are gone when the server is killed (SIGKILL) while clients write to it.
// What it has answered 202 must be in its log by then.

import { setTimeout as delay } from 'node:timers/promises'
import { treePids } from '../engines/cpu.ts'
import { startLoad } from '../load/load.ts'
import { acknowledgedOf, connectionsFor, orderFor } from './open-loop.ts'
import { settle } from './settle.ts'
import type { System } from './system.ts'

export type Killed = { readonly acknowledged: number; readonly lost: number }

const writeSeconds = 1
/** For the last answers to be read from sockets that are closed now. */
const lastAnswersMs = 300
const applyTimeoutMs = 15_000

/** The system is of no use afterwards. What was written before is in its log. */
export const killServer = async (
  system: System,
  options: {
    readonly perSecond: number
    readonly connectionsAtLeast: number
    readonly signal: AbortSignal
  },
): Promise<Killed> => {
  const { perSecond, connectionsAtLeast, signal } = options
  const kept = system.logged ?? system.rows
  const before = await kept()
  const load = await startLoad(
    orderFor(system, {
      perSecond,
      seconds: writeSeconds * 2,
      connections: connectionsFor(perSecond, connectionsAtLeast),
      sampleEvery: perSecond,
    }),
  )
  load.ended.catch(() => {}) // whoever reads it next sees why
  try {
    await delay(writeSeconds * 1000, undefined, { signal })
    for (const pid of system.tiers.get('server')?.pids.flatMap(treePids) ?? []) kill(pid)
    await delay(lastAnswersMs, undefined, { signal })
    const acknowledged = acknowledgedOf((await load.read()).reading)
    const { count } = await settle(kept, before + acknowledged, {
      pollMs: system.appliedPollMs,
      timeoutMs: applyTimeoutMs,
      signal,
    })
    return { acknowledged, lost: Math.max(0, before + acknowledged - count) }
  } finally {
    load.stop()
  }
}

const kill = (pid: number) => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // A fork that has ended with the process that started it.
  }
}
