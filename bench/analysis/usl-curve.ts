// The Universal Scalability Law: X(N) = gamma N / (1 + alpha (N-1) + beta N (N-1)), N: requests in flight.

import type { UslFit } from '../result.ts'

/**
 * gamma: answers a second with one request in flight. alpha: the share of the work that waits in line
 * for something shared. beta: what each request costs every other.
 */
export type UslParameters = Pick<UslFit, 'gamma' | 'alpha' | 'beta'>

/** Nothing is claimed about loads further than this from those measured. */
export const reach = 2

export const uslAt = ({ gamma, alpha, beta }: UslParameters, inFlight: number): number =>
  (gamma * inFlight) / (1 + alpha * (inFlight - 1) + beta * inFlight * (inFlight - 1))
