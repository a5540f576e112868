// What one client sees while others load the server. A few connections of our own have a single request
// in flight each, timed one by one. For runs whose generator cannot time a request (pipelining).

import { setTimeout as delay } from 'node:timers/promises'
import { connectTo, requestTo } from './exchange.ts'

export type Probe = {
  /** Closes its connections; the time from sending to the last byte, for each request. */
  stop(): number[]
}

const connections = 2
/** Between two requests of a connection: the probe is to look, not to load. */
const pauseMs = 5

/** Every answer is `responseBytes` long, which was checked before. */
export const startProbe = (origin: string, target: string, responseBytes: number): Probe => {
  const latenciesMs: number[] = []
  const request = requestTo(origin, target)
  const sockets = Array.from({ length: connections }, () => {
    let sentMs = 0
    let bytes = 0
    const send = () => {
      if (socket.destroyed) return
      bytes = 0
      sentMs = performance.now()
      socket.write(request)
    }
    const socket = connectTo(origin, send).setNoDelay()
    socket.on('error', () => {}) // the counts of the generator show it
    socket.on('data', (data: Buffer) => {
      bytes += data.length
      if (bytes < responseBytes) return
      latenciesMs.push(performance.now() - sentMs)
      void delay(pauseMs).then(send)
    })
    return socket
  })
  return {
    stop() {
      for (const socket of sockets) socket.destroy()
      return latenciesMs
    },
  }
}
