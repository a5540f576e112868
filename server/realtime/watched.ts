// A channel that one WebSocket watches. A class with all that a delivery needs: every event touches every
// socket, and behind a write to one little of the next is in the CPU's caches. As closures and their
// contexts it would be a dozen objects to fetch, for each event and socket.

import type { ChannelName, ChannelPosition } from '../../lib/domain/event.ts'
import type { WebSocket } from '../http/engines/web-socket.ts'
import type { Batch } from './batches.ts'
import type { LiveCounts } from './counts.ts'
import type { Subscriber, Subscription } from './hub.ts'
import type { Membership } from './presence.ts'
import { gap, subscribed } from './protocol.ts'

type Parts = {
  /** Of the message that asked for it. */
  readonly id: string | undefined
  readonly name: string
  readonly socket: WebSocket
  readonly bufferedBytesMax: number
  readonly counts: LiveCounts
  readonly answer: (text: Buffer) => void
}

export class Watched implements Subscriber {
  readonly name: string
  subscription: Subscription | undefined
  /** Undefined: whoever watches is not present there, and is not told who is. */
  membership: Membership | undefined
  /** Undefined while it is looked up. */
  channel: ChannelName | undefined
  /** Access may have ended while it was looked up. */
  isDoubtful = false
  isOver = false
  /** Events were skipped: none is sent before the gap is. */
  #isSkipping = false
  readonly #socket: WebSocket
  readonly #bufferedBytesMax: number
  readonly #counts: LiveCounts
  readonly #id: string | undefined
  readonly #answer: (text: Buffer) => void

  constructor({ id, name, socket, bufferedBytesMax, counts, answer }: Parts) {
    this.name = name
    this.#socket = socket
    this.#bufferedBytesMax = bufferedBytesMax
    this.#counts = counts
    this.#id = id
    this.#answer = answer
  }

  onJoined(position: ChannelPosition, version: number | undefined): void {
    if (!this.isOver) this.#answer(subscribed(this.#id, this.name, position, version))
  }

  onEvents({ messages }: Batch): void {
    if (this.isOver) return
    if (!this.#isSkipping && this.#socket.bufferedBytes() <= this.#bufferedBytesMax) {
      this.#counts.sent.websocket += messages.length
      this.#socket.sendAll(messages)
    } else this.#isSkipping = true
  }

  onGap(position: ChannelPosition, version: number): void {
    if (this.isOver) return
    this.#isSkipping = false
    this.#counts.gaps.websocket++
    this.#answer(gap(this.name, position, version))
  }

  /** It reads again: what was skipped it must read anew. */
  catchUp(): void {
    if (this.#isSkipping) this.subscription?.skip()
  }
}
