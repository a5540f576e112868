// What else this machine does while it measures: CPU time that a hypervisor takes, and processes that
// are not ours. A fixed piece of work shows whether the machine became slower.

import { readFileSync } from 'node:fs'

/** Seconds since boot, over all cores; null where /proc/stat is not. */
export type MachineCpu = {
  readonly total: number
  readonly steal: number
  /** In processes; the kernel's interrupts, which belong to nobody, are left out. */
  readonly busy: number
}

const ticksPerSecond = 100

export const parseMachineCpu = (stat: string): MachineCpu => {
  const fields = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? []
  const [user = NaN, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, soft = 0, steal = 0] =
    fields.map((ticks) => ticks / ticksPerSecond)
  if (Number.isNaN(user)) throw new Error('/proc/stat has no line of all cores')
  const busy = user + nice + system
  return { busy, steal, total: busy + idle + iowait + irq + soft + steal }
}

/** Seconds of each core since boot in interrupts, hard and soft: the kernel's network is mostly there. */
export const parseInterrupts = (stat: string): readonly number[] =>
  [...stat.matchAll(/^cpu\d+ (.*)$/gm)].map(([, fields = '']) => {
    const [, , , , , irq = 0, soft = 0] = fields.split(' ').map(Number)
    return (irq + soft) / ticksPerSecond
  })

/** Empty where /proc/stat is not. */
export const interrupts = (): readonly number[] =>
  process.platform === 'linux' ? parseInterrupts(readFileSync('/proc/stat', 'utf8')) : []

export const machineCpu = (): MachineCpu | null =>
  process.platform === 'linux' ? parseMachineCpu(readFileSync('/proc/stat', 'utf8')) : null

const calibrationRounds = 7
const calibrationSteps = 2_000_000

/** Milliseconds that a fixed piece of integer work takes: the fastest of some, so others don't show. */
export const calibrate = (): number => {
  let fastestMs = Infinity
  for (let round = 0; round < calibrationRounds; round++) {
    const startMs = performance.now()
    let state = 1
    for (let i = 0; i < calibrationSteps; i++) state = (Math.imul(state, 1_103_515_245) + i) | 0
    // Used, so that it is not optimized away.
    if (state === 0.5) throw new Error('unreachable')
    fastestMs = Math.min(fastestMs, performance.now() - startMs)
  }
  return fastestMs
}
