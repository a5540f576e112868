// Runs a measurement with all that it starts on one core: threads then take turns on it, and what such a
// turn costs can be told from what a request costs.

import { execFileSync } from 'node:child_process'
import { findProgram } from '../scripts/stack/service.ts'

/** Undefined where the system can't do it. */
export const onOneCore = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
  const taskset = findProgram('taskset')
  if (process.platform !== 'linux' || taskset === undefined) return undefined
  const pid = String(process.pid)
  const said = execFileSync(taskset, ['-cp', pid], { encoding: 'utf8' })
  const all = /: (\S+)\s*$/.exec(said)?.[1]
  const first = /^\d+/.exec(all ?? '')?.[0]
  if (all === undefined || first === undefined) return undefined
  // All threads: what one of them starts inherits its cores.
  const stayOn = (cores: string) =>
    execFileSync(taskset, ['-a', '-cp', cores, pid], { stdio: 'ignore' })
  stayOn(first)
  try {
    return await work()
  } finally {
    stayOn(all)
  }
}
