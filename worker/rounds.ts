// What a worker does again and again: a round, a pause, and the next, until it is stopped.

export type Rounds = {
  start(): void
  /** What the round that is going on has begun is finished. */
  stop(): Promise<void>
}

/** `round` never rejects, and begins nothing more once it is stopping. */
export const createRounds = (
  pauseMs: number,
  round: (isStopping: () => boolean) => Promise<void>,
): Rounds => {
  let stopping = false
  let timer: NodeJS.Timeout | undefined
  let current = Promise.resolve()
  const next = () => {
    current = round(() => stopping).then(() => {
      if (!stopping) timer = setTimeout(next, pauseMs).unref()
    })
  }
  return {
    start: next,
    async stop() {
      stopping = true
      clearTimeout(timer)
      await current
    },
  }
}
