// Service demands as a function of load: what a request costs in itself, what a turn of the loop costs that
// it shares with others, and what a core costs that another thread had. From the CPU per answer that was
// measured under loads that differ. Pure.

import { simulate, type SimulatedLoad, type SimulatedTier } from './simulate.ts'

/** One measurement: on how many cores, under which load, and the CPU per answer that each tier took, in us. */
export type MeasuredDemands = {
  readonly cores: number
  readonly otherCores: number
  readonly load: SimulatedLoad
  readonly demandsUs: Readonly<Record<string, number>>
}

/** How often each of the three is paid for an answer, and what was paid. */
type Equation = {
  readonly request: number
  readonly turn: number
  readonly switched: number
  readonly us: number
}
type Costs = { readonly requestUs: number; readonly turnUs: number; readonly switchUs: number }

/** How many turns there are depends on what they cost, so it is found step by step. */
const steps = 6
const requestsSimulated = 60_000
const seed = 1

export const fitDemands = (
  tiers: readonly SimulatedTier[],
  measured: readonly MeasuredDemands[],
): readonly SimulatedTier[] => {
  let fitted = tiers
  for (let step = 0; step < steps; step++) {
    const outcomes = measured.map(({ cores, otherCores, load }) =>
      simulate({ cores, otherCores, tiers: onCores(fitted, cores) }, load, requestsSimulated, seed),
    )
    fitted = fitted.map((tier) => {
      const equations = measured.map(({ demandsUs }, i) => ({
        request: 1,
        turn: outcomes[i]?.turns[tier.name] ?? 0,
        switched: outcomes[i]?.switches[tier.name] ?? 0,
        us: demandsUs[tier.name] ?? 0,
      }))
      const { requestUs, turnUs, switchUs } = solve(equations)
      return { ...tier, demandUs: requestUs, turnUs, switchUs }
    })
  }
  return fitted
}

/** What has a thread for each core has fewer on fewer. */
const onCores = (tiers: readonly SimulatedTier[], cores: number) =>
  tiers.map((tier) => ({ ...tier, threads: Math.min(tier.threads, cores) }))

const unknowns = ['request', 'turn', 'switched'] as const
type Unknown = (typeof unknowns)[number]

/** Least squares of the relative error, none below 0: the best of the subsets that has none. */
export const solve = (equations: readonly Equation[]): Costs => {
  let best = { error: Infinity, costs: new Map<Unknown, number>() }
  for (let bits = 1; bits < 1 << unknowns.length; bits++) {
    const chosen = unknowns.filter((_, i) => bits & (1 << i))
    const values = leastSquares(equations, chosen)
    if (!values?.every((value) => value >= 0)) continue
    const costs = new Map(chosen.map((name, i) => [name, values[i] ?? 0]))
    const error = equations.reduce((sum, one) => {
      const said = unknowns.reduce((us, name) => us + one[name] * (costs.get(name) ?? 0), 0)
      return sum + (said / one.us - 1) ** 2
    }, 0)
    // Fewer are tried first, and must be worse for more to be taken.
    if (error < best.error * 0.99) best = { error, costs }
  }
  const of = (name: Unknown) => best.costs.get(name) ?? 0
  return { requestUs: of('request'), turnUs: of('turn'), switchUs: of('switched') }
}

/** By the normal equations; undefined where the measurements do not tell the chosen apart. */
const leastSquares = (
  equations: readonly Equation[],
  chosen: readonly Unknown[],
): readonly number[] | undefined => {
  const rows = equations.map((one) => ({ x: chosen.map((name) => one[name] / one.us), y: 1 }))
  const matrix = chosen.map((_, i) => [
    ...chosen.map((_, j) => rows.reduce((sum, { x }) => sum + (x[i] ?? 0) * (x[j] ?? 0), 0)),
    rows.reduce((sum, { x, y }) => sum + (x[i] ?? 0) * y, 0),
  ])
  return eliminate(matrix)
}

const negligible = 1e-9

/** Gauss and Jordan, with the largest pivot. */
const eliminate = (matrix: number[][]): number[] | undefined => {
  const size = matrix.length
  const scale = Math.max(...matrix.flat().map(Math.abs))
  for (let column = 0; column < size; column++) {
    const pivot = matrix
      .slice(column)
      .reduce((a, b) => (Math.abs(b[column] ?? 0) > Math.abs(a[column] ?? 0) ? b : a))
    const value = pivot[column] ?? 0
    if (Math.abs(value) < negligible * scale) return undefined
    const at = matrix.indexOf(pivot)
    ;[matrix[column], matrix[at]] = [pivot, matrix[column] ?? []]
    for (const [i, row] of matrix.entries()) {
      if (i === column) continue
      const factor = (row[column] ?? 0) / value
      for (let j = column; j <= size; j++) row[j] = (row[j] ?? 0) - factor * (pivot[j] ?? 0)
    }
  }
  return matrix.map((row, i) => (row[size] ?? 0) / (row[i] ?? 1))
}
