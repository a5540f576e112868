// A producer, asked for again and again until there is one: while Kafka is down, or refuses us.

import type { Log } from '../../runtime/log.ts'
import type { OwnProducer } from '../../drivers/kafka/producer.ts'
import { LogRefusesUs, refusedPauseMs } from '../../drivers/kafka/security.ts'

const reconnectEveryMs = 100

export type Connecting = {
  /** Resolves with a producer that is connected; undefined once closed. `onFailure`: why not yet. */
  untilConnected(
    open: () => Promise<OwnProducer>,
    onFailure: (reason: string) => void,
  ): Promise<OwnProducer | undefined>
  isClosed(): boolean
  close(): void
}

export const createConnecting = (log: Log): Connecting => {
  let isClosed = false
  let close = () => {}
  const closed = new Promise<void>((resolve) => (close = resolve))
  /** What an operator must set is said once. */
  let saidRefusal: string | undefined

  return {
    async untilConnected(open, onFailure) {
      while (!isClosed) {
        try {
          const own = await open()
          saidRefusal = undefined
          if (!isClosed) return own
          own.discard()
        } catch (error) {
          const { message } = error as Error
          const isRefused = error instanceof LogRefusesUs
          if (isRefused && saidRefusal !== message) log.error(message)
          if (isRefused) saidRefusal = message
          onFailure(isRefused ? message : `Kafka does not answer: ${message}`)
          const pauseMs = isRefused ? refusedPauseMs : reconnectEveryMs
          await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, pauseMs))])
        }
      }
      return undefined
    },
    isClosed: () => isClosed,
    close() {
      isClosed = true
      close()
    },
  }
}
