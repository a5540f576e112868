// Forgets what nothing needs any more, every ten minutes: commands that can't come twice, publishers that
// are gone, what rate limits have counted, old entries of the audit log, and expired invitations.

const intervalMs = 600_000

/** A command may be logged twice minutes apart, by a producer's retry; a week is far beyond that. */
export const writesKnownSec = 7 * 24 * 3600

export type Pruning = {
  start(): void
  stop(): void
}

/** `prunes`: each is run by itself; one that fails is tried again the next time. */
export const createPruning = (
  prunes: readonly (() => Promise<unknown>)[],
  everyMs = intervalMs,
): Pruning => {
  let timer: NodeJS.Timeout | undefined
  return {
    start() {
      timer = setInterval(() => {
        for (const prune of prunes) prune().catch(() => {})
      }, everyMs).unref()
    },
    stop: () => clearInterval(timer),
  }
}
