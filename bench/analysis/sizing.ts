// What a rate takes: cores, machines, memory, network and money, from service demands as they are at that
// load, and which part reaches its end first. The demands are those of this machine's cores. Pure.

import { simulate, type SimulatedTier } from './simulate.ts'

export type Purchase = {
  /** Share of its cores that a tier uses at the rate: the rest is for bursts and for what dies. */
  readonly utilization: number
  readonly machineCores: number
  /** Of one machine's card, each way. */
  readonly networkGbit: number
  readonly coreHourUsd: number
}

export type SizedTier = SimulatedTier & {
  /** That a thread or a process of it holds. */
  readonly memoryBytes: number
}

export type TierSize = {
  readonly name: string
  readonly cores: number
  readonly machines: number
  /** One thread or process a core. */
  readonly memoryGib: number
}

export type Size = {
  readonly perSecond: number
  readonly tiers: readonly TierSize[]
  /** That the answers take, once through each tier. */
  readonly answersGbit: number
  readonly usdPerMonth: number
  /** Time in all tiers at that use, without the network between them. */
  readonly p50Us: number
  readonly p99Us: number
}

export type Ceiling = { readonly what: string; readonly perSecond: number }

const hoursPerMonth = 730
const usPerSecond = 1e6
const gib = 2 ** 30

const gbitOf = (perSecond: number, answerBytes: number) => (perSecond * answerBytes * 8) / 1e9

/** `tiers`: without the generator, which is other people's machines. */
export const sizeFor = (
  perSecond: number,
  tiers: readonly SizedTier[],
  answerBytes: number,
  purchase: Purchase,
): Size => {
  const answersGbit = gbitOf(perSecond, answerBytes)
  const { demandsUs, p50Us, p99Us } = atUtilization(tiers, purchase.utilization)
  const sizes = tiers.map(({ name, memoryBytes }, i): TierSize => {
    const cores = Math.ceil((perSecond * (demandsUs[i] ?? 0)) / usPerSecond / purchase.utilization)
    // Each tier passes on every byte of the answers; a card is planned as a core is.
    const cards = Math.ceil(answersGbit / (purchase.networkGbit * purchase.utilization))
    const machines = Math.max(Math.ceil(cores / purchase.machineCores), cards)
    return { name, cores, machines, memoryGib: (cores * memoryBytes) / gib }
  })
  const machines = sizes.reduce((sum, one) => sum + one.machines, 0)
  return {
    perSecond,
    tiers: sizes,
    answersGbit,
    usdPerMonth: machines * purchase.machineCores * purchase.coreHourUsd * hoursPerMonth,
    p50Us,
    p99Us,
  }
}

/** Each part alone, the one that ends first at the top. A core that is full takes many requests in a turn. */
export const ceilingsOf = (
  tiers: readonly SimulatedTier[],
  answerBytes: number,
  { machineCores, networkGbit }: Purchase,
): Ceiling[] =>
  [
    ...tiers.flatMap(({ name, demandUs }) => [
      { what: `one core of ${name}`, perSecond: usPerSecond / demandUs },
      {
        what: `one machine of ${name}, ${machineCores} cores`,
        perSecond: (machineCores * usPerSecond) / demandUs,
      },
    ]),
    {
      what: `a network card of ${networkGbit} Gbit/s`,
      perSecond: (networkGbit * 1e9) / 8 / answerBytes,
    },
  ].toSorted((a, b) => a.perSecond - b.perSecond)

/** Threads that are simulated of the tier that has the fewest: more behave alike. */
const threadsMin = 4
const requestsSimulated = 200_000
const connectionsSimulated = 1_000

/** Turns are shared by more requests the fuller a thread is, so the demands are found step by step. */
const steps = 4

/** A thread has no use for the others' cores, so a few of each tell of any number. */
const atUtilization = (tiers: readonly SimulatedTier[], utilization: number) => {
  let demandsUs = tiers.map(({ demandUs, turnUs = 0 }) => demandUs + turnUs)
  let times = { p50Us: NaN, p99Us: NaN }
  for (let step = 0; step < steps; step++) {
    const perSecond = (threadsMin * utilization * usPerSecond) / Math.min(...demandsUs)
    const few = tiers.map((tier, i) => ({
      ...tier,
      threads: Math.ceil((perSecond * (demandsUs[i] ?? 0)) / usPerSecond / utilization),
    }))
    const { turns, p50Us, p99Us } = simulate(
      { cores: few.reduce((sum, { threads }) => sum + threads, 0), tiers: few },
      { kind: 'open', perSecond, connections: connectionsSimulated },
      step < steps - 1 ? requestsSimulated / 10 : requestsSimulated,
      1,
    )
    demandsUs = tiers.map(
      ({ name, demandUs, turnUs = 0 }) => demandUs + turnUs * (turns[name] ?? 0),
    )
    times = { p50Us, p99Us }
  }
  return { demandsUs, ...times }
}
