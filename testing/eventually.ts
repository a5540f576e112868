// Waits in tests: for what takes long to start, and for what can't be awaited.

/** For what takes starts, joins and restarts: on two busy cores, 40 s were too few for a worker. */
export const startTimeoutMs = 120_000

/** A question is often a request on a new connection: asked twice as often, waiting took a core. */
const askEveryMs = { min: 20, max: 100 }
/** What takes seconds is asked for less often: seen at most so much later than it was so. */
const laterMax = 1 / 50

/**
 * Asks until `isSo` holds; for what can't be awaited. Fails with what was seen last. The timeout is
 * longer than a loaded machine needs for one step, and shorter than a cached list's lifetime (300
 * s).
 */
export const eventually = async <T>(
  look: () => Promise<T> | T,
  isSo: (seen: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> => {
  const startedAt = performance.now()
  for (;;) {
    const seen = await look()
    if (isSo(seen)) return seen
    const waitedMs = performance.now() - startedAt
    if (waitedMs > timeoutMs) {
      throw new Error(`not so within ${timeoutMs} ms; last seen: ${JSON.stringify(seen)}`)
    }
    const pauseMs = Math.min(Math.max(waitedMs * laterMax, askEveryMs.min), askEveryMs.max)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
