// How many messages one client may send: as many a second as the rate says, five seconds of them at once.
// Pure.

const burstSec = 5

export type Allowance = {
  /** False when it is one too many. */
  take(nowMs: number): boolean
}

export const createAllowance = (perSec: number, startMs: number): Allowance => {
  const max = perSec * burstSec
  let left = max
  let atMs = startMs
  return {
    take(nowMs) {
      left = Math.min(max, left + ((nowMs - atMs) / 1_000) * perSec)
      atMs = nowMs
      if (left < 1) return false
      left--
      return true
    },
  }
}
