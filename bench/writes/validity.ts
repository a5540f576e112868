// What makes the figures of a round worthless, each a check in one table. Pure.

import type { ClosedLoop } from './closed-loop.ts'
import type { OpenLoop } from './open-loop.ts'
import type { Tier } from '../target.ts'

/** What a round has counted. */
export type Counted = {
  readonly connections: number
  readonly closed: ClosedLoop
  readonly open: OpenLoop | null
  /** Todos in the database when all was over; null for a peer, whose losses are a figure of their own. */
  readonly rowsAtEnd: number | null
  readonly deadLetters: number
  readonly restarted: readonly Tier[]
}

const generatorFullShare = 0.95
/** The generator's clock against ours, and its count against the server's. */
const tolerance = 0.05
/** Its process starts and ends within our window. */
const startAndEndSeconds = 1
/** Fewer have no 99th percentile. */
const samplesMin = 100
/** So much of what was due may be unsent when the window closes. */
const unsentShareMax = 0.01

type Check = (counted: Counted) => string | false

const checks: readonly Check[] = [
  ({ closed }) => closed.failed > 0 && `${closed.failed} writes were not answered 202`,
  ({ open }) =>
    open !== null &&
    open.refusedInAll > 0 &&
    `${open.refusedInAll} writes of the open loop were not answered 202`,
  ({ open }) =>
    open !== null &&
    open.unansweredInAll > 0 &&
    `${open.unansweredInAll} writes of the open loop were not answered`,
  ({ closed }) => isFull(closed.generatorShare) && full('', closed.generatorShare),
  ({ open }) =>
    open !== null && isFull(open.generatorLoop) && full(' of the open loop', open.generatorLoop),
  ({ closed }) => {
    const off = Math.abs(closed.generatorSeconds - closed.windowSeconds) - startAndEndSeconds
    return (
      off > closed.windowSeconds * tolerance &&
      `the generator counts ${closed.generatorSeconds.toFixed(1)} s in a window of ${closed.windowSeconds.toFixed(1)} s: its average times the window is not its total`
    )
  },
  ({ closed, connections }) => {
    const { handledInAll } = closed
    const counted = closed.acknowledged + closed.warmUpAcknowledged + closed.failed
    // Each of the two runs may have cut every connection before its answer was read.
    const off = Math.abs((handledInAll ?? counted) - counted) - 2 * connections
    return (
      off > counted * tolerance &&
      `the generator counts ${counted} answers, the server ${handledInAll ?? 0}`
    )
  },
  ({ closed }) =>
    closed.acknowledged < samplesMin &&
    `too few samples: ${closed.acknowledged} writes of the closed loop`,
  ({ open }) =>
    open !== null &&
    open.visibility.samples < samplesMin &&
    `too few samples: ${open.visibility.samples} writes were watched`,
  ({ open }) =>
    open !== null &&
    open.unsentAtEnd > open.perSecond * open.seconds * unsentShareMax &&
    `${open.unsentAtEnd} writes were due and not sent: ${open.connections} connections are too few for ${open.perSecond} a second`,
  ({ open }) =>
    open !== null &&
    open.visibility.unseen > 0 &&
    `${open.visibility.unseen} todos were never in a list`,
  ({ closed, open, connections, rowsAtEnd }) => {
    if (rowsAtEnd === null) return false
    const acknowledged =
      closed.acknowledged + closed.warmUpAcknowledged + (open?.acknowledgedInAll ?? 0)
    // What was in flight when a generator stopped may have been applied, and was not counted.
    const inFlight = 2 * connections + (open?.unansweredInAll ?? 0)
    return (
      (rowsAtEnd < acknowledged || rowsAtEnd > acknowledged + inFlight) &&
      `${rowsAtEnd} todos for ${acknowledged} acknowledged`
    )
  },
  ({ deadLetters }) => deadLetters > 0 && `${deadLetters} dead letters`,
  ({ restarted }) =>
    restarted.length > 0 && `processes ended or began meanwhile: ${restarted.join(', ')}`,
]

export const faultsOf = (counted: Counted): string[] =>
  checks.map((check) => check(counted)).filter((fault) => fault !== false)

const isFull = (share: number): boolean => !(share < generatorFullShare)

const full = (which: string, share: number): string =>
  `the generator${which} was the bottleneck: ${Math.round(share * 100)}% busy`
