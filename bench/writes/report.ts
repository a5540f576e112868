// The results of npm run bench:writes in words: every system in one table, then ours beside its targets,
// what each tier pays, and which of them is the bottleneck. Pure.

import { spread } from '../engines/summary.ts'
import { layOut } from '../engines/table.ts'
import type { Tier } from '../target.ts'
import { mediansOf, type OpenLoopFigures, type Result } from './result.ts'
import type { LeftOut } from './system.ts'

export type Rounds = readonly [Result, ...Result[]]

/**
 * At 200 connections and with durable settings. Broker, database, worker, server, Redis and generator
 * share two cores.
 */
const targets = {
  acknowledgedPerSecond: 30_000,
  appliedShare: 0.98,
  /** The open loop's, at this rate. */
  perSecond: 20_000,
  p99Ms: 30,
  visibleP99Ms: 150,
  /** CPU per command, of all tiers but the generator. */
  allUs: 52,
  serverUs: { uws: 24, node: 30 },
  tierUs: { worker: 9, database: 14, broker: 5 } as Partial<Record<Tier | 'generator', number>>,
}
/** A heap that has its size does not grow by more. */
const memoryGrowthMax = 0.05
/** In a shorter run a heap has not found its size. */
const memorySecondsMin = 300

export const report = (systems: readonly Rounds[], leftOut: readonly LeftOut[]): string => {
  const all = systems.map((rounds) => mediansOf(rounds))
  const ours = all.find(({ system }) => system === 'ours')
  return [
    table(systems),
    '',
    ...(ours === undefined ? [] : [details(ours), '']),
    ...leftOut.map(({ name, why }) => `left out: ${name}: ${why}`),
    ...all.flatMap(({ system, faults }) => faults.map((fault) => `INVALID: ${system}: ${fault}`)),
  ]
    .join('\n')
    .trimEnd()
}

const count = (value: number): string => Math.round(value).toLocaleString('en')
const us = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(1))

const paidTiers = ['server', 'broker', 'worker', 'database', 'redis'] as const
const heads = [
  '',
  'acknowledged/s',
  'spread',
  'applied/s',
  'in the end',
  'lost',
  'lost at SIGKILL',
  'p99 ms',
  ...paidTiers,
  'all',
]

const table = (systems: readonly Rounds[]): string => {
  const rows = systems.map((rounds) => {
    const { cpuUsPerCommand: cpu, ...one } = mediansOf(rounds)
    const perSecond = rounds.map(({ acknowledgedPerSecond }) => acknowledgedPerSecond)
    return [
      nameOf(one),
      count(one.acknowledgedPerSecond),
      `${Math.round(spread(perSecond) * 100)}%`,
      count(one.appliedPerSecond),
      appliedShareOf(one),
      count(one.lost),
      one.whenKilled === null
        ? '-'
        : `${count(one.whenKilled.lost)} of ${count(one.whenKilled.acknowledged)}`,
      one.p99Ms === null ? '-' : one.p99Ms.toFixed(1),
      ...paidTiers.map((tier) => us(cpu[tier])),
      us(sumOfTiers(cpu)),
    ]
  })
  const rounds = systems[0]?.length ?? 0
  const waited = systems
    .map((of) => mediansOf(of))
    .filter(({ applied, acknowledged }) => applied < acknowledged)
  return [
    `closed loop, ${rounds === 1 ? 'one round' : `medians of ${rounds} rounds`}; CPU in us per command`,
    layOut([heads, ...rows]),
    'in the end: applied of what was acknowledged; lost: neither applied nor in the log',
    'server and broker: CPU per 202; worker, database and Redis: CPU per command applied',
    ...waited.map(
      ({ system, catchUpMs }) =>
        `${system}: what ${Math.round(catchUpMs / 1000)} s after the load did not apply waits in its log`,
    ),
  ].join('\n')
}

/** Rounded down: what is not all is not 100%. */
const appliedShareOf = ({ applied, acknowledged }: Pick<Result, 'applied' | 'acknowledged'>) =>
  applied >= acknowledged
    ? '100%'
    : `${(Math.floor((1000 * applied) / acknowledged) / 10).toFixed(1)}%`

const nameOf = ({ system, settings }: Pick<Result, 'system' | 'settings'>): string =>
  system === 'ours' ? `ours (${settings['HTTP_ENGINE'] ?? 'node'})` : `${system} (Go)`

const sumOfTiers = (cpu: Result['cpuUsPerCommand']): number => {
  const { generator: _, ...tiers } = cpu
  return Object.values(tiers).reduce((sum, one) => sum + one, 0)
}

const line = (name: string, value: string, isMet: boolean | null, target: string) => {
  const verdict = isMet === null ? '' : isMet ? 'met' : 'NOT MET'
  return `${name.padEnd(30)}${value.padStart(12)}   ${verdict.padEnd(7)} ${target}`.trimEnd()
}

const details = (ours: Result): string => {
  const { acknowledgedPerSecond, p99Ms, appliedPerSecond } = ours
  return [
    line(
      'acknowledged a second',
      count(acknowledgedPerSecond),
      acknowledgedPerSecond >= targets.acknowledgedPerSecond,
      `(at least ${count(targets.acknowledgedPerSecond)})`,
    ),
    line(
      'applied a second meanwhile',
      count(appliedPerSecond),
      appliedPerSecond >= acknowledgedPerSecond * targets.appliedShare,
      `(as fast as acknowledged; the rest took ${ours.catchUpMs} ms)`,
    ),
    line('p99 of the 202, closed loop', p99Ms === null ? 'unknown' : inMs(p99Ms), null, ''),
    ...(ours.openLoop === null ? [] : ofOpenLoop(ours, ours.openLoop)),
    '',
    'CPU per command, and the cores that each used while the load ran',
    ...ofTiers(ours),
    '',
    ceilingOf(ours),
  ].join('\n')
}

const inMs = (ms: number): string => `${ms.toFixed(1)} ms`

const ofOpenLoop = (ours: Result, open: OpenLoopFigures): string[] => {
  const isAsked = open.perSecond >= targets.perSecond
  const target = (bound: number, ms: number | null) => {
    const at = isAsked ? '' : ` at ${count(targets.perSecond)} a second`
    return {
      isMet: isAsked ? ms !== null && ms <= bound : null,
      text: `at most ${bound} ms${at}`,
    }
  }
  const answered = target(targets.p99Ms, open.p99Ms)
  const visible = target(targets.visibleP99Ms, ours.visibleP99Ms)
  const { begin, afterWarmUp, end } = open.memoryMib
  const grown = (end.server ?? 0) / (afterWarmUp.server ?? NaN) - 1
  const isLong = open.seconds >= memorySecondsMin
  return [
    `open loop, ${count(open.perSecond)} a second for ${open.seconds} s`,
    line(
      'p99 of the 202',
      inMs(open.p99Ms),
      answered.isMet,
      `(${answered.text}; median ${open.p50Ms.toFixed(1)} ms)`,
    ),
    line(
      'p99 of 202 to visible',
      ours.visibleP99Ms === null ? 'unknown' : inMs(ours.visibleP99Ms),
      visible.isMet,
      `(${visible.text}; median ${ours.visibleP50Ms?.toFixed(1) ?? '-'} ms)`,
    ),
    `  one write of ${open.sampleEvery} was looked for in ${open.listReadsPerSecond} lists a second: ${count(open.samples)} samples`,
    ...(open.displaced === 0
      ? []
      : [
          `  ${count(open.displaced)} of them are upper bounds: newer todos displaced them between lists`,
        ]),
    line(
      'memory of the server',
      `${end.server ?? 0} MiB`,
      isLong ? grown <= memoryGrowthMax : null,
      `(${begin.server ?? 0} at begin, ${afterWarmUp.server ?? 0} after warm-up; ` +
        (isLong ? 'no growth)' : `growth is judged from ${memorySecondsMin} s on)`),
    ),
  ]
}

const ofTiers = (ours: Result): string[] => {
  const { cpuUsPerCommand: cpu, coresUsed, settings } = ours
  const engine = settings['HTTP_ENGINE'] === 'uws' ? 'uws' : 'node'
  const bounds = { ...targets.tierUs, server: targets.serverUs[engine] }
  const row = (name: string, value: number, cores: number | undefined, bound?: number) => {
    const used = cores === undefined ? '' : `${cores.toFixed(2)} cores`
    const verdict =
      bound === undefined ? '' : `${value <= bound ? 'met    ' : 'NOT MET'} (at most ${bound})`
    return `${name.padEnd(30)}${value.toFixed(1).padStart(9)} us  ${used.padStart(12)}   ${verdict}`.trimEnd()
  }
  const tiers = Object.entries(cpu).sort((a, b) => b[1] - a[1]) as [Tier | 'generator', number][]
  return [
    ...tiers.map(([tier, value]) =>
      row(tier, value, tier === 'generator' ? undefined : coresUsed[tier], bounds[tier]),
    ),
    row('all but the generator', sumOfTiers(cpu), undefined, targets.allUs),
  ]
}

const ceilingOf = ({ cores, cpuUsPerCommand: cpu }: Result): string => {
  const totalUs = sumOfTiers(cpu) + (cpu.generator ?? 0)
  const [costliest = ''] = Object.entries(cpu).sort((a, b) => b[1] - a[1])[0] ?? []
  const ceiling = Math.floor((cores * 1e6) / totalUs)
  const wanted = (targets.acknowledgedPerSecond * totalUs) / 1e6
  return (
    `${cores} cores / ${totalUs.toFixed(0)} us is a ceiling of ${count(ceiling)} commands a second; ` +
    `${count(targets.acknowledgedPerSecond)} need ${wanted.toFixed(1)} cores. ` +
    `The ${costliest} takes most.`
  )
}
