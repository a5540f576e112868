// What one measured cell contributes to a comparison, and what of it may be compared at all. Pure.

import type { Cell, Check } from '../result.ts'

export type Metric = 'goodput' | 'cpu' | 'p99'

/** A figure is null where it is not known, or not to be trusted. */
export type Figures = Readonly<Record<Metric, number | null>> & {
  /** It sent less than it could have been answered: goodput is its own, not the servers'. */
  readonly isGeneratorFull: boolean
  readonly limitedBy: string | null
  /** Why nothing of the cell may be used. */
  readonly fault: string | null
}

export const metrics: Readonly<
  Record<
    Metric,
    {
      readonly name: string
      readonly isMoreBetter: boolean
      readonly show: (value: number) => string
    }
  >
> = {
  goodput: {
    name: 'good answers a second',
    isMoreBetter: true,
    show: (value) => Math.round(value).toLocaleString('en-US'),
  },
  cpu: {
    name: 'CPU us per good answer',
    isMoreBetter: false,
    show: (us) => us.toFixed(us < 10 ? 3 : 1),
  },
  p99: { name: 'p99 ms', isMoreBetter: false, show: (us) => (us / 1000).toFixed(2) },
}

const generatorCheck = 'the generator had room'
/** They fail with a starved generator and say so; the answers and the CPU were counted elsewhere. */
export const starvationChecks: readonly string[] = [
  generatorCheck,
  'average x duration = total',
  "autocannon's own books",
  "autocannon's duration",
  "autocannon's samples",
  'duration as planned',
]
/** Fails for its percentiles alone. */
export const percentileCheck = 'samples behind the percentiles'

export const figuresOf = (cell: Cell): Figures => {
  const failed = cell.checks.filter(({ verdict }) => verdict === 'fail')
  const isGeneratorFull =
    cell.limit?.by === 'generator' || failed.some(({ name }) => name === generatorCheck)
  const forgiven = [percentileCheck, ...(isGeneratorFull ? starvationChecks : [])]
  const faults = failed.filter(({ name }) => !forgiven.includes(name))
  const base = { isGeneratorFull, limitedBy: cell.limit?.by ?? null }
  if (faults.length > 0) return { ...base, ...nothing, fault: faults.map(faultOf).join('; ') }
  const hasPercentiles = !isGeneratorFull && !failed.some(({ name }) => name === percentileCheck)
  return {
    ...base,
    goodput: isGeneratorFull ? null : usable(cell.goodPerSecond),
    cpu: usable(cpuOf(cell)),
    p99: hasPercentiles ? usable(cell.latency?.p99) : null,
    fault: null,
  }
}

export const nothing = { goodput: null, cpu: null, p99: null } as const

const faultOf = ({ name, value, bound }: Check): string => `${name}: ${value} (wanted: ${bound})`

/** CPU of all tiers but the generator. A server elsewhere has no known tiers. */
const cpuOf = ({ tiers }: Cell): number =>
  tiers.filter(({ name }) => name !== 'generator').reduce((sum, { demand }) => sum + demand, 0)

/** What is compared as a ratio must be positive. */
const usable = (value: number | undefined): number | null =>
  value !== undefined && value > 0 && value < Infinity ? value : null
