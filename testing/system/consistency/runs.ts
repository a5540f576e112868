// Which runs the fault test makes, and of what, by the environment.

import type { Stack } from './services.ts'
import type { Engine } from './system.ts'

const shortSec = 20
const environment = process.env
const given = environment['CONSISTENCY_SECONDS']

/** How long each run is hurt. */
export const seconds = Number(given ?? shortSec)

/** In a short run, fewer: 150 keep both cores busy. With 50, faults still met 1,259 writes that were under way. */
export const writers = given === undefined ? 50 : 150

const stacks: readonly Stack[] = ['real', 'kafka-cluster', 'replicated', 'ha', 'embedded', 'shards']
/** A short run is made without those that take long to start. */
const shortStacks: readonly Stack[] = ['real', 'embedded']
/** A short run is made on the engine that everybody has. */
const engines: readonly Engine[] = given === undefined ? ['node'] : ['node', 'uws']

/** All, or those that CONSISTENCY_STACK and HTTP_ENGINE name. */
export const chosenRuns = (): { readonly stack: Stack; readonly engine: Engine }[] =>
  stacks
    .filter((stack) => isChosenStack(stack, environment['CONSISTENCY_STACK']))
    .flatMap((stack) =>
      enginesOf().map((engine) => {
        return { stack, engine }
      }),
    )

const enginesOf = (): readonly Engine[] => {
  const named = environment['HTTP_ENGINE']
  return named === 'node' || named === 'uws' ? [named] : engines
}

/** All, or those whose names have what CONSISTENCY_FAULTS says: to try one alone. */
export const isChosenFault = (name: string): boolean =>
  new RegExp(environment['CONSISTENCY_FAULTS'] ?? '').test(name)

const isChosenStack = (stack: Stack, wanted: string | undefined): boolean =>
  wanted === undefined ? given !== undefined || shortStacks.includes(stack) : wanted === stack
