// How much a pool of connections is used, kept as two integers by whoever owns the pool.

/** `inFlight`: statements and transactions that were asked for and are not answered yet. */
export type PoolStats = { size: number; inFlight: number }

export const createPoolStats = (): PoolStats => ({ size: 0, inFlight: 0 })
