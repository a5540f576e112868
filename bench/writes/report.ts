// The result of npm run bench:writes in words: the figures beside their targets, what each tier
// pays, and which of them is the bottleneck. Pure.

import type { Tier } from '../target.ts'

export type Result = {
  readonly acknowledgedPerSecond: number
  /** From request to 202; null where the generator does not know it. */
  readonly p99Ms: number | null
  /** While the load ran; what was left then took `catchUpMs`. */
  readonly appliedPerSecond: number
  readonly catchUpMs: number
  readonly visibleP50Ms: number
  readonly visibleP99Ms: number
  readonly connections: number
  readonly cores: number
  readonly settings: Readonly<Record<string, string>>
  readonly generator: string
  /** Until the last command was applied. */
  readonly cpuUsPerCommand: Readonly<Partial<Record<Tier | 'generator', number>>>
  readonly coresUsed: Readonly<Partial<Record<Tier, number>>>
  /** What makes the figures worthless. */
  readonly faults: readonly string[]
}

/** At 200 connections, on a machine with a core for each tier. */
const targets = { acknowledgedPerSecond: 20_000, p99Ms: 100, visibleP99Ms: 250 }

export const report = (result: Result): string => {
  const { acknowledgedPerSecond, p99Ms, appliedPerSecond, visibleP99Ms } = result
  const line = (name: string, value: string, isMet: boolean, target: string) =>
    `${name.padEnd(30)}${value.padStart(12)}   ${isMet ? 'met    ' : 'NOT MET'} ${target}`
  const tiers = Object.entries(result.cpuUsPerCommand).sort((a, b) => b[1] - a[1])
  const total = tiers.reduce((sum, [, us]) => sum + us, 0)
  return [
    line(
      'acknowledged a second',
      acknowledgedPerSecond.toLocaleString('en'),
      acknowledgedPerSecond >= targets.acknowledgedPerSecond,
      `(at least ${targets.acknowledgedPerSecond.toLocaleString('en')})`,
    ),
    line(
      'p99 of the 202',
      p99Ms === null ? 'unknown' : `${p99Ms.toFixed(1)} ms`,
      p99Ms !== null && p99Ms < targets.p99Ms,
      `(under ${targets.p99Ms} ms)`,
    ),
    line(
      'applied a second meanwhile',
      appliedPerSecond.toLocaleString('en'),
      appliedPerSecond >= acknowledgedPerSecond * 0.98,
      `(as fast as acknowledged; the rest took ${result.catchUpMs} ms)`,
    ),
    line(
      'p99 of 202 to visible',
      `${visibleP99Ms.toFixed(1)} ms`,
      visibleP99Ms < targets.visibleP99Ms,
      `(under ${targets.visibleP99Ms} ms; median ${result.visibleP50Ms.toFixed(1)} ms)`,
    ),
    '',
    'CPU per command, and the cores that each used while the load ran',
    ...tiers.map(([tier, us]) => {
      const used = tier === 'generator' ? undefined : result.coresUsed[tier as Tier]
      const cores = used === undefined ? '' : `${used.toFixed(2)} cores`
      return `${tier.padEnd(30)}${us.toFixed(1).padStart(9)} us  ${cores.padStart(12)}`
    }),
    `${'all'.padEnd(30)}${total.toFixed(1).padStart(9)} us`,
    '',
    verdict(result, total, tiers[0]?.[0] ?? ''),
    ...result.faults.map((fault) => `INVALID: ${fault}`),
  ].join('\n')
}

const verdict = ({ cores }: Result, totalUs: number, costliest: string): string => {
  const ceiling = Math.floor((cores * 1e6) / totalUs)
  const wanted = (targets.acknowledgedPerSecond * totalUs) / 1e6
  return (
    `${cores} cores / ${totalUs.toFixed(0)} us is a ceiling of ${ceiling.toLocaleString('en')} commands a second; ` +
    `${targets.acknowledgedPerSecond.toLocaleString('en')} need ${wanted.toFixed(1)} cores. ` +
    `The ${costliest} takes most.`
  )
}
