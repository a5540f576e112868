// Bodies that are made while they are sent: how many there may be at once, and that one which fails at
// its first part is refused as any request is. Later than that its connection can only be cut.

import { createKeyedSemaphore } from '../../lib/runtime/keyed-semaphore.ts'
import type { Reply } from './engines/engine.ts'
import { Problem } from './problem.ts'
import { tooManyStreams } from './problems.ts'

/**
 * Limit per process. Each takes as much memory as a part, up to some hundred KB, and asks for parts as
 * fast as its client reads; what they ask for stands in one line with other reads.
 */
export const streamsMax = 128
/** One client that never reads leaves three quarters to others. */
export const streamsOfClientMax = streamsMax / 4

export type Streams = {
  /** `reply` as it can be sent: its first part is there. `onCut` learns why others do not come. */
  begin(reply: Reply, client: string, onCut: (error: unknown) => void): Reply | Promise<Reply>
}

export const createStreams = (): Streams => {
  const byClient = createKeyedSemaphore()
  let open = 0

  const begin = async (
    reply: Reply,
    stream: AsyncIterable<Buffer>,
    onCut: (error: unknown) => void,
  ): Promise<Reply> => {
    const parts = stream[Symbol.asyncIterator]()
    let first: IteratorResult<Buffer> | undefined = await parts.next()
    const begun = {
      async next() {
        const part = first
        first = undefined
        if (part) return part
        try {
          return await parts.next()
        } catch (error) {
          onCut(error)
          throw error
        }
      },
      return: () => returned(parts),
    }
    return { ...reply, stream: { [Symbol.asyncIterator]: () => begun } }
  }

  return {
    begin(reply, client, onCut) {
      const { stream } = reply
      if (!stream) return reply
      if (open >= streamsMax || !byClient.take(client, streamsOfClientMax)) throw full
      open++
      const counted = whenOver(stream, () => {
        open--
        byClient.leave(client)
      })
      return begin(reply, counted, onCut)
    },
  }
}

const full = new Problem(tooManyStreams)

/** `stream`, of which `onOver` learns that it is: it has ended, has failed, or was ended. */
export const whenOver = (
  stream: AsyncIterable<Buffer>,
  onOver: () => void,
): AsyncIterable<Buffer> => ({
  [Symbol.asyncIterator]() {
    const parts = stream[Symbol.asyncIterator]()
    let isOver = false
    const end = () => {
      if (isOver) return
      isOver = true
      onOver()
    }
    return {
      async next() {
        try {
          const part = await parts.next()
          if (part.done) end()
          return part
        } catch (error) {
          end()
          throw error
        }
      },
      async return() {
        try {
          return await returned(parts)
        } finally {
          end()
        }
      },
    }
  },
})

const returned = async (parts: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> => {
  await parts.return?.()
  return { done: true, value: undefined }
}
