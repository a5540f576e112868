// Who listens to the signals of which channel in this process, whatever brings them.

import type { ChannelName } from '../domain/event.ts'

type Listener = { readonly onSignal: (body: string) => void }

export type SignalListeners = {
  /** Returns how to stop. `onLast`: nobody listens to the channel any more. */
  add(channel: ChannelName, onSignal: Listener['onSignal'], onLast: () => void): () => void
  hear(channel: ChannelName, body: string): void
  names(): ChannelName[]
}

export const createSignalListeners = (): SignalListeners => {
  const channels = new Map<ChannelName, Set<Listener>>()
  return {
    add(channel, onSignal, onLast) {
      const listeners = channels.get(channel) ?? new Set()
      channels.set(channel, listeners)
      const listener = { onSignal }
      listeners.add(listener)
      return () => {
        if (!listeners.delete(listener) || listeners.size > 0) return
        channels.delete(channel)
        onLast()
      }
    },
    hear(channel, body) {
      for (const { onSignal } of channels.get(channel) ?? []) onSignal(body)
    },
    names: () => [...channels.keys()],
  }
}
