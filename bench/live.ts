// npm run bench:live: what a WebSocket costs in memory, a delivery in CPU, and how long an event takes to
// the last of its watchers. Everything on one machine, clients included; a peer in turns.

import { rm } from 'node:fs/promises'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'
import { exitCodes, runProgram, writeJson } from './command.ts'
import { groupBy } from './engines/summary.ts'
import { buildCentrifugo, startCentrifugo } from './live/centrifugo.ts'
import { parseOptions, usage, type Options } from './live/options.ts'
import { startOurs } from './live/ours.ts'
import { report, type LeftOut } from './live/report.ts'
import { mediansOf } from './live/result.ts'
import { measureRound } from './live/round.ts'
import { runRounds, type Contestant } from './live/rounds.ts'

/** An event that a busy machine delivers later than this would be no live update. */
const arriveTimeoutMs = 10_000

const main = async (options: Options, signal: AbortSignal): Promise<number> => {
  const directory = await makeTemporaryDirectory()
  const leftOut: LeftOut[] = []
  try {
    const ours = () => startOurs(options, directory, signal)
    const contestants: Contestant[] = [{ name: 'ours', isPeer: false, start: ours }]
    if (options.peer !== undefined) {
      try {
        const program = await buildCentrifugo(directory, signal)
        const start = () => startCentrifugo(program, directory)
        contestants.push({ name: options.peer, isPeer: true, start })
      } catch (error) {
        signal.throwIfAborted()
        leftOut.push({ name: options.peer, why: (error as Error).message })
      }
    }
    const rounds = await runRounds(contestants, leftOut, {
      rounds: options.rounds,
      measure: (system) => measureRound(system, { ...options, arriveTimeoutMs, signal }),
      signal,
      say: console.log,
    })
    const systems = [...groupBy(rounds, ({ system }) => system).values()]
    console.log(`\n${report(systems, leftOut)}`)
    const medians = systems.map((of) => mediansOf(of))
    await writeJson(options.jsonFile, { medians, rounds, leftOut })
    const isSound = rounds.every(({ faults }) => faults.length === 0)
    return isSound ? exitCodes.judged : exitCodes.failed
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

await runProgram({ usage, parse: parseOptions, main })
