// Whatever has the WebSocket of browsers: theirs, Node's and `ws`. The function is sent to a page as text,
// so it stands alone.

import { WebSocket as Ws } from 'ws'
import { createForeignClient, type Command, type Report } from './bridge.ts'

type SocketLike = Pick<WebSocket, 'protocol' | 'readyState' | 'send' | 'close' | 'addEventListener'>
type Construct = (url: string, protocols: string[], origin: string | undefined) => SocketLike

export const speak = (
  construct: Construct,
  report: (report: Report) => void,
): ((command: Command) => void) => {
  const sockets = new Map<number, SocketLike>()
  return (command) => {
    const { id } = command
    if ('open' in command) {
      const socket = construct(command.open, [...command.protocols], command.origin)
      sockets.set(id, socket)
      socket.addEventListener('open', () => report({ id, opened: socket.protocol }))
      socket.addEventListener('message', (event) => report({ id, message: String(event.data) }))
      // Node's says no more than this of a handshake that is refused.
      socket.addEventListener('error', () => {
        if (socket.readyState !== 1) report({ id, refused: true })
      })
      socket.addEventListener('close', (event) => report({ id, closed: event.code }))
    } else if ('send' in command) sockets.get(id)?.send(command.send)
    else if ('sendBinary' in command)
      sockets.get(id)?.send(new TextEncoder().encode(command.sendBinary))
    else sockets.get(id)?.close(command.close)
  }
}

export const wsClient = () =>
  createForeignClient('ws', true, (report) =>
    speak(
      (url, protocols, origin) =>
        new Ws(url, protocols, origin === undefined ? {} : { origin }) as unknown as SocketLike,
      report,
    ),
  )

/** Its types know nothing of headers, which undici takes. */
type NodeWebSocket = new (
  url: string,
  options: { readonly protocols: string[]; readonly headers: Record<string, string> },
) => SocketLike

export const nodeClient = () =>
  createForeignClient("Node's WebSocket", true, (report) =>
    speak(
      (url, protocols, origin) =>
        new (WebSocket as unknown as NodeWebSocket)(url, {
          protocols,
          headers: origin === undefined ? {} : { origin },
        }),
      report,
    ),
  )
