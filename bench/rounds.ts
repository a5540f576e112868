// Rounds in which several things are measured in turn, each in fresh processes. So what is compared was
// measured within minutes of each other, and none always comes first.

import { randomFrom } from '../scripts/random.ts'
import { ServiceMissing } from '../scripts/stack/service.ts'
import { figuresOf, metrics, type Figures, type Metric } from './analysis/figures.ts'
import type { Cell } from './result.ts'
import { readScenario, type Scenario, type ScenarioLoad } from './scenario.ts'

export type Contestant = {
  readonly name: string
  /** Starts it, measures it once, stops it. */
  readonly measure: () => Promise<Cell>
}

export type Sample = Figures & { readonly name: string; readonly round: number }

export type Rounds = {
  readonly samples: readonly Sample[]
  /** What could not be run. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[]
}

export type OneLoad = Scenario & { readonly loads: readonly [ScenarioLoad] }

/** A comparison needs one load; `seconds` are those of each measurement. */
export const readOneLoad = (name: string, seconds: number): OneLoad => {
  const scenario = readScenario(name)
  const [load, ...more] = scenario.loads
  if (load === undefined || more.length > 0) {
    throw new Error(
      `--scenario ${name} has ${scenario.loads.length} loads and one is needed: take another, or the path of a copy of its file that has one`,
    )
  }
  return { ...scenario, loads: [{ ...load, seconds }] }
}

/** Each round in an order of its own. */
export const shuffledRounds = <T>(items: readonly T[], rounds: number, seed: number): T[][] => {
  const random = randomFrom(seed)
  return Array.from({ length: rounds }, () =>
    items
      .map((item) => ({ item, key: random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item),
  )
}

/** A B, B A, A B, …: whatever drifts evenly weighs on both alike. */
export const abbaRounds = <T>(a: T, b: T, rounds: number): T[][] =>
  Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? [a, b] : [b, a]))

/**
 * One that can't be run is left out from then on; with fewer than two there is nothing to compare, and
 * it stops. Rejects when it is interrupted, or when a service is not on this machine.
 */
export const runRounds = async (
  plan: readonly (readonly Contestant[])[],
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<Rounds> => {
  const samples: Sample[] = []
  const leftOut: { name: string; why: string }[] = []
  const isLeftOut = (one: Contestant) => leftOut.some(({ name }) => name === one.name)
  for (const [index, contestants] of plan.entries()) {
    for (const contestant of contestants) {
      signal.throwIfAborted()
      if (isLeftOut(contestant)) continue
      if (contestants.filter((one) => !isLeftOut(one)).length < 2) return { samples, leftOut }
      const { name } = contestant
      const round = index + 1
      const title = `round ${round} of ${plan.length}: ${name}: `
      try {
        const sample = { name, round, ...figuresOf(await contestant.measure()) }
        samples.push(sample)
        say(title + inOneLine(sample))
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof ServiceMissing) throw error
        leftOut.push({ name, why: (error as Error).message })
        say(`${title}left out: ${(error as Error).message}`)
      }
    }
  }
  return { samples, leftOut }
}

const inOneLine = (figures: Figures): string => {
  if (figures.fault !== null) return `INVALID: ${figures.fault}`
  const known = (Object.keys(metrics) as Metric[]).flatMap((metric) => {
    const value = figures[metric]
    return value === null ? [] : [`${metrics[metric].show(value)} ${metrics[metric].name}`]
  })
  return [...known, ...(figures.isGeneratorFull ? ['the generator was full'] : [])].join(', ')
}
