// What else the machine did while a round of bench:live was measured.

import { forestCpuSeconds } from '../engines/cpu.ts'
import { calibrate, machineCpu } from '../noise.ts'
import type { Noise } from '../result.ts'
import type { LiveSystem } from './system.ts'

/** From now until what is returned is called. */
export const watchNoise = ({ pids }: Pick<LiveSystem, 'pids'>): (() => Noise) => {
  // Clients and services are children of ours, but for what has gone into the background.
  const ownSeconds = () => forestCpuSeconds([process.pid, ...pids], nobody)
  const calibratedMs = calibrate()
  const machine = machineCpu()
  const own = ownSeconds()
  const startMs = performance.now()
  return () => {
    const seconds = (performance.now() - startMs) / 1_000
    const ownCores = (ownSeconds() - own) / seconds
    const now = machineCpu()
    const calibrationMs = [calibratedMs, calibrate()] as const
    if (!machine || !now) return { steal: null, otherCores: null, calibrationMs }
    return {
      steal: (now.steal - machine.steal) / (now.total - machine.total),
      otherCores: Math.max(0, (now.busy - machine.busy) / seconds - ownCores),
      calibrationMs,
    }
  }
}

/** No process has this id. */
const nobody = 0
