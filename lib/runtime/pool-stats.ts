// How much a pool of connections is used, kept as two integers by whoever owns the pool.

/** `underWay`: statements and transactions that were asked for and are not answered yet. */
export type PoolUse = { size: number; underWay: number }

export const createPoolUse = (): PoolUse => ({ size: 0, underWay: 0 })
