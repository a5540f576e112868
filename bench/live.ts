// npm run bench:live: what a WebSocket costs in memory, a delivery in CPU, and how long an event takes to
// the last of its watchers. Everything on one machine, clients included; a peer in turns.

import { rm } from 'node:fs/promises'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'
import { exitCodes, runProgram, writeJson } from './command.ts'
import { buildCentrifugo, startCentrifugo } from './live/centrifugo.ts'
import { parseOptions, usage, type Options } from './live/options.ts'
import { startOurs } from './live/ours.ts'
import { report, type LeftOut } from './live/report.ts'
import type { Result } from './live/result.ts'
import { measureRound } from './live/round.ts'
import type { LiveSystem } from './live/system.ts'

/** An event that a busy machine delivers later than this would be no live update. */
const arriveTimeoutMs = 10_000

const main = async (options: Options, signal: AbortSignal): Promise<number> => {
  const directory = await makeTemporaryDirectory()
  const leftOut: LeftOut[] = []
  const results: Result[] = []
  try {
    const starts: (() => Promise<LiveSystem>)[] = [() => startOurs(options, signal)]
    if (options.peer !== undefined) {
      try {
        const program = await buildCentrifugo(directory, signal)
        starts.push(() => startCentrifugo(program, directory))
      } catch (error) {
        signal.throwIfAborted()
        leftOut.push({ name: options.peer, why: (error as Error).message })
      }
    }
    for (let round = 1; round <= options.rounds; round++) {
      for (const start of starts) {
        const system = await start()
        console.log(`round ${round} of ${options.rounds}: ${system.name}`)
        try {
          results.push(await measureRound(system, { ...options, arriveTimeoutMs, signal }))
        } finally {
          await system.stop()
        }
      }
    }
    console.log(`\n${report(results, leftOut)}`)
    await writeJson(options.jsonFile, { rounds: results, leftOut })
    const isSound = results.every(({ faults }) => faults.length === 0)
    return isSound ? exitCodes.judged : exitCodes.failed
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

await runProgram({ usage, parse: parseOptions, main })
