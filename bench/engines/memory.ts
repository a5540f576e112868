// Resident memory (RSS) of processes, from /proc; from ps where there is none.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Pages that several of them share count once for each. One that has ended has none. */
export const residentKib = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + residentKibOf(pid), 0)

const residentKibOf = (pid: number): number => {
  try {
    if (process.platform !== 'linux')
      return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }))
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  } catch {
    return 0
  }
}
