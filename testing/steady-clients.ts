// Clients that ask without pause while servers come and go, and know what became of each request. An
// answer with `Connection: close` is the last of its connection. What was sent behind it has not been
// processed (RFC 9112 section 9.6). It is counted as such and sent again on another connection. A
// request that got no answer, or another one than is due, is a failure.

import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { loopback } from '../scripts/stack/ports.ts'

export type SteadyRequest = {
  readonly bytes: string
  readonly status: number
  /** What to remember of it: a title. */
  readonly name: string
}

export type Failure = {
  readonly client: string
  readonly name: string
  readonly reason: string
  readonly sentMs: number
  readonly failedMs: number
}

export type Client = {
  readonly name: string
  /** Requests that are on their way at once, on one connection. */
  readonly depth: number
  /** After so many answers it opens another connection. */
  readonly requestsPerConnection?: number
  /** Between an answer and the next request, where the depth is 1. */
  readonly pauseMs?: number
  readonly next: () => SteadyRequest
  readonly onAnswer?: (request: SteadyRequest, body: string) => void
}

export type SteadyClients = {
  readonly failures: readonly Failure[]
  /** Names of requests that were sent and known, from an answer before theirs, to be unprocessed. */
  readonly unprocessed: readonly string[]
  answered(): number
  connections(): number
  /** Answers that said `Connection: close`. */
  closed(): number
  /** Resolves when each has its last answers. */
  stop(): Promise<void>
}

const answerTimeoutMs = 20_000

export const startSteadyClients = (port: number, clients: readonly Client[]): SteadyClients => {
  const failures: Failure[] = []
  const unprocessed: string[] = []
  let answered = 0
  let connections = 0
  let closed = 0
  let stopped = false

  /** One connection, until it is closed or its requests are used up. */
  const converse = (client: Client) =>
    new Promise<void>((resolve) => {
      const { depth, requestsPerConnection = Infinity, pauseMs = 0 } = client
      const waiting: (SteadyRequest & { sentMs: number })[] = []
      let sent = 0
      let received = ''
      let isClosing = false
      const socket: Socket = connect({ port, host: loopback, noDelay: true })
      connections++

      const fail = (reason: string) => {
        const failedMs = performance.now()
        for (const { name, sentMs } of isClosing ? [] : waiting.splice(0)) {
          failures.push({ client: client.name, name, reason, sentMs, failedMs })
        }
        finish()
      }
      const finish = () => {
        clearTimeout(timer)
        socket.destroy()
        resolve()
      }
      const timer = setTimeout(fail, answerTimeoutMs, 'no answer in time').unref()
      const send = (count: number) => {
        const requests = Array.from(
          { length: Math.min(count, requestsPerConnection - sent) },
          client.next,
        )
        sent += requests.length
        for (const one of requests) waiting.push({ ...one, sentMs: performance.now() })
        socket.write(requests.map(({ bytes }) => bytes).join(''))
      }
      const onAnswer = (head: string, body: string) => {
        const due = waiting.shift()
        if (!due) return fail('an answer to nothing')
        timer.refresh()
        answered++
        const status = Number(head.slice(9, 12))
        if (status !== due.status) {
          const { name, sentMs } = due
          const reason = `${status} ${body.slice(0, 300)}`
          failures.push({
            client: client.name,
            name,
            reason,
            sentMs,
            failedMs: performance.now(),
          })
        } else client.onAnswer?.(due, body)
        if (!/\r\nconnection: close/i.test(head)) return
        isClosing = true
        closed++
        unprocessed.push(...waiting.splice(0).map(({ name }) => name))
      }
      socket.setEncoding('latin1')
      socket.on('connect', () => send(depth))
      socket.on('data', (chunk: unknown) => {
        received += chunk as string
        let answers = 0
        for (
          let answer = firstAnswer(received);
          answer && !isClosing;
          answer = firstAnswer(received)
        ) {
          received = received.slice(answer.length)
          answers++
          onAnswer(answer.head, answer.body)
        }
        if (isClosing) {
          received = ''
          socket.end()
        } else if (waiting.length === 0 && (stopped || sent >= requestsPerConnection)) finish()
        else if (stopped || answers === 0) return
        else if (pauseMs > 0) setTimeout(() => !socket.destroyed && send(answers), pauseMs)
        else send(answers)
      })
      socket.on('error', (error) => fail(error.message))
      socket.on('close', () => fail('closed without an answer'))
    })

  const run = async (client: Client) => {
    while (!stopped) {
      await converse(client)
      if (client.pauseMs) await delay(client.pauseMs)
    }
  }
  const running = clients.map(run)
  return {
    failures,
    unprocessed,
    answered: () => answered,
    connections: () => connections,
    closed: () => closed,
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

const firstAnswer = (stream: string) => {
  const end = stream.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = stream.slice(0, end)
  const length = end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
  return stream.length < length ? undefined : { head, body: stream.slice(end + 4, length), length }
}

export const get = (target: string, ...headers: readonly string[]): SteadyRequest => ({
  bytes: [`GET ${target} HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n'),
  status: 200,
  name: target,
})

export const post = (token: string, title: string): SteadyRequest => {
  const body = JSON.stringify({ title })
  const lines = [
    'POST /todos HTTP/1.1',
    'Host: a',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    '',
    body,
  ]
  return { bytes: lines.join('\r\n'), status: 202, name: title }
}
