// What a round of npm run bench:writes leaves behind, and several rounds as one. Pure; the shape of the
// JSON file.

import { medianOfEach } from '../engines/summary.ts'
import type { ClosedLoop } from './closed-loop.ts'
import type { Killed } from './killed.ts'
import type { OpenLoop } from './open-loop.ts'
import type { SystemName } from './system.ts'

export type Result = {
  readonly system: SystemName
  readonly acknowledgedPerSecond: number
  /** From request to 202 in the closed loop; null where the generator does not know it. */
  readonly p99Ms: number | null
  /** While the load ran; what was left then took `catchUpMs`. */
  readonly appliedPerSecond: number
  /** For a peer, at most the time that was waited for it. */
  readonly catchUpMs: number
  /** Of the closed loop, warm-up included. */
  readonly acknowledged: number
  /** Of these, applied when the wait was over. */
  readonly applied: number
  /** Acknowledged, and neither applied nor in the log. */
  readonly lost: number
  /** Null when the server was not killed. */
  readonly whenKilled: Killed | null
  /** From the 202 to the first list that shows the todo, in the open loop. */
  readonly visibleP50Ms: number | null
  readonly visibleP99Ms: number | null
  readonly openLoop: OpenLoopFigures | null
  readonly connections: number
  readonly cores: number
  readonly settings: Readonly<Record<string, string>>
  readonly generator: string
  /** Server and broker: per 202. Worker, database and Redis: per command applied, until the end. */
  readonly cpuUsPerCommand: ClosedLoop['cpuUsPerCommand']
  readonly coresUsed: ClosedLoop['coresUsed']
  /** What makes the figures worthless. */
  readonly faults: readonly string[]
}

export type OpenLoopFigures = Omit<OpenLoop, 'visibility'> & {
  readonly samples: number
  /** Todos that newer ones had displaced before a list was read: an upper bound is their latency. */
  readonly displaced: number
}

/** Numbers are the medians of the rounds, faults are those of all; other things are the last round's. */
export const mediansOf = (rounds: readonly [Result, ...Result[]]): Result => ({
  ...medianOfEach(rounds),
  faults: [...new Set(rounds.flatMap(({ faults }) => faults))],
})
