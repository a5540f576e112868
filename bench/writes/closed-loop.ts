// How many writes a system acknowledges when each client sends the next as soon as it has an answer, how
// many of them it applies meanwhile and in the end, and what each tier pays for one.

import type { Generator, Load } from '../engines/generator.ts'
import type { Tier } from '../target.ts'
import { settle } from './settle.ts'
import type { System } from './system.ts'
import { cpuSecondsOf, type PerTier } from './tiers.ts'

export type ClosedLoop = {
  /** 202s, those of the warm-up not among them. */
  readonly acknowledged: number
  readonly warmUpAcknowledged: number
  /** Answers other than a 202, and connections that were lost. */
  readonly failed: number
  /** By the generator's clock, and by ours. */
  readonly generatorSeconds: number
  readonly windowSeconds: number
  /** POSTs that the server says it has answered, warm-up included; null where it does not say. */
  readonly handledInAll: number | null
  readonly p99Ms: number | null
  readonly appliedMeanwhile: number
  /** Applied when the wait after it was over, warm-up included. */
  readonly appliedInAll: number
  readonly catchUpMs: number
  readonly generatorShare: number
  /** Server and broker: per 202. Worker, database and Redis: per command applied. */
  readonly cpuUsPerCommand: Readonly<Partial<Record<Tier | 'generator', number>>>
  readonly coresUsed: PerTier
}

/** What is applied costs these; what is acknowledged costs the others. */
const payPerApplied: readonly Tier[] = ['worker', 'database', 'redis']

export const runClosedLoop = async (
  system: System,
  generator: Generator,
  options: {
    readonly connections: number
    readonly warmUpSeconds: number
    readonly seconds: number
    /** For what is acknowledged and not yet applied. */
    readonly catchUpTimeoutMs: number
    readonly signal: AbortSignal
  },
): Promise<ClosedLoop> => {
  const { connections, warmUpSeconds, seconds, catchUpTimeoutMs, signal } = options
  const load: Load = {
    port: system.port,
    target: '/todos',
    depth: 1,
    connections,
    signal,
    windowMs: warmUpSeconds * 1000,
    write: {
      method: 'POST',
      headers: { authorization: `Bearer ${system.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'Buy milk', description: 'two litres' }),
    },
  }
  const untilApplied = (commands: number) =>
    settle(system.applied, commands, {
      pollMs: system.appliedPollMs,
      timeoutMs: catchUpTimeoutMs,
      signal,
    })
  const handledBefore = await system.handled()
  const warm = await generator.run(load)
  // One that does not catch up is measured with its backlog, as its operator would have it.
  if (system.logged === null) await untilApplied(warm.requests)

  const before = await stateOf(system)
  const run = await generator.run({ ...load, windowMs: seconds * 1000 })
  const after = await stateOf(system)
  // Those that were in flight when the generator stopped may come on top.
  const wanted = system.logged === null ? before.applied : warm.requests
  const settled = await untilApplied(wanted + run.requests)
  const handledAfter = await system.handled()
  const cpuAtEnd = cpuSecondsOf(system.tiers)

  const windowSeconds = (after.atMs - before.atMs) / 1000
  const appliedSince = Math.max(1, settled.count - before.applied)
  const tiers = [...system.tiers.keys()]
  const cpuUs = tiers.map((tier) => {
    const commands = payPerApplied.includes(tier) ? appliedSince : run.requests
    return [tier, (((cpuAtEnd[tier] ?? 0) - (before.cpu[tier] ?? 0)) * 1e6) / commands] as const
  })
  return {
    acknowledged: run.requests,
    warmUpAcknowledged: warm.requests,
    failed: warm.errors + run.errors,
    generatorSeconds: run.durationUs / 1e6,
    windowSeconds,
    handledInAll:
      handledBefore === null || handledAfter === null ? null : handledAfter - handledBefore,
    p99Ms: run.p99Us === undefined ? null : run.p99Us / 1000,
    appliedMeanwhile: after.applied - before.applied,
    appliedInAll: settled.count,
    catchUpMs: Math.round(settled.ms),
    generatorShare: run.cpuShare,
    cpuUsPerCommand: {
      ...(Object.fromEntries(cpuUs) as PerTier),
      generator: (run.cpuShare * seconds * 1e6) / run.requests,
    },
    coresUsed: Object.fromEntries(
      tiers.map((tier) => [
        tier,
        ((after.cpu[tier] ?? 0) - (before.cpu[tier] ?? 0)) / windowSeconds,
      ]),
    ),
  }
}

const stateOf = async (system: System) => ({
  cpu: cpuSecondsOf(system.tiers),
  applied: await system.applied(),
  atMs: performance.now(),
})
