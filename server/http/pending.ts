// How many requests may be in flight in one process: past a bound they are refused at once, because
// whoever waits behind thousands is not answered in time, and thousands that wait end a process.

import { createPlaces } from '../../lib/runtime/keyed-semaphore.ts'
import type { App } from './engines/engine.ts'
import { Problem } from './problem.ts'
import { tooManyInFlight, tooManyReads } from './problems.ts'

const busy = new Problem(tooManyInFlight)

/** `handle`, which refuses what would be one too many in flight, unless it is one of `probes`. */
export const boundInFlight = (
  handle: App['handle'],
  inFlightMax: number,
  probes: readonly string[],
): App['handle'] => {
  let inFlight = 0
  return (request) => {
    const isProbe = probes.includes(request.path)
    const isRefused = inFlight >= inFlightMax && !request.decided && !isProbe
    // Through the router all the same: it names and counts what is answered.
    const reply = handle(isRefused ? { ...request, decided: busy.reply } : request)
    if (!(reply instanceof Promise)) return reply
    inFlight++
    return reply.then((settled) => {
      inFlight--
      return settled
    })
  }
}

export type ReadQueue = {
  /** What `read` gives; a 503 at once when too many wait, in all or of this client. */
  run<T>(client: string, read: () => Promise<T>): Promise<T>
}

/** One client that never stops leaves three quarters of the places to others. */
const clientsServed = 4

/** Reads that wait for Postgres, which has few connections: what is queued there nobody can take back. */
export const createReadQueue = (waitingMax: number): ReadQueue => {
  const places = createPlaces()
  const ofClientMax = Math.max(1, Math.floor(waitingMax / clientsServed))
  let waiting = 0
  return {
    async run(client, read) {
      if (waiting >= waitingMax || !places.take(client, ofClientMax)) throw full
      waiting++
      try {
        return await read()
      } finally {
        waiting--
        places.leave(client)
      }
    },
  }
}

const full = new Problem(tooManyReads)
