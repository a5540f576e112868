// What the processes of each tier take: CPU so far, memory now, and whether they are still the same.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { treeCpuSeconds, treePids } from '../engines/cpu.ts'
import type { Tier } from '../target.ts'
import type { System } from './system.ts'

type Tiers = System['tiers']
export type PerTier = Readonly<Partial<Record<Tier, number>>>

const run = promisify(execFile)
const kibInMib = 1024
/** Postgres has a process for each connection, which may come and go; these have none. */
const steady: readonly Tier[] = ['server', 'worker', 'broker', 'redis']

/** Throws when a tier is gone: it would seem to cost nothing. */
export const cpuSecondsOf = (tiers: Tiers): PerTier =>
  perTier(tiers, (pids) => pids.reduce((sum, pid) => sum + treeCpuSeconds(pid), 0))

/** Resident memory (RSS), in MiB. Pages that Postgres's processes share count once for each of them. */
export const memoryMibOf = async (tiers: Tiers): Promise<PerTier> => {
  const trees = perTier(tiers, (pids) => pids.flatMap(treePids))
  const all = Object.values(trees).flat()
  // It fails when one of them has just ended, and has printed the others.
  const { stdout } = await run('ps', ['-o', 'pid=,rss=', '-p', all.join(',')]).catch(
    (error: unknown) => error as { stdout: string },
  )
  const kibOf = new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]),
  )
  return Object.fromEntries(
    Object.entries(trees).map(([tier, pids]) => [
      tier,
      Math.round(pids.reduce((sum, pid) => sum + (kibOf.get(pid) ?? 0), 0) / kibInMib),
    ]),
  )
}

export const pidsOf = (tiers: Tiers): Readonly<Partial<Record<Tier, readonly number[]>>> =>
  perTier(tiers, (pids) => pids.flatMap(treePids).sort((a, b) => a - b))

/** Tiers one of whose processes is another than before. */
export const restartsBetween = (
  before: ReturnType<typeof pidsOf>,
  after: ReturnType<typeof pidsOf>,
): Tier[] => steady.filter((tier) => String(before[tier] ?? '') !== String(after[tier] ?? ''))

const perTier = <T>(tiers: Tiers, of: (pids: readonly number[]) => T): Partial<Record<Tier, T>> =>
  Object.fromEntries([...tiers].map(([tier, { pids }]) => [tier, of(pids)]))
