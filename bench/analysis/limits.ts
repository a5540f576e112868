// What limited a run, from the CPU that each tier took. Service demand D is CPU per good answer (the
// utilization law, U = X D). It gives the ceiling X <= cores / D, and the cores that more would take.
// Pure.

import type { Limit, TierUse } from '../result.ts'

const fullShare = 0.9
/** Share of the machine's cores, used by all processes. */
const machineFullShare = 0.93
export const generatorFullShare = 0.95
const milestones = [500_000, 1_000_000]

export type LimitInput = {
  readonly tiers: readonly TierUse[]
  readonly cores: number
  readonly goodPerSecond: number
  /** Cores that were busy with anything but the tiers; null where that is not known. */
  readonly otherCores: number | null
  readonly isGeneratorFull: boolean
  /** It sent at a fixed rate, no more. */
  readonly isOpenLoop: boolean
}

/** Null where no tier's CPU is known, or nothing was answered. */
export const limitOf = (input: LimitInput): Limit | null => {
  const { tiers, cores, goodPerSecond } = input
  const served = tiers.filter(({ name }) => name !== 'generator')
  if (served.length === 0 || goodPerSecond === 0) return null
  const ceiling = ceilingOf(tiers, cores)
  const by = fullest(input)
  return {
    by,
    explanation: explain(by, input, ceiling),
    ceilingPerSecond: Math.round(ceiling.perSecond),
    coresFor: milestones.map((perSecond) => ({
      perSecond,
      cores: Object.fromEntries(
        tiers.map(({ name, demand }) => [name, (perSecond * demand) / 1e6]),
      ),
    })),
  }
}

export type Ceiling = { readonly perSecond: number; readonly by: string }

/** X <= coresMax / D of each tier, and of all of them together on the machine's cores. */
export const ceilingOf = (tiers: readonly TierUse[], cores: number): Ceiling => {
  const whole = { name: 'the machine', coresMax: cores, demand: sum(tiers.map((t) => t.demand)) }
  return [...tiers, whole]
    .filter(({ demand }) => demand > 0)
    .map(({ name, coresMax, demand }) => ({ by: name, perSecond: (coresMax * 1e6) / demand }))
    .reduce((least, one) => (one.perSecond < least.perSecond ? one : least), {
      by: 'nothing',
      perSecond: Infinity,
    })
}

const fullest = ({ tiers, cores, otherCores, isGeneratorFull }: LimitInput): string => {
  const full = tiers
    .filter(({ name }) => name !== 'generator')
    .filter(({ cores: used, coresMax }) => used / coresMax >= fullShare)
    .toSorted((a, b) => b.cores / b.coresMax - a.cores / a.coresMax)
  // A generator that is full hides what is behind it, unless that is full as well.
  if (full[0]) return full[0].name
  if (isGeneratorFull) return 'generator'
  const used = sum(tiers.map((tier) => tier.cores)) + (otherCores ?? 0)
  return used / cores >= machineFullShare ? 'the machine' : 'neither'
}

const explain = (by: string, input: LimitInput, ceiling: Ceiling): string => {
  const { tiers, cores, isOpenLoop } = input
  const served = tiers.filter(({ name }) => name !== 'generator')
  const all = sum(tiers.map((tier) => tier.demand))
  const own = sum(served.map((tier) => tier.demand))
  const limited = {
    neither: isOpenLoop
      ? 'Nothing was full: an open loop sends at a fixed rate. Requests that come one by one cost a wake-up each, which a busy server saves.'
      : 'Nothing was full: too little was in flight to reach a limit.',
    generator: 'The generator was full: the servers could have done more.',
    'the machine': `All ${cores} cores were busy, shared by the tiers and the generator.`,
  }[by]
  return [
    limited ?? `The ${by} was full: ${percentOf(tiers, by)} of the cores that it may use.`,
    `One answer takes ${us(all)} us of CPU here, ${us(own)} without the generator:`,
    by === 'neither' ? 'at least' : 'at most',
    `${thousands(ceiling.perSecond)} a second on this machine (${ceiling.by} would be full),`,
    `${thousands((cores * 1e6) / own)} on ${cores} cores if the load came from elsewhere.`,
  ].join(' ')
}

const percentOf = (tiers: readonly TierUse[], name: string): string => {
  const tier = tiers.find((one) => one.name === name)
  return tier ? `${Math.round((tier.cores / tier.coresMax) * 100)}%` : 'all'
}

const sum = (values: readonly number[]) => values.reduce((total, one) => total + one, 0)
const us = (value: number) => value.toFixed(value < 10 ? 2 : 1)
const thousands = (value: number) => Math.floor(value).toLocaleString('en-US')
