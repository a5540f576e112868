// CPU time of a process and all its descendants. Our server is a primary and a fork, and work that
// moved to a child or a thread must not look saved. From /proc; from ps where there is none.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export type ProcessCpu = {
  readonly pid: number
  readonly parent: number
  /** User and system time; on Linux with that of children that have ended. */
  readonly seconds: number
}

/** The tick of all user-space clocks in /proc, on every Linux architecture (USER_HZ). */
const ticksPerSecond = 100

/** One line of /proc/<pid>/stat. The program's name may hold spaces and parentheses. */
export const parseStat = (line: string): ProcessCpu => {
  const nameEnd = line.lastIndexOf(')')
  const fields = line.slice(nameEnd + 2).split(' ')
  const pid = Number.parseInt(line, 10)
  // proc(5) counts from 1; after the name comes field 3.
  const field = (number: number) => Number(fields[number - 3])
  const ticks = field(14) + field(15) + field(16) + field(17)
  if (nameEnd < 0 || Number.isNaN(pid + ticks)) throw new Error(`not a stat line: ${line}`)
  return { pid, parent: field(4), seconds: ticks / ticksPerSecond }
}

/** `ps -axo pid=,ppid=,time=`, with times such as `0:01.25`, `12:03:04` or `2-03:04:05`. */
export const parsePs = (output: string): ProcessCpu[] =>
  output
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, time = ''] = line.trim().split(/\s+/)
      const [clock = '', days = '0'] = time.split('-').toReversed()
      const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
      return { pid: Number(pid), parent: Number(parent), seconds: Number(days) * 86_400 + seconds }
    })

/** `root` and everything below it. */
export const treeOf = (root: number, all: readonly ProcessCpu[]): ProcessCpu[] => {
  const found = all.filter((one) => one.pid === root)
  // Grows while it is walked: children of children are found in turn.
  for (const { pid } of found) found.push(...all.filter((one) => one.parent === pid))
  return found
}

const processes = (): ProcessCpu[] => {
  if (process.platform !== 'linux') {
    return parsePs(execFileSync('ps', ['-axo', 'pid=,ppid=,time='], { encoding: 'utf8' }))
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))]
      } catch {
        return [] // ended meanwhile
      }
    })
}

/** Sums several trees, each process once. A tree with `except` counts without it and its children. */
export const forestCpuSeconds = (roots: readonly number[], except: number): number =>
  forestOf(roots, except, processes()).reduce((sum, { seconds }) => sum + seconds, 0)

export const forestOf = (
  roots: readonly number[],
  except: number,
  all: readonly ProcessCpu[],
): ProcessCpu[] => {
  const left = new Set(treeOf(except, all))
  const found = roots.flatMap((root) => {
    const tree = treeOf(root, all)
    return tree.some(({ pid }) => pid === except) ? tree.filter((one) => !left.has(one)) : tree
  })
  return [...new Set(found)]
}

export const treePids = (root: number): number[] => treeOf(root, processes()).map(({ pid }) => pid)

/** Throws when `root` is gone: a dead server costs nothing per request. */
export const treeCpuSeconds = (root: number): number => {
  const tree = treeOf(root, processes())
  if (tree.length === 0) throw new Error(`process ${root} has ended`)
  return tree.reduce((sum, { seconds }) => sum + seconds, 0)
}
