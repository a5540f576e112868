// npm run bench:writes: acknowledged writes a second, how fast they are applied, when they are seen,
// and what each tier pays for one. Everything on one machine, generator included; a peer in turns.

import { rm } from 'node:fs/promises'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'
import { exitCodes, runProgram, writeJson } from './command.ts'
import { chooseGenerator } from './engines/generator.ts'
import { parseOptions, usage, type Options } from './writes/options.ts'
import { settingsOfOurs, startOurs } from './writes/ours.ts'
import { buildReference, findGo, startReference } from './writes/reference.ts'
import { report, type Rounds } from './writes/report.ts'
import { mediansOf, type Result } from './writes/result.ts'
import { measureRound, type RoundPlan } from './writes/round.ts'
import type { LeftOut, System, SystemName } from './writes/system.ts'

type Contestant = { readonly name: SystemName; start(): Promise<System> }

const say = (line: string) => console.log(line)

const main = async (options: Options, signal: AbortSignal): Promise<number> => {
  const settings = settingsOfOurs()
  const generator = chooseGenerator(1)
  const asText = Object.entries(settings).map((pair) => pair.join('='))
  say(`${asText.join(' ')}\n${generator.description}`)
  const directory = await makeTemporaryDirectory()
  try {
    const leftOut: LeftOut[] = []
    const contestants: Contestant[] = [{ name: 'ours', start: () => startOurs(settings, signal) }]
    if (options.peer !== undefined) {
      const partitions = Number(settings['KAFKA_PARTITIONS'])
      try {
        const program = await buildReference(findGo(), { directory, signal })
        const start = () => startReference(program, { partitions, signal })
        contestants.push({ name: options.peer, start })
      } catch (error) {
        signal.throwIfAborted()
        leftOut.push({ name: options.peer, why: (error as Error).message })
      }
    }
    const results = await runRounds(contestants, leftOut, {
      options,
      settings,
      generator,
      signal,
      say,
    })
    const systems = contestants
      .map(({ name }) => results.filter(({ system }) => system === name))
      .filter((rounds): rounds is [Result, ...Result[]] => rounds.length > 0)
    say(`\n${report(systems, leftOut)}`)
    await writeJson(options.jsonFile, resultOf(systems, leftOut))
    const isSound = systems.every((rounds) => rounds.every(({ faults }) => faults.length === 0))
    return isSound ? exitCodes.judged : exitCodes.failed
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Each round takes them in turn, on fresh services and in fresh processes. */
const runRounds = async (
  contestants: readonly Contestant[],
  leftOut: LeftOut[],
  plan: RoundPlan,
): Promise<Result[]> => {
  const results: Result[] = []
  for (let round = 1; round <= plan.options.rounds; round++) {
    for (const { name, start } of contestants) {
      plan.signal.throwIfAborted()
      if (leftOut.some((one) => one.name === name)) continue
      if (plan.options.rounds > 1) say(`round ${round} of ${plan.options.rounds}: ${name}`)
      try {
        results.push(await measureRound(await start(), plan))
      } catch (error) {
        plan.signal.throwIfAborted()
        // A peer may fail; ours may not.
        if (name === 'ours') throw error
        leftOut.push({ name, why: (error as Error).message })
      }
    }
  }
  // What ran in one round and not in another is not to be trusted.
  return results.filter(({ system }) => !leftOut.some(({ name }) => name === system))
}

/** Ours at the top, under the names that it has always had. */
const resultOf = (systems: readonly Rounds[], leftOut: readonly LeftOut[]) => {
  const [ours] = systems
  return {
    ...(ours && mediansOf(ours)),
    peers: systems.slice(1).map((rounds) => mediansOf(rounds)),
    rounds: systems.flat(),
    leftOut,
  }
}

await runProgram({ usage, parse: parseOptions, main })
