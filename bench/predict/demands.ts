// Service demands that hold under any load: the scenario once as it is, once with few connections, and once
// with everything on one core.

import { fitDemands } from '../analysis/fit-demands.ts'
import { onOneCore } from '../one-core.ts'
import type { Scenario } from '../scenario.ts'
import { coresHere } from '../target.ts'
import { closedLoad, demandsOf, measure, tiersOf, type Measured } from './measure.ts'
import { demandTable, measuredLines } from './tables.ts'

/** So many times fewer connections, so that a turn of a loop has few requests. */
const fewer = 16
/** With all on one core: each turn there follows another thread's. */
const fewerOnOneCore = 8

/** Demands that hold under any load: of the first measurement, and of two with other loads. */
export const measureDemands = async (scenario: Scenario, first: Measured, signal: AbortSignal) => {
  const withFewer = (times: number): Scenario => ({
    ...scenario,
    loads: scenario.loads.map((load) => ({
      ...load,
      connections: Math.max(1, Math.round(load.connections / times)),
    })),
  })
  const few = await measure(withFewer(fewer), signal)
  console.log(measuredLines(`${few.cell.load.connections} connections`, few))
  const together = await onOneCore(() => measure(withFewer(fewerOnOneCore), signal))
  const what = `${together?.cell.load.connections} connections, all on one core`
  if (together) console.log(measuredLines(what, together))
  else console.log('no taskset here: what a switch between threads costs is not known')
  const asEquation = (cores: number, one: Measured) => ({
    cores,
    otherCores: one.otherCores,
    load: closedLoad(one),
    demandsUs: demandsOf(one),
  })
  const measured = [
    asEquation(coresHere, first),
    asEquation(coresHere, few),
    ...(together ? [asEquation(1, together)] : []),
  ]
  // A database that woke up once is on nobody's way.
  const tiers = tiersOf(first).filter(({ name }) => measured.every((one) => name in one.demandsUs))
  const fitted = fitDemands(tiers, measured)
  console.log(`\n${demandTable(fitted)}\n`)
  return fitted
}
