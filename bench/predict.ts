// npm run bench:predict: measures a scenario with one number of server processes under three loads, takes
// service demands from it that depend on load, simulates other numbers, and measures those too, so that one
// sees how far off the simulation is. Then it says what 500,000 requests a second and more would take.

import { parseArgs } from 'node:util'
import { ceilingsOf, sizeFor, type Purchase, type SizedTier } from './analysis/sizing.ts'
import { simulate, type Machine, type SimulatedTier } from './analysis/simulate.ts'
import { exitCodes, runProgram, writeJson } from './command.ts'
import { layOut } from './engines/table.ts'
import { measureDemands } from './predict/demands.ts'
import { closedLoad, interruptsOf, measure, type Measured } from './predict/measure.ts'
import { comparisonTable, measuredLines, sizeTable, type Comparison } from './predict/tables.ts'
import { count } from './report/figures.ts'
import { parseScenario, readScenario, type Scenario } from './scenario.ts'
import { coresHere } from './target.ts'

const usage = `usage: npm run bench:predict -- [--scenario NAME] [--processes LIST] [--nginx MODE] [options]
  --processes LIST    of the server: demands are measured with the first (1,2,4)
  --nginx MODE        none, l4, l7: in front of them (what the scenario says)
  --seconds N         of each run
  --rates LIST        to size for (500000,1000000,10000000)
  --utilization N     share of the cores to plan with (0.6)
  --machine-cores N   of a machine to buy (16)       --network-gbit N   of its card (25)
  --core-hour USD     what a core costs (0.04)       --json FILE
Exit codes: 0 each within 15%, 1 failed, 2 usage, 3 one was further off.`

const errorMax = 0.15
const requestsSimulated = 300_000
const withProcesses = (
  tiers: readonly SimulatedTier[],
  processes: number,
  otherCores: number,
): Machine => ({
  cores: coresHere,
  otherCores,
  tiers: tiers.map((tier) => (tier.name === 'server' ? { ...tier, threads: processes } : tier)),
})

const main = async (options: Options, signal: AbortSignal): Promise<number> => {
  const all: { readonly processes: number; readonly measured: Measured }[] = []
  for (const processes of options.processes) {
    const measured = await measure({ ...options.scenario, processes }, signal)
    console.log(measuredLines(`${processes} processes`, measured, true))
    all.push({ processes, measured })
  }
  const [first] = all
  if (!first) throw new Error('nothing was measured')
  const scenario = { ...options.scenario, processes: first.processes }
  const tiers = await measureDemands(scenario, first.measured, signal)
  const comparisons = all.map(({ processes, measured }): Comparison => {
    // What else is busy is known of the first only: the others are to be predicted.
    const machine = withProcesses(tiers, processes, first.measured.otherCores)
    const simulated = simulate(machine, closedLoad(measured), requestsSimulated, 1)
    const off = simulated.perSecond / measured.cell.goodPerSecond - 1
    return { processes, measured, simulated, off }
  })
  console.log(comparisonTable(comparisons))
  const served = tiers
    .filter(({ name }) => name !== 'generator')
    .map((tier): SizedTier => ({
      ...tier,
      memoryBytes: first.measured.memoryBytes.get(tier.name) ?? 0,
    }))
  const { counts } = first.measured.cell
  const answerBytes = counts.bytes / counts.completed
  const sizes = options.rates.map((rate) => sizeFor(rate, served, answerBytes, options.purchase))
  console.log(`\n${sizeTable(sizes, options.purchase)}`)
  const { wholeUs } = interruptsOf(first.measured)
  console.log(
    `of these cores, interrupts and the network's part of the kernel: ${options.rates
      .map((rate) => count((rate * wholeUs) / 1e6 / options.purchase.utilization))
      .join(', ')}, the generator's part included`,
  )
  const ceilings = ceilingsOf(served, answerBytes, options.purchase)
  console.log('\nwhat is full first')
  console.log(layOut(ceilings.map(({ what, perSecond }) => [what, `${count(perSecond)}/s`])))
  await writeJson(options.json, {
    comparisons: comparisons.map(({ measured, ...rest }) => ({ ...rest, measured: measured.cell })),
    tiers,
    answerBytes,
    sizes,
    ceilings,
  })
  const isClose = comparisons.every(({ off }) => Math.abs(off) <= errorMax)
  return isClose ? exitCodes.judged : exitCodes.untrusted
}

type Options = {
  readonly scenario: Scenario
  readonly processes: readonly number[]
  readonly rates: readonly number[]
  readonly purchase: Purchase
  readonly json: string | undefined
}

const text = { type: 'string' } as const

const parse = (args: readonly string[]): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: text,
      processes: { ...text, default: '1,2,4' },
      nginx: text,
      seconds: text,
      rates: { ...text, default: '500000,1000000,10000000' },
      utilization: { ...text, default: '0.6' },
      'machine-cores': { ...text, default: '16' },
      'network-gbit': { ...text, default: '25' },
      'core-hour': { ...text, default: '0.04' },
      json: text,
    },
  })
  const above0 = (name: string, given: string, most = Infinity) => {
    const value = Number(given)
    if (value > 0 && value <= most) return value
    throw new Error(`--${name}: a number above 0${most < Infinity ? `, ${most} at most` : ''}`)
  }
  const listOf = (name: string, given: string) => given.split(',').map((one) => above0(name, one))
  const processes = listOf('processes', values.processes)
  if (!processes.every(Number.isInteger)) throw new Error('--processes: whole numbers')
  const seconds = values.seconds && { seconds: above0('seconds', values.seconds) }
  const { name, ...fields } = readScenario(values.scenario ?? 'keepalive')
  const scenario = parseScenario(name, {
    ...fields,
    ...(values.nginx && { nginx: values.nginx }),
    loads: fields.loads.map((load) => ({ ...load, ...seconds })),
    // More than one thread of load would take the cores that are to be predicted.
    generatorThreads: fields.generatorThreads ?? 1,
  })
  return {
    scenario,
    processes,
    rates: listOf('rates', values.rates),
    purchase: {
      utilization: above0('utilization', values.utilization, 1),
      machineCores: above0('machine-cores', values['machine-cores']),
      networkGbit: above0('network-gbit', values['network-gbit']),
      coreHourUsd: above0('core-hour', values['core-hour']),
    },
    json: values.json,
  }
}

await runProgram({ usage, parse, main })
