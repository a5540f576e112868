// Keeps the server on one core and everything else on the others, with taskset. A server that shares
// its core with the generator is measured with cold caches, and moves about.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { findProgram } from '../../scripts/stack/service.ts'
import { treePids } from './cpu.ts'

export type Pinning = {
  readonly isPinned: boolean
  /** What was pinned where, or why nothing was. */
  readonly description: string
  /** Cores that the generator may use. */
  readonly generatorCores: number
  /** Puts a server, its descendants and their threads on the server's core. */
  pinServer(pid: number): void
}

/** More threads than this would not find more work with the connections that we open. */
const generatorCoresMax = 4

/** `0-2,5` as in /proc/self/status. */
export const parseCpuList = (list: string): number[] =>
  list
    .trim()
    .split(',')
    .flatMap((part) => {
      const [from = NaN, to = from] = part.split('-').map(Number)
      return Array.from({ length: to - from + 1 }, (_, i) => from + i)
    })

/** Moves this process off the server's core, at once; what it starts from now on inherits that. */
export const pinSelf = (): Pinning => {
  const free = (why: string): Pinning => ({
    isPinned: false,
    description: `not pinned: ${why}`,
    generatorCores: Math.min(generatorCoresMax, Math.max(1, availableParallelism() - 1)),
    pinServer() {},
  })
  if (process.platform !== 'linux') return free('only Linux can')
  const taskset = findProgram('taskset')
  if (taskset === undefined) return free('taskset is not installed')
  const status = readFileSync('/proc/self/status', 'utf8')
  const allowed = parseCpuList(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '')
  const [server, ...others] = allowed
  if (server === undefined || others.length === 0) return free('there is one core only')

  const pin = (pid: number, cores: readonly number[]) =>
    execFileSync(taskset, ['-a', '-c', '-p', cores.join(','), String(pid)], { stdio: 'pipe' })
  const generator = others.slice(0, generatorCoresMax)
  try {
    pin(process.pid, generator)
  } catch (error) {
    return free(`taskset may not (${(error as Error).message.trim()})`)
  }
  return {
    isPinned: true,
    description: `pinned: each server to core ${server}, the generator to ${generator.join(', ')}`,
    generatorCores: generator.length,
    pinServer(pid) {
      for (const one of treePids(pid)) pin(one, [server])
    },
  }
}
