// What a fault is, and how one is carried out: begun, held, and always mended.

import { setTimeout as delay } from 'node:timers/promises'

/** A whole number from 0 to below `max`, of the run's seed. */
export type Draw = (max: number) => number

export type Fault = {
  readonly name: string
  /** A text that it resolves with is added to the name. */
  begin(draw: Draw): unknown
  /** Undefined when it is over by itself. */
  readonly end?: () => unknown
  readonly lastsMs?: (draw: Draw) => number
  /** Writes are taken and applied and lists follow while it lasts, not only after it. */
  readonly allWorksMeanwhile?: boolean
}

const shortMsMax = 3_000
const shortMsMin = 200

export const aMoment = (draw: Draw): number => shortMsMin + draw(shortMsMax)

/** What was done, for the run's report. `works` throws when the system does not. */
export const carryOut = async (
  fault: Fault,
  draw: Draw,
  works: () => Promise<string>,
): Promise<string> => {
  const lastsMs = fault.lastsMs?.(draw) ?? 0
  let meanwhile = ''
  try {
    const more = await fault.begin(draw)
    if (typeof more === 'string') meanwhile += ` ${more}`
    await delay(lastsMs)
    if (fault.allWorksMeanwhile) meanwhile += `, meanwhile ${await works()}`
  } finally {
    await fault.end?.()
  }
  return `${fault.name}${lastsMs > 0 ? ` for ${lastsMs} ms` : ''}${meanwhile}`
}
