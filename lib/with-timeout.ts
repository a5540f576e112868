// A bound on how long a promise may take: a client library that hangs must not hang its caller.

/** Rejects after `timeoutMs`; what `work` does afterwards is ignored. */
export const withTimeout = async <T>(timeoutMs: number, work: () => Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([work(), expired])
  } finally {
    clearTimeout(timer)
  }
}
