// A fork's end of the traffic: it says what it has counted when the primary asks, and asks the primary how much
// all processes together have to do.

import cluster from 'node:cluster'
import type { Totals, Traffic } from './traffic.ts'

/** To the primary. */
export type TrafficMessage =
  | { readonly kind: 'read-traffic'; readonly id: number }
  | { readonly kind: 'traffic-totals'; readonly round: number; readonly totals: Totals }
/** From the primary. JSON has no undefined members: `traffic` is missing where there is nothing to compare with. */
export type TrafficRequest =
  | { readonly kind: 'report-traffic'; readonly round: number }
  | { readonly kind: 'traffic'; readonly id: number; readonly traffic?: Traffic }

/** The primary waits a second for other forks. */
const answerTimeoutMs = 3_000

/** Undefined: this is the first time that anybody asks, or nobody answers. */
export type ReadTraffic = () => Promise<Traffic | undefined>

export const openTraffic = (readTotals: () => Promise<Totals>): ReadTraffic => {
  const { worker } = cluster
  if (!worker) return () => Promise.resolve(undefined)
  const waiting = new Map<number, (traffic: Traffic | undefined) => void>()
  let lastId = 0
  const send = (message: TrafficMessage) => {
    if (worker.isConnected()) worker.send(message, () => {}) // a primary that is gone needs no answer
  }
  worker.on('message', (message: TrafficRequest | { kind?: undefined }) => {
    if (message.kind === 'report-traffic') {
      void readTotals().then((totals) =>
        send({ kind: 'traffic-totals', round: message.round, totals }),
      )
    }
    if (message.kind === 'traffic') waiting.get(message.id)?.(message.traffic)
  })
  return () =>
    new Promise((resolve) => {
      const id = ++lastId
      const done = (traffic: Traffic | undefined) => {
        clearTimeout(timer)
        waiting.delete(id)
        resolve(traffic)
      }
      const timer = setTimeout(done, answerTimeoutMs, undefined)
      waiting.set(id, done)
      send({ kind: 'read-traffic', id })
    })
}
