/** Numbers that only go up: a window is the difference of two readings. */
export type Reading = {
  readonly sent: number
  readonly completed: number
  readonly bytes: number
  readonly latencySumUs: number
  readonly latencyCount: number
  readonly latencyMaxUs: number
  readonly closed: number
  readonly resets: number
  readonly lost: number
  readonly timeouts: number
  readonly dropped: number
  /** Connections, now. */
  readonly open: number
  readonly loopLagP99Ms: number
  readonly statuses: Readonly<Record<string, number>>
  /** See upperBoundUs. */
  readonly buckets: readonly number[]
  /** Of each thread. */
  readonly loops: readonly { readonly activeMs: number; readonly idleMs: number }[]
}
export type Recorder = {
  add(
    name: 'sent' | 'closed' | 'resets' | 'lost' | 'timeouts' | 'dropped' | 'open',
    count?: number,
  ): void
  answer(status: number, bytes: number, us: number): void
}
export const allocate: (threads: number) => SharedArrayBuffer
export const claim: (memory: SharedArrayBuffer) => Recorder
export const read: (memory: SharedArrayBuffer) => Reading
export const upperBoundUs: (bucket: number) => number
