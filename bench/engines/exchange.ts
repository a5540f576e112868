// Sends requests on a raw socket and keeps every byte of the answers. What is compared byte for byte
// must not have passed through a client that parses, joins or decompresses.

import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export type Answer = {
  readonly status: number
  /** Names as they were sent. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
  /** Head and body as they came. */
  readonly whole: Buffer
}

const timeoutMs = 5_000
const headEnd = '\r\n\r\n'

/** The very bytes that wrk sends. */
export const requestTo = (origin: string, target: string): string =>
  `GET ${target} HTTP/1.1\r\nHost: ${new URL(origin).host}\r\n\r\n`

/** The first whole answer in `bytes`, undefined when more must come. */
export const parseAnswer = (bytes: Buffer): Answer | undefined => {
  const end = bytes.indexOf(headEnd)
  if (end === -1) return undefined
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const length = headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1]
  if (length === undefined) throw new Error(`an answer without Content-Length: ${statusLine}`)
  const bodyStart = end + headEnd.length
  const whole = bytes.subarray(0, bodyStart + Number(length))
  if (whole.length < bodyStart + Number(length)) return undefined
  return {
    status: Number(statusLine.split(' ')[1]),
    headers,
    whole,
    body: whole.subarray(bodyStart),
  }
}

/** What `connect` takes: a URL has an IPv6 address in brackets. */
export const endpointOf = (origin: string): { readonly host: string; readonly port: number } => {
  const { hostname, port } = new URL(origin)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) }
}

/**
 * `ready` is called once it can send. Any certificate will do: what stands on this machine to be measured
 * has made its own.
 */
export const connectTo = (origin: string, ready: () => void): Socket => {
  const endpoint = endpointOf(origin)
  return new URL(origin).protocol === 'https:'
    ? connectTls({ ...endpoint, rejectUnauthorized: false }, ready)
    : connect(endpoint, ready)
}

/** Sends `count` requests at once to `origin`, such as `http://host:port`; resolves with their answers. */
export const exchange = (origin: string, target: string, count: number): Promise<Answer[]> =>
  new Promise((resolve, reject) => {
    const answers: Answer[] = []
    let rest = Buffer.alloc(0)
    let chunks: Buffer[] = []
    let waitsFor = 0
    const socket = connectTo(origin, () => socket.write(requestTo(origin, target).repeat(count)))
    socket.setTimeout(timeoutMs)
    const fail = (error: Error) => {
      socket.destroy()
      reject(new Error(`${answers.length} of ${count} answers, then: ${error.message}`))
    }
    socket.on('timeout', () => fail(new Error(`nothing for ${timeoutMs / 1000} s`)))
    socket.on('error', fail)
    socket.on('end', () => fail(new Error('the server closed the connection')))
    socket.on('data', (data: Buffer) => {
      chunks.push(data)
      waitsFor -= data.length
      if (waitsFor > 0) return
      rest = Buffer.concat([rest, ...chunks])
      chunks = []
      try {
        for (let answer; (answer = parseAnswer(rest)); rest = rest.subarray(answer.whole.length)) {
          answers.push(answer)
        }
      } catch (error) {
        fail(error as Error)
        return
      }
      // Answers are alike: until another can be whole, chunks are only collected.
      waitsFor = (answers[0]?.whole.length ?? 0) - rest.length
      if (answers.length < count) return
      socket.destroy()
      resolve(answers)
    })
  })
