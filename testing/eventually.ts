// Waits in tests: for what takes long to start, and for what can't be awaited.

/** For what takes starts, joins and restarts: on two busy cores, 40 s were too few for a worker. */
export const startTimeoutMs = 120_000

/** A question is often a request on a new connection: asked twice as often, waiting took a core. */
const askEveryMs = 20

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
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (isSo(seen)) return seen
    if (performance.now() > deadline) {
      throw new Error(`not so within ${timeoutMs} ms; last seen: ${JSON.stringify(seen)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, askEveryMs))
  }
}
