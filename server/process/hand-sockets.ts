// Gives a fork the sockets that it accepts from, through its channel: the fork gets descriptors of its
// own for what the primary keeps open.

import type { Worker } from 'node:cluster'
import type { BoundSocket } from './listening-sockets.ts'

/** To a fork, with one socket each. */
type Handed = { readonly kind: 'socket' }

/** To a fork, in its environment: how many come. */
export const socketCountVariable = 'TODOS_LISTENING_SOCKETS'

export const handSockets = (worker: Worker, sockets: readonly BoundSocket[]): void => {
  for (const socket of sockets) {
    // One that is gone already is replaced, and its successor gets them.
    worker.send({ kind: 'socket' } satisfies Handed, socket as never, () => {})
  }
}

/** In a fork: resolves when all have come. */
export const receiveSockets = (): Promise<readonly BoundSocket[]> => {
  const count = Number(process.env[socketCountVariable] ?? 0)
  const sockets: BoundSocket[] = []
  return new Promise((resolve) => {
    const onMessage = (message: Handed | { kind?: undefined }, handle: unknown) => {
      if (message.kind !== 'socket') return
      sockets.push(handle as BoundSocket)
      if (sockets.length === count) done()
    }
    const done = () => {
      process.off('message', onMessage)
      resolve(sockets)
    }
    if (count === 0) done()
    else process.on('message', onMessage)
  })
}
