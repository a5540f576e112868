// What is done to the system, in an order that a seed decides: every kind once before any comes
// again. Processes are hurt while services are, so that faults overlap; after a round of that all is
// well, and must work again without a restart.

import { setTimeout as delay } from 'node:timers/promises'
import type { seeded } from '../../seeded.ts'
import { carryOut, type Draw, type Fault } from './fault.ts'
import { leaderFaults } from './leader-faults.ts'
import { moveFaults } from './move-faults.ts'
import { processFaults } from './process-faults.ts'
import { serviceFaults } from './service-faults.ts'
import type { System } from './system.ts'
import { works } from './works.ts'

const drawCount = 10_000
/** Between two faults of a lane: they overlap with those of the other one otherwise each time. */
const pauseMsMax = 1_000
const serviceFaultsARoundMax = 2
/** More, and workers that join and are killed again are all that a round sees. */
const processFaultsARoundMax = 3
/** The other rounds follow each other at once: what is late already is hurt again. */
const restInFour = 3

export type Done = {
  readonly faultCount: number
  /** What did not work within its time, while a fault lasted or after it was mended. */
  readonly violations: readonly string[]
}

export type Plan = {
  /** Hurts the system until the time is over and all is mended; ends early at a violation. */
  carryOut(seconds: number, acknowledged: () => number): Promise<Done>
}

/** To be made before clients draw from the same seed: or it would not repeat the faults. */
export const planFaults = (
  system: System,
  random: ReturnType<typeof seeded>,
  isChosen: (name: string) => boolean,
  report: (what: string) => void,
): Plan => {
  const laneOf = (faults: readonly Fault[]) => {
    const chosen = faults.filter(({ name }) => isChosen(name))
    return { next: inTurn(chosen, drawsOf(random)), draw: drawsOf(random), chosen }
  }
  const { haStores } = system
  const ofServices = [
    ...(haStores ? leaderFaults(system, haStores) : serviceFaults(system)),
    ...(system.stack === 'shards' ? moveFaults(system) : []),
  ]
  const [services, processes] = [laneOf(ofServices), laneOf(processFaults(system))]
  const rounds = drawsOf(random)
  return {
    async carryOut(seconds, acknowledged) {
      const endMs = performance.now() + seconds * 1_000
      let faultCount = 0
      let last = ''
      const violations: string[] = []
      const judged = async (what: string, work: () => Promise<string>) => {
        try {
          report(await work())
        } catch (error) {
          violations.push(`${what}: ${(error as Error).message}`)
        }
      }
      const worksMeanwhile = () => works(system, acknowledged, 'works')
      const worksAgain = async () => `then ${await works(system, acknowledged, 'works-and-ready')}`
      const one = async (lane: typeof services) => {
        await delay(lane.draw(pauseMsMax))
        const fault = lane.next()
        if (!fault) return
        faultCount++
        last = fault.name
        await judged(fault.name, () => carryOut(fault, lane.draw, worksMeanwhile))
      }
      while (performance.now() < endMs && violations.length === 0) {
        let areServicesHurt = services.chosen.length > 0
        const hurtServices = async () => {
          for (let left = 1 + rounds(serviceFaultsARoundMax); left > 0; left--) await one(services)
          areServicesHurt = false
        }
        const hurtProcesses = async () => {
          for (let n = 0; n < processFaultsARoundMax && (n === 0 || areServicesHurt); n++) {
            await one(processes)
          }
        }
        await Promise.all([hurtServices(), hurtProcesses()])
        if (rounds(4) < restInFour) await judged(`after ${last}`, worksAgain)
      }
      if (violations.length === 0) await judged('at the end', worksAgain)
      return { faultCount, violations }
    },
  }
}

const drawsOf = (random: ReturnType<typeof seeded>): Draw => {
  const draws = Array.from({ length: drawCount }, random.next)
  let used = 0
  return (max) => Math.floor((draws[used++ % drawCount] ?? 0) * max)
}

const inTurn = (faults: readonly Fault[], draw: Draw): (() => Fault | undefined) => {
  let left: Fault[] = []
  return () => {
    if (left.length === 0) left = [...faults]
    return left.splice(draw(left.length), 1)[0]
  }
}
