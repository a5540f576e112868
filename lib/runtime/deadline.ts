// A bound on how long a promise may take: a client library that hangs must not hang its caller.

/** Nobody answered in time; whether the work was done is unknown. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  readonly code = 'NO_ANSWER'
}

/** Rejects with NoAnswer after `timeoutMs`; what `work` does afterwards is ignored. */
export const withTimeout = async <T>(timeoutMs: number, work: () => Promise<T>): Promise<T> => {
  if (timeoutMs === Infinity) return work()
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    // Made when it is needed: an error for each call took a tenth of a busy process's time.
    const expire = () => reject(new NoAnswer(`no answer within ${timeoutMs} ms`))
    // A loop that was held up runs its timers before it reads what has arrived meanwhile: read first.
    timer = setTimeout(() => setImmediate(expire), timeoutMs)
  })
  try {
    return await Promise.race([work(), expired])
  } finally {
    clearTimeout(timer)
  }
}
