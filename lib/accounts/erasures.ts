// What is left to erase of accounts that were deleted: the seam. The row of an account is written in the
// transaction that deletes it, so that neither is there without the other. A worker goes through it twice:
// within seconds, and once more when no token of the account can be good anywhere.

/** How long whoever deletes an account must suppose that something may still be written for it. */
export type ErasureWaits = {
  /** Until its sessions have ended in every process, and what was being published has come or failed. */
  readonly usualSec: number
  /** The same for a process that has not heard of it: until its last access token has expired. */
  readonly lastSec: number
}

/** Where each partition of a log ended. */
export type LogEnds = {
  readonly identity: string
  readonly ends: ReadonlyMap<number, number>
}

export type Erasure = {
  readonly userId: string
  /** Undefined: not noted yet. */
  readonly log: LogEnds | undefined
}

export type Erasures = {
  /** The next that is due. Nobody else is given it for `claimSec`. */
  claim(): Promise<Erasure | undefined>
  /** For as long again from now on. */
  keep(userId: string): Promise<void>
  /** Others may have it at once. */
  noteEnds(userId: string, log: LogEnds): Promise<void>
  /** Not yet: others may have it after `pauseSec`. */
  postpone(userId: string): Promise<void>
  /** All was erased that was applied up to the noted ends. Of the last time, the row is gone. */
  finish(userId: string): Promise<'again-later' | 'over'>
}

/** Longer than a step takes. A worker that dies holds an erasure up for so long. */
export const claimSec = 10
/** What waits for the log to be applied is looked at this often. */
export const pauseSec = 1
