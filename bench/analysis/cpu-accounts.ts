// Whose CPU is whose: interrupts that are on the account of whoever was interrupted, and what is busy beside
// the tiers of a request. Pure.

/** Cores over a window, as two sources that overlap say it. */
export type CpuSeen = {
  /** In processes, by /proc/stat, which has interrupts apart. */
  readonly busy: number
  /** In interrupts, hard and soft, by /proc/stat. */
  readonly interrupts: number
  /** Of all tiers and of this program, each by what the kernel says of its processes. */
  readonly tiers: number
  readonly own: number
  /** Of the tiers that are not on a request's way. */
  readonly aside: number
}

export type CpuAccounts = {
  /** The part of the interrupts that processes' own times have too, 0 to 1. */
  readonly interruptsInTiers: number
  /** Cores that were busy with anything that no request meets. */
  readonly otherCores: number
}

export const accountsOf = ({ busy, interrupts, tiers, own, aside }: CpuSeen): CpuAccounts => {
  // Where a kernel does not account for interrupts by themselves, a process's time goes on meanwhile.
  const twice = Math.max(0, tiers + own - busy)
  const strangers = Math.max(0, busy - tiers - own)
  return {
    interruptsInTiers: interrupts > 0 ? Math.min(1, twice / interrupts) : 1,
    otherCores: own + aside + strangers,
  }
}
