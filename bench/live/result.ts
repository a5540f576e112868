// What a round of bench:live leaves behind, and several rounds as one. Pure; the shape of the JSON file.

import { medianOfEach } from '../engines/summary.ts'
import type { Noise } from '../result.ts'

export type Figures = {
  readonly system: string
  readonly clients: number
  readonly subscribers: number
  readonly perSecond: number
  readonly seconds: number
  readonly memoryKibPerSocket: number
  /** How it is known. */
  readonly memoryIs: string
  readonly deliveries: number
  readonly deliveriesPerSecond: number
  /** The server's, requests that publish included. */
  readonly cpuUsPerDelivery: number
  readonly generatorUsPerDelivery: number
  /** Of one core. */
  readonly generatorShare: number
  /** To the last client's receipt. */
  readonly p99FromAcknowledgedMs: number
  readonly p99FromSentMs: number
  readonly publishSeconds: number
  readonly lost: number
  readonly doubled: number
  readonly refused: number
  readonly closed: number
  readonly noise: Noise
}

export type Result = Figures & {
  /** What makes the figures worthless. */
  readonly faults: readonly string[]
}

/** Numbers are the medians of the rounds, faults are those of all. */
export const mediansOf = (rounds: readonly Result[]): Result => ({
  ...medianOfEach(rounds),
  faults: [...new Set(rounds.flatMap(({ faults }) => faults))],
})
