// Sends a body that is made while it is sent, on either engine: one part after another, the next asked
// for when the socket has taken the last. So a client costs one part, however slowly it reads. What
// makes the parts learns at once that the client has gone.

import type { Reply } from './engine.ts'
import type { Holder, Unsent } from './unsent.ts'

/** Where the parts go: a response whose head is written. Not used any more once the client has gone. */
export type Sink = {
  /** Whether the socket has taken all of `part`; if not, `onTaken` is called when it has. */
  write(part: Buffer, onTaken: () => void): boolean
  /** The body is complete. */
  end(): void
  /** Closes the connection, so that nobody takes what was sent for all there is. */
  cut(): void
}

export type Sending = {
  /** To be called when the connection closes. */
  gone(): void
  /** Resolves when nothing more is sent, whatever the reason. */
  readonly over: Promise<void>
}

export const sendStream = (stream: AsyncIterable<Buffer>, sink: Sink, unsent: Unsent): Sending => {
  const parts = stream[Symbol.asyncIterator]()
  let isOver = false
  let onTaken = () => {}
  let onOver = () => {}
  const over = new Promise<void>((resolve) => (onOver = resolve))
  const holder: Holder = {
    isDone: () => isOver,
    cut: () => {
      if (!isOver) sink.cut()
    },
  }

  const finish = () => {
    isOver = true
    unsent.release(holder)
    onTaken()
    onOver()
  }
  const taken = (part: Buffer) =>
    new Promise<void>((resolve) => {
      onTaken = resolve
      if (sink.write(part, resolve)) resolve()
      else unsent.hold(holder, part)
    })
  const send = async () => {
    for (;;) {
      const part = await parts.next()
      if (isOver) return
      if (part.done) break
      await taken(part.value)
      unsent.release(holder)
      if (isOver) return
    }
    finish()
    sink.end()
  }

  send().catch(() => {
    if (isOver) return
    finish()
    sink.cut()
  })
  return {
    gone() {
      if (isOver) return
      finish()
      stop(parts)
    },
    over,
  }
}

/** For a reply that nobody is sent. */
export const abandon = ({ stream }: Reply): void => {
  if (stream) stop(stream[Symbol.asyncIterator]())
}

// A source that fails to stop has nobody to tell.
const stop = (parts: AsyncIterator<Buffer>) => {
  parts.return?.().catch(() => {})
}
