// npm run bench:predict: measures a scenario with all its server processes, and predicts from the
// service demands what half of them will carry. Then it measures that too, and prints how far off it
// was. A law that predicts nothing explains nothing.

import { parseArgs } from 'node:util'
import { predict } from './analysis/limits.ts'
import { percent } from './analysis/laws.ts'
import { measureCell } from './cell.ts'
import type { Cell } from './result.ts'
import { runProgram } from './command.ts'
import { parseScenario, readScenario, type Scenario } from './scenario.ts'
import { coresHere, startTarget } from './target.ts'

const usage = `usage: npm run bench:predict -- [--scenario NAME] [--processes N] [--seconds N]
  --processes N   of the server in the first run (as many as cores); half of them in the second
Exit codes: 0 within 15%, 1 failed, 2 usage, 3 further off.`

const errorMax = 0.15
const measure = async (scenario: Scenario, signal: AbortSignal): Promise<Cell> => {
  const target = await startTarget(scenario, { signal, say: console.log })
  try {
    const [load] = scenario.loads
    if (!load) throw new Error('the scenario has no load')
    const cell = await measureCell(target, scenario, load, { signal })
    const shown = cell.tiers.map(
      ({ name, demand, cores }) => `${name} ${demand.toFixed(2)} us (${cores.toFixed(2)} cores)`,
    )
    console.log(
      `${scenario.processes} processes: ${Math.round(cell.goodPerSecond).toLocaleString('en-US')} a second; ${shown.join(', ')}`,
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

const main = async ({ scenario, processes }: Options, signal: AbortSignal): Promise<number> => {
  const half = Math.floor(processes / 2)
  const full = await measure({ ...scenario, processes }, signal)
  const { perSecond, by } = predict(full.tiers, coresHere, half)
  console.log(
    `predicted for ${half}: ${Math.round(perSecond).toLocaleString('en-US')} a second, limited by ${by}`,
  )
  const measured = (await measure({ ...scenario, processes: half }, signal)).goodPerSecond
  const off = perSecond / measured - 1
  console.log(`the prediction was ${percent(off)} off`)
  return Math.abs(off) <= errorMax ? 0 : 3
}

type Options = { readonly scenario: Scenario; readonly processes: number }

const text = { type: 'string' } as const
const parse = (args: readonly string[]): Options => {
  const options = { scenario: text, processes: text, seconds: text }
  const { values } = parseArgs({ args: [...args], options })
  const processes = Number(values.processes ?? coresHere)
  if (!(processes >= 2)) throw new Error('--processes: at least 2, to have a half')
  const seconds = values.seconds === undefined ? {} : { seconds: Number(values.seconds) }
  const { name, ...fields } = readScenario(values.scenario ?? 'keepalive')
  const scenario = parseScenario(name, {
    ...fields,
    loads: fields.loads.map((load) => ({ ...load, ...seconds })),
    // More than one thread of load would take the cores that are to be predicted.
    generatorThreads: fields.generatorThreads ?? 1,
  })
  return { scenario, processes }
}

await runProgram({ usage, parse, main })
