// The primary's end of the traffic: when a fork asks, it asks all forks what they have counted, and compares that
// with what they had some seconds ago. While nobody asks, nothing is done.

import cluster, { type Worker } from 'node:cluster'
import { trafficBetween, type Sample, type Totals } from './traffic.ts'
import type { TrafficMessage, TrafficRequest } from './traffic-fork.ts'

/** A fork that is so busy is missing in what is reported. */
const answerTimeoutMs = 1_000
/** However many ask, the forks are asked once in this time. */
const keepMs = 900
/** What is compared is so old at least, where it was asked so long ago; 12 samples are kept at most. */
const windowMs = 10_000

export const answerTraffic = (): void => {
  const listening = new Set<Worker>()
  /** The eldest first. */
  let samples: Sample[] = []
  let inFlight: Promise<void> | undefined
  let round = 0
  let onTotals: (worker: Worker, totals?: Totals) => void = () => {}

  const ask = (): Promise<ReadonlyMap<number, Totals>> =>
    new Promise((resolve) => {
      const due = new Set([...listening].filter((worker) => worker.isConnected()))
      const totals = new Map<number, Totals>()
      const done = () => {
        clearTimeout(timer)
        resolve(totals)
      }
      const timer = setTimeout(done, answerTimeoutMs)
      onTotals = (worker, reported) => {
        if (reported) totals.set(worker.id, reported)
        due.delete(worker)
        if (due.size === 0) done()
      }
      const request: TrafficRequest = { kind: 'report-traffic', round: ++round }
      for (const worker of due) worker.send(request, () => {}) // gone just now: it is reported
    })

  const sample = async () => {
    const last = samples.at(-1)
    if (last && performance.now() - last.atMs < keepMs) return
    const totals = await ask()
    const atMs = performance.now()
    samples.push({ atMs, totals })
    const base = samples.findLastIndex((one) => atMs - one.atMs >= windowMs)
    samples = samples.slice(Math.max(0, base))
  }

  const answer = async (worker: Worker, id: number) => {
    await (inFlight ??= sample().finally(() => (inFlight = undefined)))
    const [earlier, later] = [samples[0], samples.at(-1)]
    const message: TrafficRequest = {
      kind: 'traffic',
      id,
      ...(earlier && later && earlier !== later && { traffic: trafficBetween(earlier, later) }),
    }
    if (worker.isConnected()) worker.send(message, () => {})
  }

  cluster.on('message', (worker: Worker, message: TrafficMessage | { kind: 'listening' }) => {
    if (message.kind === 'listening') listening.add(worker)
    if (message.kind === 'read-traffic') void answer(worker, message.id)
    if (message.kind === 'traffic-totals' && message.round === round)
      onTotals(worker, message.totals)
  })
  cluster.on('disconnect', (worker) => {
    listening.delete(worker)
    onTotals(worker)
  })
}
