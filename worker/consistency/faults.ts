// What is done to the system, in an order that a seed decides: every kind once before any comes
// again. Processes and services are hurt at the same time, so that faults overlap.

import { setTimeout as delay } from 'node:timers/promises'
import { eventually, type seeded } from '../../scripts/testing.ts'
import { send, type System } from './system.ts'

/** A whole number from 0 to below `max`. */
type Draw = (max: number) => number
type Fault = (draw: Draw) => Promise<string>

/** A worker that wakes up after its session is over comes back as a zombie. */
const pastSessionMs = 12_000
const freezeMsMax = 3_000
const drawCount = 10_000
/** Most faults wait until writes flow again: what is down already has nothing to lose. */
const restInFour = 3
const flowing = 200
const restMsMax = 15_000

export type Plan = {
  /** Hurts the system until the time is over and all is started again; resolves with what it did. */
  carryOut(seconds: number, acknowledged: () => number): Promise<string[]>
}

/** To be made before clients draw from the same seed: or it would not repeat the faults. */
export const planFaults = (system: System, random: ReturnType<typeof seeded>): Plan => {
  const lanes = [processFaults(system), serviceFaults(system)]
    .filter((faults) => faults.length > 0)
    .map((faults) => ({ faults, draw: drawsOf(random) }))
  return {
    async carryOut(seconds, acknowledged) {
      const endMs = performance.now() + seconds * 1000
      const done: string[] = []
      const run = async ({ faults, draw }: (typeof lanes)[number]) => {
        for (let left: Fault[] = []; performance.now() < endMs;) {
          if (left.length === 0) left = [...faults]
          const [fault] = left.splice(draw(left.length), 1)
          if (fault) done.push(await fault(draw))
          if (draw(4) >= restInFour) continue
          const before = acknowledged()
          const isFlowing = (count: number) => count > before + flowing
          await eventually(acknowledged, isFlowing, restMsMax).catch(() => {}) // so be it
        }
      }
      await Promise.all(lanes.map(run))
      return done
    },
  }
}

const drawsOf = (random: ReturnType<typeof seeded>): Draw => {
  const draws = Array.from({ length: drawCount }, random.next)
  let used = 0
  return (max) => Math.floor((draws[used++ % drawCount] ?? 0) * max)
}

const freeze = async (signal: (name: NodeJS.Signals) => void, ms: number): Promise<string> => {
  signal('SIGSTOP')
  await delay(ms)
  signal('SIGCONT')
  return `frozen for ${ms} ms`
}

const processFaults = (system: System): Fault[] => [
  async (draw) => {
    const n = draw(system.workerCount)
    await system.killWorker(n)
    return `worker ${n} killed`
  },
  async (draw) => {
    const n = draw(system.workerCount)
    const ms = draw(2) === 0 ? pastSessionMs : 200 + draw(freezeMsMax)
    const { process } = system.worker(n)
    return `worker ${n} ${await freeze((name) => process.kill(name), ms)}`
  },
  async (draw) => {
    const forks = system.forks()
    await system.killFork(forks[draw(forks.length)] ?? 0)
    return 'a server process killed'
  },
  async (draw) => {
    const forks = system.forks()
    const pid = forks[draw(forks.length)] ?? 0
    return `a server process ${await freeze((name) => send(pid, name), 200 + draw(freezeMsMax))}`
  },
  async () => {
    await system.killServer()
    return 'the server killed'
  },
]

const serviceFaults = (system: System): Fault[] =>
  system.breakable.flatMap((name): Fault[] => [
    async () => {
      await system.killService(name)
      return `${name} killed`
    },
    async (draw) => {
      const signal = (what: NodeJS.Signals) => system.service(name).kill(what)
      return `${name} ${await freeze(signal, 200 + draw(freezeMsMax))}`
    },
  ])
