// Gives a fork the sockets that it accepts from, through its channel: the fork gets descriptors of its
// own for what the primary keeps open.

import type { Worker } from 'node:cluster'
import type { BoundSocket } from './listening-sockets.ts'

/** What a fork accepts from, by port. */
export type ForkSockets = {
  readonly http: readonly BoundSocket[]
  readonly grpc: readonly BoundSocket[]
}
type PortName = keyof ForkSockets

/** To a fork, with one socket each. */
type Handed = { readonly kind: 'socket'; readonly port: PortName }

/** To a fork, in its environment: how many come. */
export const socketCountVariable = 'TODOS_LISTENING_SOCKETS'

export const socketCountOf = ({ http, grpc }: ForkSockets): number => http.length + grpc.length

export const handSockets = (worker: Worker, sockets: ForkSockets): void => {
  for (const port of ['http', 'grpc'] as const) {
    for (const socket of sockets[port]) {
      // One that is gone already is replaced, and its successor gets them.
      worker.send({ kind: 'socket', port } satisfies Handed, socket as never, () => {})
    }
  }
}

/** In a fork: resolves when all have come. */
export const receiveSockets = (): Promise<ForkSockets> => {
  const count = Number(process.env[socketCountVariable] ?? 0)
  const sockets: Record<PortName, BoundSocket[]> = { http: [], grpc: [] }
  return new Promise((resolve) => {
    const onMessage = (message: Handed | { kind?: undefined }, handle: unknown) => {
      if (message.kind !== 'socket') return
      sockets[message.port].push(handle as BoundSocket)
      if (socketCountOf(sockets) === count) done()
    }
    const done = () => {
      process.off('message', onMessage)
      resolve(sockets)
    }
    if (count === 0) done()
    else process.on('message', onMessage)
  })
}
