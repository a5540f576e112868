// One system, measured once: the closed loop, the open loop, what is applied in the end, and what is gone
// when its server is killed.

import type { Generator } from '../engines/generator.ts'
import { percentile } from '../engines/summary.ts'
import { coresHere } from '../target.ts'
import { runClosedLoop, type ClosedLoop } from './closed-loop.ts'
import { killServer } from './killed.ts'
import { runOpenLoop, type OpenLoop } from './open-loop.ts'
import type { Options } from './options.ts'
import type { OpenLoopFigures, Result } from './result.ts'
import { settle } from './settle.ts'
import type { System } from './system.ts'
import { pidsOf, restartsBetween } from './tiers.ts'
import { faultsOf } from './validity.ts'

export type RoundPlan = {
  readonly options: Options
  readonly settings: Readonly<Record<string, string>>
  readonly generator: Generator
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

const catchUpTimeoutMs = 120_000
/** A peer that applies slower than it acknowledges would take hours. */
const peerWaitMs = 15_000

/** Stops the system. */
export const measureRound = async (system: System, plan: RoundPlan): Promise<Result> => {
  try {
    return await measure(system, plan)
  } finally {
    await system.stop()
  }
}

const measure = async (system: System, plan: RoundPlan): Promise<Result> => {
  const { options, generator, signal, say } = plan
  const { connections, perSecond } = options
  const isOurs = system.logged === null
  const timeoutMs = isOurs ? catchUpTimeoutMs : peerWaitMs
  const pidsBefore = pidsOf(system.tiers)
  say(`${system.name}: ${connections} connections write for ${options.seconds} s`)
  const closed = await runClosedLoop(system, generator, {
    connections,
    warmUpSeconds: options.warmUpSeconds,
    seconds: options.seconds,
    catchUpTimeoutMs: timeoutMs,
    signal,
  })
  const inClosedLoop = closed.acknowledged + closed.warmUpAcknowledged
  const kept = await keptIn(system, closed, inClosedLoop)

  let open: OpenLoop | null = null
  // A peer's lists would show what it applies minutes later.
  if (isOurs) {
    say(`${system.name}: ${perSecond} writes a second for ${options.openSeconds} s, on time`)
    open = await runOpenLoop(system, {
      perSecond,
      seconds: options.openSeconds,
      connectionsAtLeast: connections,
      signal,
    })
    const wanted = inClosedLoop + open.acknowledgedInAll
    await settle(system.rows, wanted, { pollMs: system.appliedPollMs, timeoutMs, signal })
  }
  const faults = faultsOf({
    connections,
    closed,
    open,
    rowsAtEnd: isOurs ? await system.rows() : null,
    deadLetters: await system.deadLetters(),
    restarted: restartsBetween(pidsBefore, pidsOf(system.tiers)),
  })
  if (options.peer !== undefined) say(`${system.name}: its server is killed`)
  const whenKilled =
    options.peer === undefined
      ? null
      : await killServer(system, { perSecond, connectionsAtLeast: connections, signal })
  signal.throwIfAborted()
  const visible = (share: number) =>
    open === null ? null : rounded(percentile(open.visibility.latenciesMs, share))
  return {
    system: system.name,
    acknowledgedPerSecond: Math.round(closed.acknowledged / closed.generatorSeconds),
    p99Ms: closed.p99Ms,
    appliedPerSecond: Math.round(closed.appliedMeanwhile / closed.windowSeconds),
    catchUpMs: closed.catchUpMs,
    acknowledged: inClosedLoop,
    applied: closed.appliedInAll,
    lost: Math.max(0, inClosedLoop - kept),
    whenKilled,
    visibleP50Ms: visible(0.5),
    visibleP99Ms: visible(0.99),
    openLoop: open === null ? null : figuresOf(open),
    connections,
    cores: coresHere,
    settings: isOurs ? plan.settings : {},
    generator: generator.name,
    cpuUsPerCommand: closed.cpuUsPerCommand,
    coresUsed: closed.coresUsed,
    faults,
  }
}

/** Todos where all are applied; else what the log has, for its worker has not come to all of it. */
const keptIn = async (system: System, closed: ClosedLoop, acknowledged: number): Promise<number> =>
  system.logged === null || closed.appliedInAll >= acknowledged
    ? await system.rows()
    : await system.logged()

const figuresOf = ({ visibility, ...figures }: OpenLoop): OpenLoopFigures => ({
  ...figures,
  samples: visibility.samples,
  displaced: visibility.displaced,
})

const rounded = (ms: number): number => Number(ms.toFixed(1))
