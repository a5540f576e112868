// A call's deadline: nobody waits past it, and a write that would be waited for longer than that is
// answered before, with what is known then.

import { Code, ConnectError } from '@connectrpc/connect'

/** What an answer needs to be back in time. */
const marginMs = 200

/** A `Prefer` whose `wait` ends before the deadline does; with less than a second left there is none. */
export const preferWithin = (
  prefer: string | undefined,
  remainingMs: number | undefined,
): string | undefined => {
  if (remainingMs === undefined || prefer === undefined) return prefer
  const secondsMax = Math.max(0, Math.floor((remainingMs - marginMs) / 1_000))
  return prefer.replace(/\bwait\s*=\s*"?(\d{1,9})"?/i, (given, seconds: string) =>
    Number(seconds) <= secondsMax ? given : `wait=${secondsMax}`,
  )
}

/** What `pending` gives, unless the call ends before: then the reason why. */
export const untilEnd = <T>(pending: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const onEnd = () => reject(signal.reason as Error)
    if (signal.aborted) return onEnd()
    signal.addEventListener('abort', onEnd, { once: true })
    pending.then(
      (value) => {
        signal.removeEventListener('abort', onEnd)
        resolve(value)
      },
      (error: Error) => {
        signal.removeEventListener('abort', onEnd)
        reject(error)
      },
    )
  })

/** What `pending` gives, in time. */
export const withinDeadline = <T>(pending: Promise<T>, timeoutMs: number): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new ConnectError('the deadline has passed', Code.DeadlineExceeded)),
      Math.min(timeoutMs, timeoutMsMax),
    )
    pending.then(resolve, reject).finally(() => clearTimeout(timer))
  })

/** What a timer can count; nobody waits for so long. */
const timeoutMsMax = 2 ** 31 - 1
