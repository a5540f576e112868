// Thousands of watchers in one process: WebSockets of our own on bare sockets, which cost a tenth of a whole
// client. Each watches one channel as clients are told to: it comes back after a random time with its last
// position, and counts what is lost or comes twice.

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { createFrameReader, frameOf, opcodes } from '../../bench/live/frames.ts'
import { positionText } from '../../lib/domain/event.ts'
import { loopback } from '../../scripts/stack/ports.ts'
import { createTally, takeEvent, takeGap, takeJoined, type Heard, type Tally } from './tally.ts'

/** Whoever lost a connection without a word comes back within this. */
const spreadMs = 500
/** After a subscription that was refused. */
const retryMs = 250

export type Subscriber = {
  readonly channel: string
  readonly tally: Tally
  isSubscribed(): boolean
  /** How many it has opened. */
  connections(): number
  /** Codes of the closes that the server began; 1006 for none. */
  readonly closes: number[]
  stop(): void
}

type Watch = {
  readonly port: number
  readonly channel: string
  readonly token: string
  /** Shared by all who watch the channel. */
  readonly heard: Heard
}

export const startSubscriber = ({ port, channel, token, heard }: Watch): Subscriber => {
  const tally = createTally()
  const closes: number[] = []
  let connections = 0
  let isSubscribed = false
  let isStopped = false
  let socket: Socket | undefined

  const open = () => {
    if (isStopped) return
    connections++
    let afterMs: number | undefined
    let code = 1006
    const mine = connect({ port, host: loopback, noDelay: true })
    socket = mine
    const say = (message: object) =>
      mine.write(frameOf(opcodes.text, Buffer.from(JSON.stringify(message))))
    const subscribe = () =>
      say({ type: 'subscribe', channel, ...(tally.at && { since: positionText(tally.at) }) })
    const onMessage = (text: string) => {
      const message = JSON.parse(text) as {
        readonly type: string
        readonly position: string
        readonly after_ms: number
        readonly data: {
          readonly kind: string
          readonly id?: string
          readonly todo?: { readonly id: string }
          readonly revision?: number
        }
      }
      switch (message.type) {
        case 'welcome':
          subscribe()
          break
        case 'subscribed':
          isSubscribed = true
          takeJoined(tally, message.position)
          break
        case 'event': {
          const { kind, todo, id = todo?.id ?? kind, revision = 0 } = message.data
          takeEvent(tally, message.position, `${id} ${revision}`, heard)
          break
        }
        case 'gap':
          takeGap(tally, message.position)
          break
        case 'reconnect':
          afterMs = message.after_ms
          break
        case 'problem':
        case 'unsubscribed':
          isSubscribed = false
          setTimeout(() => mine.writable && subscribe(), retryMs * (1 + Math.random()))
      }
    }
    const read = createReader({
      text: onMessage,
      ping: (payload) => mine.write(frameOf(opcodes.pong, payload)),
      close(closed) {
        code = closed
        mine.end(frameOf(opcodes.close, Buffer.from([code >> 8, code & 255])))
      },
    })
    mine.on('connect', () => mine.write(handshake(token)))
    mine.on('data', read)
    mine.on('error', () => {}) // "close" follows
    mine.on('close', () => {
      isSubscribed = false
      if (isStopped) return
      closes.push(code)
      setTimeout(open, afterMs ?? Math.random() * spreadMs)
    })
  }
  open()
  return {
    channel,
    tally,
    isSubscribed: () => isSubscribed,
    connections: () => connections,
    closes,
    stop() {
      isStopped = true
      socket?.destroy()
    },
  }
}

const handshake = (token: string): string =>
  [
    'GET /v1/live HTTP/1.1',
    'Host: a',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: todos.v1, bearer.${token}`,
    '',
    '',
  ].join('\r\n')

type Frames = {
  text(text: string): void
  ping(payload: Buffer): void
  close(code: number): void
}

/** What a server sends, chunk by chunk: an answer to the handshake, then whole frames. */
const createReader = (on: Frames): ((chunk: Buffer) => void) => {
  let head: Buffer = Buffer.alloc(0)
  let isOpen = false
  const readFrames = createFrameReader((opcode, payload) => {
    if (opcode === opcodes.text) on.text(payload.toString())
    else if (opcode === opcodes.ping) on.ping(payload)
    else if (opcode === opcodes.close)
      on.close(payload.length >= 2 ? payload.readUInt16BE(0) : 1005)
  })
  return (chunk) => {
    if (isOpen) return readFrames(chunk)
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end === -1) return
    isOpen = true
    // A refusal is an answer without an upgrade: the connection ends, and it comes back.
    if (head.toString('latin1', 0, 12).endsWith('101')) readFrames(head.subarray(end + 4))
    else on.close(1006)
  }
}
