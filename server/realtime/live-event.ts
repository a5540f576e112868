// One event on its way to everybody who watches its channel: encoded once for each transport, when the
// first of them is sent it.

import { positionText, type ChannelPosition } from '../../lib/domain/event.ts'

export class LiveEvent {
  readonly position: ChannelPosition
  readonly #channel: string
  readonly #body: string
  #message: Buffer | undefined
  #part: Buffer | undefined

  /** `channel`: as clients call it. `body`: JSON. */
  constructor(channel: string, position: ChannelPosition, body: string) {
    this.position = position
    this.#channel = channel
    this.#body = body
  }

  /** About as many as are sent of it. */
  get bytes(): number {
    return this.#body.length
  }

  /** For a WebSocket. */
  get message(): Buffer {
    return (this.#message ??= Buffer.from(
      `{"type":"event","channel":${JSON.stringify(this.#channel)},"position":"${positionText(this.position)}","data":${this.#body}}`,
    ))
  }

  /** For an event stream. JSON has no line ends but between tokens, and `body` has none there. */
  get part(): Buffer {
    return (this.#part ??= Buffer.from(
      `id: ${positionText(this.position)}\ndata: ${this.#body}\n\n`,
    ))
  }
}
