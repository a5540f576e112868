// What our server's processes hold: resident memory after a garbage collection, without the part of V8's
// heap that nothing is in.

import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { treePids } from '../engines/cpu.ts'

/** For the environment of the server. */
export const probeOptions = (directory: string): string => {
  const probe = new URL('memory-probe.js', import.meta.url)
  probe.searchParams.set('directory', directory)
  return `--expose-gc --import ${probe.href}`
}

type Memory = { readonly rss: number; readonly heapTotal: number; readonly heapUsed: number }

/** A process that is as busy as this is not measured at rest. */
const answerTimeoutMs = 10_000
const pollMs = 20

/** Of `root` and all below it, each of which runs the probe. Linux and macOS. */
export const heldKib = async (root: number, directory: string): Promise<number> => {
  const all = await Promise.all(treePids(root).map((pid) => ask(pid, directory)))
  return all.reduce((sum, bytes) => sum + bytes, 0) / 1_024
}

const ask = async (pid: number, directory: string): Promise<number> => {
  const file = join(directory, `${pid}.json`)
  await rm(file, { force: true })
  process.kill(pid, 'SIGUSR2')
  const untilMs = performance.now() + answerTimeoutMs
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text !== undefined) return heldOf(JSON.parse(text) as Memory)
    if (performance.now() > untilMs) throw new Error(`process ${pid} does not say what it holds`)
    await delay(pollMs)
  }
}

export const heldOf = ({ rss, heapTotal, heapUsed }: Memory): number => rss - (heapTotal - heapUsed)
