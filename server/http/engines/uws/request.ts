// A request of uWebSockets.js, whose own is gone once the route's callback returns: what a handler may
// need of it is copied. A class, and one array for all headers: it is made for each request.

import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import { Problem } from '../../problem.ts'
import { badHost } from '../../problems.ts'
import { isHost, splitTarget, type Body, type Reply, type Request } from '../engine.ts'

export class UwsRequest implements Request {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly decided: Reply | undefined
  /** The connection has ended: nobody is left to answer. */
  isAborted = false
  readonly #response: HttpResponse
  /** Name, value, name, value, … */
  readonly #headers: readonly string[]
  #onAborted: (() => void) | undefined

  constructor(response: HttpResponse, received: HttpRequest, method: string, target: string) {
    const { path, query } = splitTarget(target)
    this.method = method
    this.path = path
    this.query = query
    this.#response = response
    this.#headers = headersOf(received)
    this.decided = isHost(this.header('host')) ? undefined : badHostReply
    response.onAborted(() => {
      this.isAborted = true
      this.#onAborted?.()
    })
  }

  header(name: string): string | undefined {
    const headers = this.#headers
    let value: string | undefined
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] === name)
        value = value === undefined ? headers[i + 1] : `${value}, ${headers[i + 1]}`
    }
    return value
  }

  body(bytesMax: number): Promise<Body> {
    return new Promise((resolve) => {
      this.#onAborted = () => resolve(cutShort)
      if (Number(this.header('content-length') ?? 0) > bytesMax) {
        resolve(tooLarge)
        return
      }
      const earlier: Buffer[] = []
      let bytes = 0
      this.#response.onData((chunk, isLast) => {
        bytes += chunk.byteLength
        if (bytes > bytesMax) {
          resolve(tooLarge)
          return
        }
        // uWS takes the chunk's memory back when this callback returns.
        const copy = Buffer.from(new Uint8Array(chunk))
        if (!isLast) earlier.push(copy)
        else if (earlier.length === 0) resolve({ kind: 'read', bytes: copy })
        else resolve({ kind: 'read', bytes: Buffer.concat([...earlier, copy]) })
      })
    })
  }

  remoteAddress(): string {
    return peerOf(this.#response)
  }

  /** From now on `callback` learns of it, and not who reads the body. */
  whenAborted(callback: () => void): void {
    this.#onAborted = callback
  }
}

export const peerOf = (response: HttpResponse): string =>
  Buffer.from(response.getRemoteAddressAsText()).toString('latin1')

const badHostReply = new Problem(badHost).reply
const cutShort = { kind: 'cut-short' } as const
const tooLarge = { kind: 'too-large' } as const

let collected: string[] = []
const collect = (name: string, value: string) => {
  collected.push(name, value)
}
const headersOf = (received: HttpRequest): readonly string[] => {
  collected = []
  received.forEach(collect)
  return collected
}
