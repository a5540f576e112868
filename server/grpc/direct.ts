// Unary gRPC over HTTP/2, which is most of what comes, without Connect's machinery: one message in, one
// out. `npm run bench:grpc` has what that saves. All else is Connect's: streams, gRPC-Web, JSON.

import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { fromBinary, toBinary, type DescMessage, type Message } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import { parseTimeout, setTrailerStatus } from '@connectrpc/connect/protocol-grpc'
import type { Contract } from './contract.ts'
import { withinDeadline } from './deadline.ts'
import type { GrpcRequest, GrpcResponse } from './handler.ts'
import { pathOf, type Answered, type UnaryHandler } from './unary.ts'

/** In front of each message: whether it is compressed, and its length. */
const prefixBytes = 5

/** Whether it took the call: else it is Connect's. */
export type Direct = (request: GrpcRequest, response: GrpcResponse) => boolean

export const createDirect = (
  { bindings }: Contract,
  handlers: ReadonlyMap<string, UnaryHandler>,
  messageBytesMax: number,
): Direct => {
  const rpcs = new Map(bindings.map(({ rpc }) => [pathOf(rpc), rpc]))
  return (request, response) => {
    if (!('stream' in request) || !('stream' in response) || !isPlainGrpc(request)) return false
    const rpc = rpcs.get(request.url)
    const handler = handlers.get(request.url)
    if (!rpc || !handler) return false
    serve(request, rpc.input, handler, messageBytesMax).then(
      ({ message, metadata }) => {
        const headers = { ...Object.fromEntries(metadata), 'content-type': contentType }
        answer(response, headers, { 'grpc-status': '0' }, framed(rpc.output, message))
      },
      (error: unknown) => {
        const status = setTrailerStatus(new Headers(), ConnectError.from(error, Code.Internal))
        answer(response, { 'content-type': contentType }, Object.fromEntries(status))
      },
    )
    return true
  }
}

const contentType = 'application/grpc+proto'

const isPlainGrpc = ({ method, headers }: Http2ServerRequest): boolean =>
  method === 'POST' &&
  (headers['content-type'] === contentType || headers['content-type'] === 'application/grpc')

const serve = async (
  request: Http2ServerRequest,
  input: DescMessage,
  handler: UnaryHandler,
  messageBytesMax: number,
): Promise<Answered> => {
  const timeout = request.headers['grpc-timeout']
  const { timeoutMs, error } = parseTimeout(timeout?.toString() ?? null, Infinity)
  if (error) throw error
  const startedMs = performance.now()
  const peer = request.socket.remoteAddress ?? ''
  const handled = received(request, messageBytesMax).then((bytes) =>
    handler(messageIn(bytes, input), {
      metadata: (name) => request.headers[name]?.toString(),
      peer,
      remainingMs: timeoutMs === undefined ? undefined : timeoutMs + startedMs - performance.now(),
    }),
  )
  return timeoutMs === undefined ? handled : withinDeadline(handled, timeoutMs)
}

const tooLarge = (bytesMax: number) =>
  new ConnectError(`a message may have ${bytesMax} bytes`, Code.ResourceExhausted)

const received = (request: Http2ServerRequest, bytesMax: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax + prefixBytes) chunks.push(chunk)
      else reject(tooLarge(bytesMax))
    })
    request.once('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
    )
    request.once('close', () => reject(new ConnectError('the client has gone', Code.Canceled)))
  })

const messageIn = (bytes: Buffer, input: DescMessage): Message => {
  if (bytes.length < prefixBytes || bytes.readUInt32BE(1) !== bytes.length - prefixBytes)
    throw new ConnectError('send one message, and all of it', Code.InvalidArgument)
  if (bytes[0] !== 0) throw new ConnectError('messages are not compressed', Code.Unimplemented)
  try {
    return fromBinary(input, bytes.subarray(prefixBytes))
  } catch {
    throw new ConnectError('the message is not as proto/ has it', Code.InvalidArgument)
  }
}

const framed = (output: DescMessage, message: Message): Buffer => {
  const bytes = toBinary(output, message)
  const frame = Buffer.allocUnsafe(prefixBytes + bytes.length)
  frame.writeUInt8(0, 0)
  frame.writeUInt32BE(bytes.length, 1)
  frame.set(bytes, prefixBytes)
  return frame
}

type Fields = Readonly<Record<string, string>>

const answer = (
  response: Http2ServerResponse,
  headers: Fields,
  trailers: Fields,
  message?: Buffer,
): void => {
  const { stream } = response
  if (stream.destroyed || response.headersSent) return
  // A client that still sends its message is told to stop, behind the trailers.
  stream.once('wantTrailers', () =>
    setImmediate(() => {
      if (!stream.destroyed && stream.state.remoteClose === 0)
        stream.close(constants.NGHTTP2_NO_ERROR)
    }),
  )
  response.writeHead(200, headers)
  response.addTrailers(trailers)
  response.end(message ?? '')
}
