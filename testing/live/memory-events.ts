// Events without a store, in the form in which a server process reads them. For tests.

import { keptEvents, type ChannelName, type ChannelPosition } from '../../lib/domain/event.ts'
import type { ChannelEvent, ChannelListener, EventReader } from '../../lib/events/events.ts'

type Channel = {
  epoch: string
  last: number
  kept: ChannelEvent[]
  readonly listeners: Set<ChannelListener>
}

export type MemoryEvents = Pick<EventReader, 'join'> & {
  append(channel: ChannelName, ...bodies: string[]): void
  /** What was kept is lost. */
  forget(channel: ChannelName): void
  /** From now on joins fail with it. */
  failWith(error: Error | undefined): void
  listeners(channel: ChannelName): number
  /** So far. */
  joins(): number
}

export const createMemoryEvents = (): MemoryEvents => {
  const channels = new Map<ChannelName, Channel>()
  let failure: Error | undefined
  let joins = 0
  const of = (name: ChannelName): Channel => {
    const known = channels.get(name)
    if (known) return known
    const made: Channel = { epoch: 'e1', last: 0, kept: [], listeners: new Set() }
    channels.set(name, made)
    return made
  }
  const positionOf = ({ epoch, last }: Channel): ChannelPosition => ({ epoch, number: last })
  const missedSince = (channel: Channel, since: ChannelPosition) => {
    const [oldest] = channel.kept
    const isKept = since.number >= (oldest?.position.number ?? channel.last + 1) - 1
    if (since.epoch !== channel.epoch || !isKept) return 'too-old'
    return channel.kept.filter(({ position }) => position.number > since.number)
  }
  return {
    append(name, ...bodies) {
      const channel = of(name)
      for (const body of bodies) {
        channel.last++
        const event = { position: positionOf(channel), body }
        channel.kept.push(event)
        if (channel.kept.length > keptEvents) channel.kept.shift()
        for (const listener of channel.listeners) listener.onEvent(event)
      }
    },
    forget(name) {
      const channel = of(name)
      channel.epoch += 'x'
      channel.kept = []
      for (const listener of channel.listeners) listener.onGap(positionOf(channel))
    },
    failWith(error) {
      failure = error
    },
    listeners: (name) => of(name).listeners.size,
    joins: () => joins,
    async join(name, since, listener) {
      joins++
      await Promise.resolve()
      if (failure) throw failure
      const channel = of(name)
      channel.listeners.add(listener)
      return {
        position: positionOf(channel),
        missed: since ? missedSince(channel, since) : [],
        leave: () => void channel.listeners.delete(listener),
      }
    },
  }
}
