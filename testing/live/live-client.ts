// A client of live updates that somebody else wrote (ws), and what it has heard. For tests.

import { once } from 'node:events'
import type { Test } from 'tap'
import { WebSocket } from 'ws'

export type Message = { readonly type: string } & Readonly<Record<string, unknown>>

export type LiveClient = {
  readonly socket: WebSocket
  send(message: object): void
  /** The next message, or the next of this type; the others before it are passed over. */
  next(type?: string): Promise<Message>
  /** All that came and was not asked for. */
  rest(): Message[]
  /** Code and reason. */
  readonly closed: Promise<readonly [number, string]>
}

type Options = {
  readonly path?: string
  readonly protocols?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** Resolves behind the welcome. */
export const connectLive = async (
  t: Test,
  port: number,
  { path = '/v1/live', protocols = [], headers = {} }: Options = {},
): Promise<LiveClient> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, [...protocols], { headers })
  const messages: Message[] = []
  const waiting: (() => void)[] = []
  const wake = () => {
    for (const one of waiting.splice(0)) one()
  }
  socket.on('message', (data: Buffer) => {
    messages.push(JSON.parse(data.toString()) as Message)
    wake()
  })
  const closed = new Promise<readonly [number, string]>((resolve) =>
    socket.on('close', (code, reason) => {
      resolve([code, reason.toString()])
      wake()
    }),
  )
  socket.on('error', () => {})
  t.teardown(() => socket.terminate())
  const next = async (type?: string): Promise<Message> => {
    for (;;) {
      const message = messages.shift()
      if (message && (type === undefined || message.type === type)) return message
      if (message) continue
      if (socket.readyState === WebSocket.CLOSED) throw new Error(`closed, and no ${type} came`)
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  await once(socket, 'open')
  const client: LiveClient = {
    socket,
    send: (message) => socket.send(JSON.stringify(message)),
    next,
    rest: () => messages.splice(0),
    closed,
  }
  await next('welcome')
  return client
}
