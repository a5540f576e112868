// What both reports, the page and the terminal's, read out of a result: the headline, what speaks
// against the run, and what each tier costs. Pure.

import type { Cell, Check, Load, Result, Second, TierUse } from '../result.ts'
import { count } from './figures.ts'

/** The load that got most good answers: what a run is quoted by. Null where nothing was measured. */
export const headlineOf = ({ cells }: Result): Cell | null =>
  cells.reduce<Cell | null>(
    (best, cell) => (best === null || cell.goodPerSecond > best.goodPerSecond ? cell : best),
    null,
  )

export const labelOf = ({ connections, pipelining, ratePerSecond }: Load): string =>
  `${count(connections)} × ${count(pipelining)}` +
  (ratePerSecond === null ? '' : ` at ${count(ratePerSecond)}/s`)

export const inFlightOf = ({ connections, pipelining }: Load): number => connections * pipelining

/** One thing that is wrong, with every load that it was seen in. */
export type Complaint = {
  readonly name: string
  readonly meaning: string
  readonly seen: readonly {
    readonly load: string
    readonly value: string
    readonly bound: string
  }[]
}

/** The same meaning in five loads is one thing to change. */
export const complaintsOf = ({ cells }: Result, verdict: Check['verdict']): Complaint[] => {
  const complaints = new Map<string, Complaint>()
  for (const { load, checks } of cells) {
    for (const { name, meaning, value, bound } of checks.filter((it) => it.verdict === verdict)) {
      const key = JSON.stringify([name, meaning])
      const seen = complaints.get(key)?.seen ?? []
      const one = { load: labelOf(load), value, bound }
      complaints.set(key, { name, meaning, seen: [...seen, one] })
    }
  }
  return [...complaints.values()]
}

export const verdictCounts = (checks: readonly Check[]): Record<Check['verdict'], number> => {
  const of = (verdict: Check['verdict']) => checks.filter((it) => it.verdict === verdict).length
  return { ok: of('ok'), warn: of('warn'), fail: of('fail'), unknown: of('unknown') }
}

/** In the order in which a request meets them; then whatever else was sampled. */
export const tierNames = ({ tiers, series }: Cell): string[] => [
  ...new Set([
    ...tiers.map(({ name }) => name),
    ...series.flatMap(({ cores }: Second) => Object.keys(cores)),
  ]),
]

export type TierRow = Omit<TierUse, 'coresMax'> & {
  readonly coresMax: number | null
  readonly utilization: number | null
  readonly isBottleneck: boolean
  /** In the order of `limit.coresFor`. */
  readonly coresFor: readonly (number | null)[]
}

/** The tiers of a load and, last, all together: that is what the machine carries. */
export const tierRows = ({ tiers, limit }: Cell): TierRow[] => {
  const rows = tiers.map((tier) => ({
    ...tier,
    utilization: tier.coresMax > 0 ? tier.cores / tier.coresMax : null,
    isBottleneck: limit?.by === tier.name,
    coresFor: (limit?.coresFor ?? []).map(({ cores }) => cores[tier.name] ?? null),
  }))
  if (rows.length < 2) return rows
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const total = {
    name: 'all',
    cores: sum(tiers.map(({ cores }) => cores)),
    coresMax: null,
    utilization: null,
    demand: sum(tiers.map(({ demand }) => demand)),
    isBottleneck: limit?.by === 'the machine',
    coresFor: (limit?.coresFor ?? []).map(({ cores }) => sum(Object.values(cores))),
  }
  return [...rows, total]
}

/** A server that was already running, and maybe elsewhere, shows us no CPU but the generator's. */
export const hasTiers = ({ tiers }: Cell): boolean => tiers.length > 0

export const ledgerOf = ({ counts, load }: Cell): readonly (readonly [string, number])[] => [
  ['sent', counts.sent],
  ['completed', counts.completed],
  ...Object.entries(counts.statuses).map(
    ([status, answers]) => [`status ${status}`, answers] as const,
  ),
  ['bytes', counts.bytes],
  ['closed by the server', counts.closed],
  ['resets', counts.resets],
  ['lost with their connection', counts.lost],
  ['timeouts', counts.timeouts],
  ...(load.ratePerSecond === null && counts.dropped === 0
    ? []
    : [['due and never sent', counts.dropped] as const]),
]
