// Notices a server process that stands still: its loop answers no ping. The kernel goes on dealing it
// its share of new connections, and they would wait for as long as it does.

import type { Worker } from 'node:cluster'

/** To a fork, and back. */
export type Ping = { readonly kind: 'ping' }
export type Pong = { readonly kind: 'pong' }

export const pingIntervalMs = 1_000
/**
 * Intervals of the primary, not time: after a machine has slept the fork has had its chance, too. Far
 * more than a turn of the loop may take, for what hangs on it is cut off.
 */
export const unansweredMax = 20

/** Calls `onHung` once, unless the process ends before. */
export const watchForHang = (
  worker: Pick<Worker, 'on' | 'once' | 'send'>,
  onHung: () => void,
): void => {
  let unanswered = 0
  const timer = setInterval(() => {
    // One at a time: what is sent to a process that hangs piles up.
    if (unanswered === 0) worker.send({ kind: 'ping' } satisfies Ping, () => {})
    unanswered++
    if (unanswered <= unansweredMax) return
    clearInterval(timer)
    onHung()
  }, pingIntervalMs)
  timer.unref()
  worker.on('message', (message: Pong | { kind?: undefined }) => {
    if (message.kind === 'pong') unanswered = 0
  })
  worker.once('exit', () => clearInterval(timer))
}
