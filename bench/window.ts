// What a window of a run cost and meant. CPU of every tier at both its ends gives service demands, the
// limit, and what else the machine did. The same for every generator.

import { forestCpuSeconds, treeCpuSeconds } from './engines/cpu.ts'
import { goodOf, isGeneratorFull } from './analysis/checks.ts'
import { limitOf } from './analysis/limits.ts'
import type { RunningLoad } from './load/load.ts'
import { calibrate, machineCpu, type MachineCpu } from './noise.ts'
import type { Cell, Counts, Load, TierUse } from './result.ts'
import { coresHere, type Target } from './target.ts'

export type CpuNow = {
  readonly tiers: ReadonlyMap<string, number>
  readonly machine: MachineCpu | null
  readonly ownSeconds: number
}

/** CPU seconds of each tier so far; a process that is gone costs nothing more. */
export const cpuNow = (target: Target, loads: readonly (RunningLoad | undefined)[]): CpuNow => {
  const secondsOf = (pid: number) => {
    try {
      return treeCpuSeconds(pid)
    } catch {
      return 0
    }
  }
  const own = process.cpuUsage()
  const generators = loads.map((load) => (load ? secondsOf(load.pid) : 0))
  return {
    tiers: new Map([
      ['generator', generators.reduce((sum, one) => sum + one, 0)],
      // What we started is no part of a server that runs us, as a test's does.
      ...[...target.tiers].map(([name, { pids }]): [string, number] => [
        name,
        forestCpuSeconds(pids, process.pid),
      ]),
    ]),
    machine: machineCpu(),
    ownSeconds: (own.user + own.system) / 1e6,
  }
}

/** Cores that each tier used between two looks. */
export const coresBetween = (
  from: Pick<CpuNow, 'tiers'>,
  to: Pick<CpuNow, 'tiers'>,
  seconds: number,
): Record<string, number> =>
  Object.fromEntries(
    [...to.tiers].map(([name, used]) => [
      name,
      Math.max(0, used - (from.tiers.get(name) ?? 0)) / seconds,
    ]),
  )

export const withoutGenerator = (cores: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(cores).filter(([name]) => name !== 'generator'))

export type Window = {
  readonly load: Load
  readonly seconds: number
  readonly counts: Counts
  readonly cpu: readonly [CpuNow, CpuNow]
  readonly calibratedMs: number
  /** Null for wrk, which does not report it. */
  readonly loop: { readonly utilization: number; readonly lagP99Ms: number } | null
  /** For wrk, whose process is gone by now. */
  readonly generatorCores?: number
}

/** From counters to what they mean. */
export const judgeWindow = (
  target: Target,
  window: Window,
): Pick<Cell, 'goodPerSecond' | 'tiers' | 'limit' | 'noise' | 'generator'> => {
  const { load, seconds, counts, loop } = window
  const [before, after] = window.cpu
  const good = goodOf(counts.statuses, load.method)
  const coresOf = (name: string) =>
    Math.max(0, (after.tiers.get(name) ?? 0) - (before.tiers.get(name) ?? 0)) / seconds
  const use = (name: string, cores: number, coresMax: number): TierUse => ({
    name,
    cores,
    coresMax,
    demand: good === 0 ? 0 : (cores * seconds * 1e6) / good,
  })
  const generatorCores = (window.generatorCores ?? 0) + coresOf('generator')
  const tiers = [
    use('generator', generatorCores, Math.min(coresHere, load.threads)),
    ...[...target.tiers].map(([name, { coresMax }]) => use(name, coresOf(name), coresMax)),
  ]
  const own = (after.ownSeconds - before.ownSeconds) / seconds
  const attributed = own + tiers.reduce((sum, one) => sum + one.cores, 0)
  const machine =
    after.machine && before.machine
      ? {
          busy: after.machine.busy - before.machine.busy,
          steal: after.machine.steal - before.machine.steal,
          total: after.machine.total - before.machine.total,
        }
      : null
  const otherCores =
    machine && target.uncounted === null ? Math.max(0, machine.busy / seconds - attributed) : null
  const generator = {
    loopUtilization: loop?.utilization ?? null,
    loopLagP99Ms: loop?.lagP99Ms ?? null,
    cpuShare: generatorCores / load.threads,
  }
  const goodPerSecond = good / seconds
  return {
    goodPerSecond,
    tiers,
    generator,
    // A server that we did not start may use an unknown number of cores.
    limit:
      target.topology &&
      limitOf({
        tiers,
        goodPerSecond,
        otherCores,
        cores: coresHere,
        isGeneratorFull: isGeneratorFull({ generator }),
        isOpenLoop: load.ratePerSecond !== null,
      }),
    noise: {
      steal: machine && machine.steal / machine.total,
      otherCores,
      uncounted: target.uncounted,
      calibrationMs: [window.calibratedMs, calibrate()],
    },
  }
}
