// What one stream is to send: in order, each when the one before was taken. Who adds events waits until
// all before are taken, so what waits here is little.

import type { Message } from '@bufbuild/protobuf'

export type Outbox = {
  /** `onTaken`: it was sent, or stands in the buffer of HTTP/2. */
  push(message: Message, onTaken?: () => void): void
  /** Resolves when nothing waits. */
  room(): Promise<void>
  /** Whether it is over is asked again. */
  wake(): void
  messages(isOver: () => boolean): AsyncGenerator<Message>
}

type Waiting = { readonly message: Message; readonly onTaken: (() => void) | undefined }

export const createOutbox = (): Outbox => {
  const waiting: Waiting[] = []
  let forRoom: (() => void)[] = []
  let wake = () => {}

  return {
    push(message, onTaken) {
      waiting.push({ message, onTaken })
      wake()
    },
    room: () =>
      waiting.length === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            forRoom.push(resolve)
          }),
    wake: () => wake(),
    async *messages(isOver) {
      for (;;) {
        for (let next = waiting.shift(); next; next = waiting.shift()) {
          yield next.message
          next.onTaken?.()
        }
        const woken = forRoom
        forRoom = []
        for (const one of woken) one()
        if (isOver()) return
        if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve))
        wake = () => {}
      }
    },
  }
}
