// Waits until a count has reached what it should, or has had its time: what is missing then is for the
// caller to judge.

import { setTimeout as delay } from 'node:timers/promises'

export type Settled = { readonly count: number; readonly ms: number }

export const settle = async (
  count: () => Promise<number>,
  wanted: number,
  options: { readonly pollMs: number; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Settled> => {
  const startMs = performance.now()
  for (;;) {
    options.signal.throwIfAborted()
    const now = await count()
    const ms = performance.now() - startMs
    if (now >= wanted || ms > options.timeoutMs) return { count: now, ms }
    await delay(options.pollMs)
  }
}
