// Which protocol a connection without TLS speaks: HTTP/2 begins with a preface that no request of
// HTTP/1.1 begins with. Browsers and curl speak HTTP/1.1 there, gRPC speaks HTTP/2.

import type { Socket } from 'node:net'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** No method of HTTP begins with these. */
const tellingBytes = 4

/** `onKnown` is given the socket with nothing taken from it. A client that stays silent is cut. */
export const tellProtocol = (
  socket: Socket,
  timeoutMs: number,
  onKnown: (protocol: 'h2' | 'http/1.1') => void,
): void => {
  const timer = setTimeout(() => socket.destroy(), timeoutMs).unref()
  let first = Buffer.alloc(0)
  const onReadable = () => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    first = Buffer.concat([first, chunk])
    const compared = Math.min(first.length, tellingBytes)
    const isPreface = preface.subarray(0, compared).equals(first.subarray(0, compared))
    if (isPreface && compared < tellingBytes) return
    socket.off('readable', onReadable)
    clearTimeout(timer)
    socket.unshift(first)
    onKnown(isPreface ? 'h2' : 'http/1.1')
  }
  socket.on('readable', onReadable)
  socket.once('close', () => clearTimeout(timer))
}
