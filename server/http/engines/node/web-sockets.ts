// WebSockets on the node engine: `ws` behind node's own parser. Node leaves every request with an Upgrade
// to its listener, or none: so which of them is one is decided when its head is read, and all others are
// answered as if they had not asked.

import { IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket as Ws, WebSocketServer } from 'ws'
import type { Request } from '../engine.ts'
import {
  closeCodes,
  type Acceptance,
  type WebSocket,
  type WebSocketListener,
  type WebSocketRoute,
} from '../web-socket.ts'

/** For a client that does not answer a close. */
const closeWaitMs = 2_000

export type Upgrades = {
  /** The class that the server makes its requests of. */
  readonly Incoming: typeof IncomingMessage
  /** Begins to take upgrades. */
  serve(server: Server): void
}

type Parts = {
  readonly route: WebSocketRoute
  readonly toRequest: (incoming: IncomingMessage) => Request
  /** Whether the answer to an earlier request of the connection is still due. */
  readonly awaitsAnswer: (socket: Socket) => boolean
  /** Gives the socket back its own stream; what has come and was not read. */
  readonly release: (socket: Socket) => Buffer
}

export const createUpgrades = ({ route, toRequest, awaitsAnswer, release }: Parts): Upgrades => {
  const acceptances = new WeakMap<IncomingMessage, Acceptance>()
  const accept = (incoming: IncomingMessage): boolean => {
    if (acceptances.has(incoming)) return true
    // Behind an answer that is due, the 101 would overtake it.
    if (incoming.method !== 'GET' || awaitsAnswer(incoming.socket)) return false
    const request = toRequest(incoming)
    const acceptance = route.paths.includes(request.path) ? route.accept(request) : undefined
    if (acceptance) acceptances.set(incoming, acceptance)
    return acceptance !== undefined
  }

  // Node's parser sets `upgrade`, and asks for it when the head is read.
  class Incoming extends IncomingMessage {
    asksForUpgrade: boolean | null | undefined
    get upgrade(): boolean {
      return this.asksForUpgrade === true && (this.method === 'CONNECT' || accept(this))
    }
    set upgrade(asked: boolean | null) {
      this.asksForUpgrade = asked
    }
  }

  const handshakes = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false, // ws#1202: its memory fragments and is not given back
    maxPayload: route.messageBytesMax,
    autoPong: false,
    handleProtocols: (_offered, incoming) => acceptances.get(incoming)?.protocol ?? false,
  })

  return {
    Incoming,
    serve(server) {
      server.on('upgrade', (incoming, _stream, head) => {
        const { socket } = incoming
        const acceptance = acceptances.get(incoming)
        const rest = Buffer.concat([head, release(socket)])
        if (acceptance)
          handshakes.handleUpgrade(incoming, socket, rest, (ws) =>
            connect(ws, socket, acceptance, route.bufferedBytesMax),
          )
        else socket.destroy()
      })
    },
  }
}

/** What was sent last and how it is framed: what one is sent is most often sent to all. */
let framed: { readonly texts: readonly Buffer[]; readonly frames: Buffer } | undefined

const framesOf = (texts: readonly Buffer[]): Buffer => {
  if (framed?.texts !== texts) {
    const parts = texts.flatMap((text) => [headOf(text.length), text])
    framed = { texts, frames: Buffer.concat(parts) }
  }
  return framed.frames
}

/** RFC 6455, 5.2: a whole message of text, not masked. */
const headOf = (length: number): Buffer => {
  if (length < 126) return Buffer.from([0x81, length])
  if (length < 65_536) return Buffer.from([0x81, 126, length >> 8, length & 0xff])
  const head = Buffer.alloc(10)
  head[0] = 0x81
  head[1] = 127
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}

/** A class: every event touches every socket, and behind a write little of one is in the CPU's caches. */
class OpenSocket implements WebSocket {
  readonly #ws: Ws
  readonly #socket: Socket

  constructor(ws: Ws, socket: Socket) {
    this.#ws = ws
    this.#socket = socket
  }

  get isOpen(): boolean {
    return this.#ws.readyState === Ws.OPEN
  }

  send(text: Buffer): void {
    this.sendAll([text])
  }

  sendAll(texts: readonly Buffer[]): void {
    // Past ws, which would frame them for each: without compression it keeps nothing back.
    if (this.isOpen) this.#socket.write(framesOf(texts))
  }

  bufferedBytes(): number {
    return this.#socket.writableLength
  }

  ping(): void {
    if (this.isOpen) this.#ws.ping()
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return
    this.#ws.close(code, reason)
    setTimeout(() => this.#ws.terminate(), closeWaitMs).unref()
  }

  cut(): void {
    this.#ws.terminate()
  }
}

const connect = (ws: Ws, socket: Socket, acceptance: Acceptance, bufferedBytesMax: number) => {
  const ours = new OpenSocket(ws, socket)
  const listener: WebSocketListener = acceptance.open(ours)
  ws.on('message', (data, isBinary) => {
    if (!ours.isOpen) return
    if (isBinary) ours.close(closeCodes.unsupportedData, 'send text')
    else listener.onText((data as Buffer).toString())
  })
  ws.on('ping', (data) => {
    // Who does not read gets no more of them: it is who asks that fills the buffer.
    if (ours.isOpen && ours.bufferedBytes() < bufferedBytesMax) ws.pong(data)
    listener.onControl()
  })
  ws.on('pong', () => listener.onControl())
  socket.on('drain', () => listener.onDrain())
  // Of what breaks the protocol: ws closes with the code that says so.
  ws.on('error', () => {})
  ws.on('close', () => listener.onClose())
}
