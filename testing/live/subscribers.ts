// Thousands of watchers in one process: WebSockets of our own on bare sockets, which cost a tenth of a whole
// client. Each watches one channel as clients are told to: it comes back after a random time with its last
// position, and counts what is lost or comes twice.

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
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
    const say = (message: object) => mine.write(frame(opcodes.text, JSON.stringify(message)))
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
      ping: (payload) => mine.write(frame(opcodes.pong, payload)),
      close(closed) {
        code = closed
        mine.end(frame(opcodes.close, Buffer.from([code >> 8, code & 255])))
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

const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const
/** Any will do: it hides nothing from a server. */
const mask = Buffer.from([7, 77, 177, 27])

/** A whole one of a client: up to 64 KiB. */
const frame = (opcode: number, payload: string | Buffer): Buffer => {
  const bytes = Buffer.from(payload)
  const head =
    bytes.length < 126
      ? [0x80 | opcode, 0x80 | bytes.length]
      : [0x80 | opcode, 0x80 | 126, bytes.length >> 8, bytes.length & 255]
  return Buffer.concat([
    Buffer.from(head),
    mask,
    bytes.map((byte, i) => byte ^ (mask[i % 4] as number)),
  ])
}

type Frames = {
  text(text: string): void
  ping(payload: Buffer): void
  close(code: number): void
}

/** What a server sends, chunk by chunk: an answer to the handshake, then whole frames. */
const createReader = (on: Frames): ((chunk: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0)
  let isOpen = false
  return (chunk) => {
    let bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    if (!isOpen) {
      const end = bytes.indexOf('\r\n\r\n')
      isOpen = end !== -1
      // A refusal is an answer without an upgrade: the connection ends, and it comes back.
      if (isOpen && !bytes.toString('latin1', 0, 12).endsWith('101')) return on.close(1006)
      bytes = isOpen ? bytes.subarray(end + 4) : bytes
    }
    while (isOpen) {
      const found = firstFrame(bytes)
      if (!found) break
      bytes = bytes.subarray(found.size)
      if (found.opcode === opcodes.text) on.text(found.payload.toString())
      else if (found.opcode === opcodes.ping) on.ping(found.payload)
      else if (found.opcode === opcodes.close)
        on.close(found.payload.length >= 2 ? found.payload.readUInt16BE(0) : 1005)
    }
    rest = bytes
  }
}

const firstFrame = (bytes: Buffer) => {
  if (bytes.length < 2) return undefined
  const short = (bytes[1] as number) & 127
  const head = short === 126 ? 4 : short === 127 ? 10 : 2
  if (bytes.length < head) return undefined
  const length =
    short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short
  const size = head + length
  if (bytes.length < size) return undefined
  return { opcode: (bytes[0] as number) & 15, payload: bytes.subarray(head, size), size }
}
