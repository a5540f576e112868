// How many requests may be in flight in one process. Past a bound they are refused at once: whoever
// waits behind thousands is not answered in time, and thousands that wait end a process.

import { decidedBy, type App } from './engines/engine.ts'
import { Problem } from './problem.ts'
import { readTimedOut, tooManyInFlight, tooManyReads } from './problems.ts'
import { whenOver } from './streams.ts'

const busy = new Problem(tooManyInFlight)

/** Requests of one process that are not answered yet. */
export type InFlight = { count: number }

/** `handle`, which refuses what would be one too many in flight, unless it is one of `probes`. */
export const boundInFlight = (
  handle: App['handle'],
  inFlightMax: number,
  probes: readonly string[],
  inFlight: InFlight = { count: 0 },
): App['handle'] => {
  return (request) => {
    const isProbe = probes.includes(request.path)
    const isRefused = inFlight.count >= inFlightMax && !request.decided && !isProbe
    // Through the router all the same: it names and counts what is answered.
    const reply = handle(isRefused ? decidedBy(request, busy.reply) : request)
    if (!(reply instanceof Promise)) return reply
    inFlight.count++
    return reply.then((settled) => {
      if (settled.stream && request.method !== 'HEAD') {
        return { ...settled, stream: whenOver(settled.stream, () => inFlight.count--) }
      }
      inFlight.count--
      return settled
    })
  }
}

export type ReadQueueBounds = {
  /** Reads that may wait, those at work included. */
  readonly waitingMax: number
  /** Connections to Postgres that they share. */
  readonly connections: number
  /** What has waited longer for its turn is refused: those before it were not answered. */
  readonly waitMsMax: number
}

export type ReadQueue = {
  /** What `read` gives; a 503 at once when too many wait, in all or of this client. */
  run<T>(client: string, read: () => Promise<T>): Promise<T>
}

/** One client that never stops leaves three quarters of places and connections to others. */
const clientsServed = 4
const quarterOf = (bound: number) => Math.max(1, Math.floor(bound / clientsServed))

/**
 * Between two reads of a client, while others' requests are in flight: as long as the last one took.
 * Without it a flood kept a process busy for two thirds of the time, and a write, which is six round
 * trips to the embedded log, waited behind it six times (testing/system/fair-share.test.ts).
 */
const restMsMax = 10

/** Reads of one client: those at work, and those that wait for one of them to end. */
type Line = {
  atWork: number
  readonly next: (() => void)[]
}

/**
 * Reads that wait for Postgres, which has few connections: what is queued there nobody can take back. So
 * a client's reads stand in a line of their own, and others come between two of them.
 */
export const createReadQueue = (
  { waitingMax, connections, waitMsMax }: ReadQueueBounds,
  inFlight: Readonly<InFlight> = { count: 0 },
): ReadQueue => {
  const ofClientMax = quarterOf(waitingMax)
  const atWorkMax = quarterOf(connections)
  const lines = new Map<string, Line>()
  let waiting = 0

  const waitForTurn = async (line: Line): Promise<void> => {
    const sinceMs = performance.now()
    await new Promise<void>((resolve) => line.next.push(resolve))
    if (performance.now() - sinceMs > waitMsMax) throw late
  }

  const giveTurn = (client: string, line: Line) => {
    const next = line.next.shift()
    if (next) next()
    else if (--line.atWork === 0) lines.delete(client)
  }

  const othersWait = () => lines.size > 1 || inFlight.count > waiting

  return {
    async run(client, read) {
      const line = lines.get(client) ?? { atWork: 0, next: [] }
      if (waiting >= waitingMax || line.atWork + line.next.length >= ofClientMax) throw full
      lines.set(client, line)
      waiting++
      let startedMs = performance.now()
      try {
        if (line.atWork < atWorkMax) line.atWork++
        else await waitForTurn(line)
        startedMs = performance.now()
        return await read()
      } finally {
        const tookMs = performance.now() - startedMs
        const rests = line.next.length > 0 && othersWait()
        waiting--
        if (rests) setTimeout(giveTurn, Math.min(tookMs, restMsMax), client, line)
        else giveTurn(client, line)
      }
    },
  }
}

const full = new Problem(tooManyReads)
const late = new Problem(readTimedOut)
