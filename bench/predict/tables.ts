// What `npm run bench:predict` prints.

import type { Outcome, SimulatedTier } from '../analysis/simulate.ts'
import type { Purchase, Size } from '../analysis/sizing.ts'
import { layOut } from '../engines/table.ts'
import { count, cores, percent, significant, time } from '../report/figures.ts'
import { demandsOf, interruptsOf, onTheWay, type Measured } from './measure.ts'

export type Comparison = {
  readonly processes: number
  readonly measured: Measured
  readonly simulated: Outcome
  /** Of the simulation, of what was measured. */
  readonly off: number
}

/** `isToBeSound`: what makes it worthless follows. */
export const measuredLines = (what: string, measured: Measured, isToBeSound = false): string => {
  const { cell, interruptCores, interruptsInTiers, otherCores } = measured
  const shown = onTheWay(cell).map(
    (tier) => `${tier.name} ${tier.demand.toFixed(2)} us (${cores(tier.cores)} cores)`,
  )
  const ofEach = interruptCores.map((one) => percent(one)).join(', ')
  const faults = cell.checks.filter(({ verdict }) => isToBeSound && verdict === 'fail')
  return [
    `${what}: ${count(cell.goodPerSecond)} a second; ${shown.join(', ')}`,
    `  interrupts ${interruptsOf(measured).wholeUs.toFixed(2)} us (${ofEach} of the cores, ` +
      `${percent(interruptsInTiers)} of it in the tiers' CPU); anything else ${cores(otherCores)} cores`,
    ...faults.map(({ name, value, meaning }) => `  INVALID: ${name}: ${value}. ${meaning}`),
  ].join('\n')
}

export const demandTable = (tiers: readonly SimulatedTier[]): string =>
  layOut([
    ['service demands', 'of a request', 'of a turn', 'of a switch'],
    ...tiers.map(({ name, demandUs, turnUs = 0, switchUs = 0 }) => [
      name,
      ...[demandUs, turnUs, switchUs].map((us) => `${us.toFixed(2)} us`),
    ]),
  ])

export const comparisonTable = (comparisons: readonly Comparison[]): string =>
  layOut([
    ['processes', 'measured/s', 'simulated/s', 'off', ...demandTitles, 'p99', 'simulated'],
    ...comparisons.map(({ processes, measured, simulated, off }) => [
      String(processes),
      count(measured.cell.goodPerSecond),
      count(simulated.perSecond),
      percent(off),
      `${(demandsOf(measured)['server'] ?? NaN).toFixed(1)} us`,
      `${(((simulated.cores['server'] ?? NaN) * 1e6) / simulated.perSecond).toFixed(1)} us`,
      time(measured.cell.latency?.p99 ?? null),
      time(simulated.p99Us),
    ]),
  ])

const demandTitles = ['server demand', 'simulated']

export const sizeTable = (sizes: readonly Size[], purchase: Purchase): string =>
  layOut([
    [
      `at ${percent(purchase.utilization)} of the cores`,
      ...(sizes[0]?.tiers.map(({ name }) => `${name}: cores, machines, GiB`) ?? []),
      'answers Gbit/s',
      'USD a month',
      'p50',
      'p99',
    ],
    ...sizes.map((size) => [
      `${count(size.perSecond)}/s`,
      ...size.tiers.map(
        (tier) => `${count(tier.cores)}, ${count(tier.machines)}, ${significant(tier.memoryGib)}`,
      ),
      significant(size.answersGbit),
      count(size.usdPerMonth),
      time(size.p50Us),
      time(size.p99Us),
    ]),
  ])
