// Signals between processes without a store. For tests.

import type { ChannelName } from '../../lib/domain/event.ts'
import type { Signal, Signals } from '../../lib/events/events.ts'

export type MemorySignals = Signals & {
  /** From now on nothing can be sent or heard, and it is known why. */
  failWith(reason: string | undefined): void
  listeners(channel: ChannelName): number
  /** So far. */
  readonly sent: Signal[]
}

export const createMemorySignals = (): MemorySignals => {
  const channels = new Map<ChannelName, Set<(body: string) => void>>()
  const sent: Signal[] = []
  let failure: string | undefined
  const failed = () => Promise.reject(new Error(failure))
  return {
    listen(channel, onSignal) {
      if (failure !== undefined) return failed()
      const listeners = channels.get(channel) ?? new Set()
      channels.set(channel, listeners)
      listeners.add(onSignal)
      return Promise.resolve(() => void listeners.delete(onSignal))
    },
    send(signals) {
      if (failure !== undefined) return failed()
      sent.push(...signals)
      for (const { channel, body } of signals)
        for (const onSignal of [...(channels.get(channel) ?? [])]) onSignal(body)
      return Promise.resolve()
    },
    fault: () => failure,
    failWith(reason) {
      failure = reason
    },
    listeners: (channel) => channels.get(channel)?.size ?? 0,
    sent,
  }
}
