// One event stream (Server-Sent Events): a channel over plain HTTP, as a body that is made while it is
// sent. The sender asks for one part after another, so what waits is here, and bounded.

import {
  anyOf,
  positionText,
  type ChannelName,
  type ChannelPosition,
} from '../../lib/domain/event.ts'
import type { Batch } from './batches.ts'
import {
  endingOf,
  hasEnded,
  tokenCheckMs,
  type ClientParts,
  type Identity,
  type LiveClient,
} from './client.ts'
import type { StreamTransport } from './counts.ts'
import type { Subscription } from './hub.ts'
import type { Ending } from './protocol.ts'

export type EventStream = {
  readonly client: LiveClient
  readonly parts: AsyncIterable<Buffer>
}

type Watch = {
  readonly name: string
  readonly channel: ChannelName
  readonly since: ChannelPosition | undefined
  readonly identity: Identity | undefined
  readonly transport: StreamTransport
}

/** A client that loses the connection comes back after so long, and up to twice that. */
const retryMs = 1_000

/** What is taken is not counted any more as waiting, wherever it waits then; one event may be larger. */
const takenBytesMax = 65_536

/** Rejects while events can't be read. `onClosed`: called once, whatever the end is. */
export const openEventStream = async (
  { name, channel, since, identity, transport }: Watch,
  { settings, channels, hub, counts, verify, problemOf }: ClientParts,
  onClosed: () => void,
  startMs: number,
): Promise<EventStream> => {
  const { bufferedBytesMax, heartbeatMs } = settings
  let queue: Buffer[] = []
  let queuedBytes = 0
  /** Events were skipped: none is queued before the gap is. */
  let isSkipping = false
  let isOver = false
  let subscription: Subscription | undefined
  let sentMs = startMs
  let checkedMs = startMs
  let wake = () => {}

  const push = (part: Buffer) => {
    queue.push(part)
    queuedBytes += part.length
    wake()
  }
  const say = (event: string, data: object, more = '') =>
    push(Buffer.from(`${more}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`))
  const at = (position: ChannelPosition, version: number | undefined) => ({
    channel: name,
    position: positionText(position),
    version,
  })

  /** What is queued is still sent. */
  const over = () => {
    if (isOver) return
    isOver = true
    subscription?.leave()
    counts.subscriptions--
    onClosed()
    wake()
  }
  const end = (reason: Exclude<Ending, 'asked'>) => {
    if (isOver) return
    counts.closed[reason]++
    say('unsubscribed', { channel: name, reason })
    over()
  }

  const onEvents = ({ events }: Batch) => {
    if (isOver) return
    if (!isSkipping && queuedBytes <= bufferedBytesMax) {
      counts.sent[transport] += events.length
      for (const { part } of events) push(part)
    } else isSkipping = true
  }

  counts.subscriptions++
  try {
    subscription = await hub.subscribe(channel, name, since, {
      onJoined(position, version) {
        const retry = Math.round(retryMs * (1 + Math.random()))
        say('subscribed', at(position, version), `retry: ${retry}\nid: ${positionText(position)}\n`)
      },
      onEvents,
      onGap(position, version) {
        if (isOver) return
        counts.gaps[transport]++
        isSkipping = false
        say('gap', at(position, version), `id: ${positionText(position)}\n`)
      },
    })
  } catch (error) {
    over()
    throw error
  }

  const taken = (): Buffer => {
    let count = 0
    let bytes = 0
    for (const { length } of queue) {
      if (count > 0 && bytes + length > takenBytesMax) break
      count++
      bytes += length
    }
    const [first, ...others] = queue.splice(0, count) as [Buffer, ...Buffer[]]
    queuedBytes -= bytes
    sentMs = performance.now()
    return others.length === 0 ? first : Buffer.concat([first, ...others])
  }
  const iterator: AsyncIterator<Buffer> = {
    async next() {
      if (queue.length === 0 && isSkipping && !isOver) subscription?.skip()
      if (queue.length === 0 && !isOver) await new Promise<void>((resolve) => (wake = resolve))
      wake = () => {}
      return queue.length > 0 ? { done: false, value: taken() } : { done: true, value: undefined }
    },
    return() {
      queue = []
      over()
      return Promise.resolve({ done: true, value: undefined })
    },
  }

  return {
    parts: { [Symbol.asyncIterator]: () => iterator },
    client: {
      identity: () => identity,
      checkToken() {
        if (identity && channels.needsToken(name) && hasEnded(identity, verify)) end('token-ended')
      },
      checkChannel(changed) {
        if (changed !== anyOf && changed !== channel) return
        void endingOf(channels, identity?.principal, name, problemOf).then((ending) => {
          if (ending && ending !== 'asked') end(ending)
        })
      },
      tick(nowMs) {
        if (nowMs - checkedMs >= tokenCheckMs) {
          checkedMs = nowMs
          this.checkToken()
        }
        if (queue.length === 0 && nowMs - sentMs >= heartbeatMs) push(heartbeat)
      },
      bufferedBytes: () => queuedBytes,
      cut() {
        if (isOver) return
        counts.closed['not-reading']++
        queue = []
        over()
      },
      leave(afterMs) {
        if (isOver) return
        counts.closed.draining++
        say('reconnect', { after_ms: afterMs }, `retry: ${afterMs}\n`)
        over()
      },
    },
  }
}

/** A comment: clients ignore it, proxies see that somebody is there. */
const heartbeat = Buffer.from(':\n\n')
