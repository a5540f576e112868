// What a rate limit is, and what a store that counts for one must do. The stores are redis.ts and
// postgres.ts; failover.ts asks them in turn; model.ts says in plain arithmetic what both must do.

export type Policy = {
  /** Part of the keys, and the name that clients read. */
  readonly name: string
  readonly algorithm: 'token-bucket' | 'sliding-window'
  /** token-bucket: what a full bucket holds. sliding-window: what a window allows. */
  readonly limit: number
  /** token-bucket: how long an empty bucket takes to be full. sliding-window: its length. */
  readonly windowSec: number
}

export type Decision = {
  readonly allowed: boolean
  /** What is left right after this. */
  readonly remaining: number
  /** 0 when it was allowed. Before that nothing more will be; then, if nobody else takes it, one is. */
  readonly retryAfterMs: number
  /** token-bucket: until it is full again. sliding-window: until the next window. */
  readonly resetMs: number
  /** The store's clock, since the epoch: the one that was decided by. */
  readonly atUs: number
}

export type LimitStore = {
  /** Counts one for `key`, if it is allowed, in one atomic step. Rejects in bounded time. */
  take(policy: Policy, key: string): Promise<Decision>
  /** One that was counted is not to count; of a token bucket. Rejects in bounded time. */
  refund(policy: Policy, key: string): Promise<void>
  /** Resolves when it can be asked; rejects when it can't. In bounded time. */
  open(): Promise<void>
  /** It does not answer: whatever waits on its connection may be given up. */
  reconnect(): void
  close(): Promise<void>
}

/** Other numbers are another policy: what was counted under the old ones would mean something else. */
export const keyOf = ({ name, limit, windowSec }: Policy, key: string): string =>
  `${name}:${limit}/${windowSec}:${key}`
