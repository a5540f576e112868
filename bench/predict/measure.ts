// One measurement for the prediction: the cell, and what the machine did beside the tiers meanwhile. Interrupts
// are a tier of nobody's, and what else is busy takes cores away.

import { accountsOf } from '../analysis/cpu-accounts.ts'
import type { SimulatedTier } from '../analysis/simulate.ts'
import { measureCell } from '../cell.ts'
import { treePids } from '../engines/cpu.ts'
import { residentKib } from '../engines/memory.ts'
import { interrupts, machineCpu } from '../noise.ts'
import type { Cell } from '../result.ts'
import type { Scenario } from '../scenario.ts'
import { startTarget } from '../target.ts'

/** A tier that takes less of an answer's CPU is not on its way. */
const shareMin = 0.01

export type Measured = {
  readonly cell: Cell
  /** Cores that were busy with interrupts, by core. */
  readonly interruptCores: readonly number[]
  /** The part of them that the kernel has put on the tiers' account already, 0 to 1. */
  readonly interruptsInTiers: number
  /** Cores that were busy with anything that is in no tier of a request's way: our sampler, the stores. */
  readonly otherCores: number
  readonly memoryBytes: ReadonlyMap<string, number>
}

export const measure = async (scenario: Scenario, signal: AbortSignal): Promise<Measured> => {
  const target = await startTarget(scenario, { signal, say: console.log })
  try {
    const [load] = scenario.loads
    if (!load) throw new Error('the scenario has no load')
    const looks: Look[] = []
    const cell = await measureCell(target, scenario, load, {
      signal,
      onSecond: () => looks.push(lookAtMachine()),
    })
    const [from, to] = [looks[0], looks.at(-1)]
    const pidsOf = new Map([...target.tiers].map(([name, { pids }]) => [name as string, pids]))
    return {
      cell,
      ...surroundings(cell, from, to),
      memoryBytes: new Map(
        cell.tiers.map(({ name, coresMax }) => [
          name,
          (1_024 * residentKib((pidsOf.get(name) ?? []).flatMap(treePids))) / Math.max(1, coresMax),
        ]),
      ),
    }
  } finally {
    await target.stop()
  }
}

type Look = {
  readonly atMs: number
  readonly interrupts: readonly number[]
  readonly machine: ReturnType<typeof machineCpu>
  readonly ownSeconds: number
}

const lookAtMachine = (): Look => {
  const { user, system } = process.cpuUsage()
  return {
    atMs: performance.now(),
    interrupts: interrupts(),
    machine: machineCpu(),
    ownSeconds: (user + system) / 1e6,
  }
}

/** What the machine did beside the tiers, between the first second of the window and the last. */
const surroundings = (cell: Cell, from: Look | undefined, to: Look | undefined) => {
  const seconds = ((to?.atMs ?? 0) - (from?.atMs ?? 0)) / 1_000
  if (!from?.machine || !to?.machine || seconds === 0)
    return { interruptCores: [], interruptsInTiers: 1, otherCores: 0 }
  const interruptCores = to.interrupts.map((one, i) => (one - (from.interrupts[i] ?? 0)) / seconds)
  const all = sum(cell.tiers.map((tier) => tier.cores))
  const accounts = accountsOf({
    busy: (to.machine.busy - from.machine.busy) / seconds,
    interrupts: sum(interruptCores),
    tiers: all,
    own: (to.ownSeconds - from.ownSeconds) / seconds,
    aside: all - sum(onTheWay(cell).map((tier) => tier.cores)),
  })
  return { interruptCores, ...accounts }
}

const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0)

export const onTheWay = ({ tiers }: Cell) => {
  const all = sum(tiers.map(({ demand }) => demand))
  return tiers.filter(({ demand }) => demand >= all * shareMin)
}

/** Of an answer, beside what is in the tiers already. A send does its interrupts, so each tier has its share. */
export const interruptsOf = ({ cell, interruptCores, interruptsInTiers }: Measured) => {
  const wholeUs = (sum(interruptCores) * 1e6) / cell.goodPerSecond
  return { wholeUs, besideUs: wholeUs * (1 - interruptsInTiers) }
}

export const demandsOf = (measured: Measured): Readonly<Record<string, number>> => {
  const tiers = onTheWay(measured.cell)
  const extraUs = interruptsOf(measured).besideUs / tiers.length
  return Object.fromEntries(tiers.map(({ name, demand }) => [name, demand + extraUs]))
}

/** The generator first, as a request meets them. */
export const tiersOf = ({ cell }: Measured): SimulatedTier[] =>
  onTheWay(cell).map(({ name, coresMax, demand }) => ({
    name,
    threads: coresMax,
    demandUs: demand,
  }))

export const closedLoad = ({ cell }: Measured) => {
  const { connections, pipelining } = cell.load
  return { kind: 'closed', connections, pipelining } as const
}
