// What the processes of each tier take: CPU so far, memory now, and whether they are still the same.

import { treeCpuSeconds, treePids } from '../engines/cpu.ts'
import { residentKib } from '../engines/memory.ts'
import type { Tier } from '../target.ts'
import type { System } from './system.ts'

type Tiers = System['tiers']
export type PerTier = Readonly<Partial<Record<Tier, number>>>

const kibInMib = 1024
/** Postgres has a process for each connection, which may come and go; these have none. */
const steady: readonly Tier[] = ['server', 'worker', 'broker', 'redis']

/** Throws when a tier is gone: it would seem to cost nothing. */
export const cpuSecondsOf = (tiers: Tiers): PerTier =>
  perTier(tiers, (pids) => pids.reduce((sum, pid) => sum + treeCpuSeconds(pid), 0))

/** Resident memory (RSS), in MiB. */
export const memoryMibOf = (tiers: Tiers): PerTier =>
  perTier(tiers, (pids) => Math.round(residentKib(pids.flatMap(treePids)) / kibInMib))

export const pidsOf = (tiers: Tiers): Readonly<Partial<Record<Tier, readonly number[]>>> =>
  perTier(tiers, (pids) => pids.flatMap(treePids).sort((a, b) => a - b))

/** Tiers one of whose processes is another than before. */
export const restartsBetween = (
  before: ReturnType<typeof pidsOf>,
  after: ReturnType<typeof pidsOf>,
): Tier[] => steady.filter((tier) => String(before[tier] ?? '') !== String(after[tier] ?? ''))

const perTier = <T>(tiers: Tiers, of: (pids: readonly number[]) => T): Partial<Record<Tier, T>> =>
  Object.fromEntries([...tiers].map(([tier, { pids }]) => [tier, of(pids)]))
