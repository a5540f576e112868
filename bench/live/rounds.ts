// Every system in turn, as many rounds as are asked for. What fails is left out with its reason, unless it
// is ours.

import type { LeftOut } from './report.ts'
import type { Result } from './result.ts'
import type { LiveSystem } from './system.ts'

export type Contestant = {
  readonly name: string
  /** A peer may fail; ours may not. */
  readonly isPeer: boolean
  start(): Promise<LiveSystem>
}

type Plan = {
  readonly rounds: number
  readonly measure: (system: LiveSystem) => Promise<Result>
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

/** Adds to `leftOut`. Each measurement is of fresh processes. */
export const runRounds = async (
  contestants: readonly Contestant[],
  leftOut: LeftOut[],
  { rounds, measure, signal, say }: Plan,
): Promise<Result[]> => {
  const results: (readonly [name: string, result: Result])[] = []
  const isLeftOut = (name: string) => leftOut.some((one) => one.name === name)
  for (let round = 1; round <= rounds; round++) {
    for (const { name, isPeer, start } of contestants) {
      if (isLeftOut(name)) continue
      say(`round ${round} of ${rounds}: ${name}`)
      try {
        const system = await start()
        try {
          results.push([name, await measure(system)])
        } finally {
          await system.stop()
        }
      } catch (error) {
        signal.throwIfAborted()
        if (!isPeer) throw error
        leftOut.push({ name, why: (error as Error).message })
      }
    }
  }
  // What ran in one round and not in another is not to be trusted.
  return results.filter(([name]) => !isLeftOut(name)).map(([, result]) => result)
}
