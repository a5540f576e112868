// node:cluster hands each connection of a shared port to a fork and keeps its own end until the fork
// has said that it took it. A fork that dies before that leaves this end open for ever, and the
// client without an answer or a close: one connection for each `kill -9` under load.

import type { Worker } from 'node:cluster'

type Handle = { close(): void }
/** What comes second may also be a callback, or nothing. */
type Send = (message: unknown, second?: unknown, ...rest: unknown[]) => boolean

const isHandle = (value: unknown): value is Handle =>
  typeof value === 'object' && value !== null && 'close' in value

/** Closes what `worker` had not accepted when it died. One at a time is on its way: node waits for each. */
export const closeWhatItLeaves = (worker: Worker): void => {
  const channel = worker.process as unknown as { send: Send }
  const send = channel.send.bind(channel)
  let handedOver: Handle | undefined
  channel.send = (message, second, ...rest) => {
    if (isHandle(second)) handedOver = second
    return send(message, second, ...rest)
  }
  // Who left in order has given back what it did not take, and another has it now.
  worker.once('exit', () => {
    if (!worker.exitedAfterDisconnect) handedOver?.close()
  })
}
