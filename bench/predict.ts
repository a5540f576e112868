// npm run bench:predict: measures a scenario with one number of server processes, simulates others from
// the service demands, and measures those too, so that one sees how far off the simulation is. Then it
// says what 500,000 requests a second and more would take. A law that predicts nothing explains nothing.

import { parseArgs } from 'node:util'
import { count, cores, percent, significant, time } from './report/figures.ts'
import { ceilingsOf, sizeFor, type Purchase } from './analysis/sizing.ts'
import { simulate, type Machine, type SimulatedTier } from './analysis/simulate.ts'
import { measureCell } from './cell.ts'
import { exitCodes, runProgram, writeJson } from './command.ts'
import { layOut } from './engines/table.ts'
import type { Cell } from './result.ts'
import { parseScenario, readScenario, type Scenario } from './scenario.ts'
import { coresHere, startTarget } from './target.ts'

const usage = `usage: npm run bench:predict -- [--scenario NAME] [--processes LIST] [--nginx MODE] [options]
  --processes LIST    of the server: demands are those of the first (1,2,4)
  --nginx MODE        none, l4, l7: in front of them (what the scenario says)
  --seconds N         of each run
  --rates LIST        to size for (500000,1000000,10000000)
  --utilization N     share of the cores to plan with (0.6)
  --machine-cores N   of a machine to buy (16)       --network-gbit N   of its card (25)
  --core-hour USD     what a core costs (0.04)       --json FILE
Exit codes: 0 each within 15%, 1 failed, 2 usage, 3 one was further off.`

const errorMax = 0.15
/** A tier that takes less of an answer's CPU is not on its way. */
const shareMin = 0.01
const requestsSimulated = 300_000

const measure = async (scenario: Scenario, signal: AbortSignal): Promise<Cell> => {
  const target = await startTarget(scenario, { signal, say: console.log })
  try {
    const [load] = scenario.loads
    if (!load) throw new Error('the scenario has no load')
    const cell = await measureCell(target, scenario, load, { signal })
    const shown = cell.tiers.map(
      (tier) => `${tier.name} ${tier.demand.toFixed(2)} us (${cores(tier.cores)} cores)`,
    )
    console.log(
      `${scenario.processes} processes: ${count(cell.goodPerSecond)} a second; ${shown.join(', ')}`,
    )
    for (const { name, value, meaning } of cell.checks.filter(
      ({ verdict }) => verdict === 'fail',
    )) {
      console.log(`  INVALID: ${name}: ${value}. ${meaning}`)
    }
    return cell
  } finally {
    await target.stop()
  }
}

/** The generator first, as a request meets them. */
const tiersOf = ({ tiers }: Cell): SimulatedTier[] => {
  const all = tiers.reduce((sum, { demand }) => sum + demand, 0)
  return tiers
    .filter(({ demand }) => demand >= all * shareMin)
    .map(({ name, coresMax, demand }) => ({ name, threads: coresMax, demandUs: demand }))
}

const withProcesses = (tiers: readonly SimulatedTier[], processes: number): Machine => ({
  cores: coresHere,
  tiers: tiers.map((tier) => (tier.name === 'server' ? { ...tier, threads: processes } : tier)),
})

type Comparison = {
  readonly processes: number
  readonly measured: Cell
  readonly simulated: ReturnType<typeof simulate>
  /** Of the simulation, of what was measured. */
  readonly off: number
}

const main = async (options: Options, signal: AbortSignal): Promise<number> => {
  const comparisons: Comparison[] = []
  for (const processes of options.processes) {
    const measured = await measure({ ...options.scenario, processes }, signal)
    const tiers = tiersOf(comparisons[0]?.measured ?? measured)
    const { connections, pipelining } = measured.load
    const simulated = simulate(
      withProcesses(tiers, processes),
      { kind: 'closed', connections, pipelining },
      requestsSimulated,
      1,
    )
    const off = simulated.perSecond / measured.goodPerSecond - 1
    comparisons.push({ processes, measured, simulated, off })
  }
  const [first] = comparisons
  if (!first) throw new Error('nothing was measured')
  console.log(`\n${comparisonTable(comparisons)}`)
  const served = tiersOf(first.measured).filter(({ name }) => name !== 'generator')
  const { counts } = first.measured
  const answerBytes = counts.bytes / counts.completed
  const sizes = options.rates.map((rate) => sizeFor(rate, served, answerBytes, options.purchase))
  console.log(`\n${sizeTable(sizes, options.purchase)}`)
  const ceilings = ceilingsOf(served, answerBytes, options.purchase)
  console.log('\nwhat is full first')
  console.log(layOut(ceilings.map(({ what, perSecond }) => [what, `${count(perSecond)}/s`])))
  await writeJson(options.json, { comparisons, answerBytes, sizes, ceilings })
  const isClose = comparisons.every(({ off }) => Math.abs(off) <= errorMax)
  return isClose ? exitCodes.judged : exitCodes.untrusted
}

const comparisonTable = (comparisons: readonly Comparison[]): string =>
  layOut([
    ['processes', 'measured/s', 'simulated/s', 'off', 'p99 measured', 'p99 simulated'],
    ...comparisons.map(({ processes, measured, simulated, off }) => [
      String(processes),
      count(measured.goodPerSecond),
      count(simulated.perSecond),
      percent(off),
      time(measured.latency?.p99 ?? null),
      time(simulated.p99Us),
    ]),
  ])

const sizeTable = (sizes: readonly ReturnType<typeof sizeFor>[], purchase: Purchase): string =>
  layOut([
    [
      `at ${percent(purchase.utilization)} of the cores`,
      ...(sizes[0]?.tiers.map(({ name }) => `${name}: cores, machines`) ?? []),
      'answers Gbit/s',
      'USD a month',
      'p50',
      'p99',
    ],
    ...sizes.map((size) => [
      `${count(size.perSecond)}/s`,
      ...size.tiers.map((tier) => `${count(tier.cores)}, ${count(tier.machines)}`),
      significant(size.answersGbit),
      count(size.usdPerMonth),
      time(size.p50Us),
      time(size.p99Us),
    ]),
  ])

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
