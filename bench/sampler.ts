// Reads answers aside while others load the server: a generator counts bytes, this one checks them. It
// sends a burst as deep as the load's on one connection, again and again. Each answer must be a list of
// the right length, newest first. While nobody writes, it is always the same one. Also times single
// requests, for generators whose own times can't be trusted.

import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { endpointOf, parseAnswer } from './engines/exchange.ts'
import type { Samples } from './result.ts'

export type Sampler = {
  /** Ends it; what was seen, and how long single requests took. */
  stop(): Promise<Omit<Samples, 'matchesAtEnd'> & { readonly latenciesUs: readonly number[] }>
}

export type SamplerPlan = {
  readonly origin: string
  readonly path: string
  /** Requests in each burst. */
  readonly depth: number
  /** The list that every answer must be; null while it changes, or where it is not known. */
  readonly expected: unknown
  /** How many todos an answer must have; null where that is not known. */
  readonly length: number | null
  /** Something else, of a server that is not ours: whether it is always the same is all that is asked. */
  readonly isList: boolean
}

const burstEveryMs = 100
const singlesEveryMs = 2
const answerTimeoutMs = 5_000
/** A request that is open for so long at the end was not answered. */
const silentMs = 1_000

export const startSampler = (plan: SamplerPlan): Sampler => {
  const bodies = new Set<string>()
  const latenciesUs: number[] = []
  let taken = 0
  let wrong = 0
  let complaint: string | null = null
  let isOver = false
  /** When the single request was sent that is not answered yet. */
  let singleSinceMs = Infinity

  const objectTo = (why: string) => {
    wrong++
    complaint ??= why
  }
  const look = (status: number, body: string) => {
    taken++
    if (status !== 200) objectTo(`a ${status}: ${body.slice(0, 200)}`)
    else if (!bodies.has(body)) {
      const objection = objectionToList(body, plan)
      if (objection !== undefined) objectTo(objection)
      // While lists change there are many; only whether they differ is asked.
      if (bodies.size < 10_000) bodies.add(body)
    }
  }
  const ask = async (connection: Connection, count: number) => {
    try {
      for (const { status, body } of await connection.exchange(count)) look(status, body)
    } catch (error) {
      if (!isOver) objectTo((error as Error).message)
    }
  }
  const forBursts = keptConnection(plan)
  const forSingles = keptConnection(plan)
  const bursts = async () => {
    for (; !isOver; await delay(burstEveryMs)) await ask(forBursts, plan.depth)
  }
  const singles = async () => {
    for (; !isOver; await delay(singlesEveryMs)) {
      singleSinceMs = performance.now()
      await ask(forSingles, 1)
      latenciesUs.push((performance.now() - singleSinceMs) * 1000)
      singleSinceMs = Infinity
    }
  }
  const running = Promise.all([bursts(), singles()])
  return {
    async stop() {
      const openMs = performance.now() - singleSinceMs
      if (!isOver && openMs > silentMs) objectTo(`no answer for ${Math.round(openMs)} ms`)
      isOver = true
      forBursts.close()
      forSingles.close()
      await running
      return { taken, wrong, complaint, bodies: bodies.size, latenciesUs }
    },
  }
}

/** What is wrong with a body, undefined when it can be right. */
export const objectionToList = (
  body: string,
  { expected, length, isList }: Pick<SamplerPlan, 'expected' | 'length' | 'isList'>,
): string | undefined => {
  if (!isList) return undefined
  let list: unknown
  try {
    list = JSON.parse(body)
  } catch {
    return `a body that is not JSON: ${body.slice(0, 80)}`
  }
  if (!Array.isArray(list)) return `a body that is no list: ${body.slice(0, 80)}`
  if (length !== null && list.length !== length) {
    return `a list of ${list.length} todos, ${length} expected`
  }
  const times = list.map((todo) => String((todo as { created_at?: unknown }).created_at))
  if (times.some((time, i) => i > 0 && time > (times[i - 1] ?? ''))) {
    return 'a list that is not sorted, newest first'
  }
  if (expected !== null && !isDeepStrictEqual(list, expected)) {
    return 'a list that is not that of the database'
  }
  return undefined
}

type Exchanged = { readonly status: number; readonly body: string }

type Connection = {
  /** One exchange at a time. */
  exchange(count: number): Promise<Exchanged[]>
  close(): void
}

/** Made again when it is lost. */
const keptConnection = ({ origin, path }: SamplerPlan): Connection => {
  const { host } = new URL(origin)
  let kept: Socket | undefined
  return {
    exchange: (count) =>
      new Promise((resolve, reject) => {
        const socket = kept?.destroyed === false ? kept : connect(endpointOf(origin))
        kept = socket
        const answers: Exchanged[] = []
        let rest = Buffer.alloc(0)
        const end = (error?: Error) => {
          clearTimeout(timer)
          socket.removeAllListeners()
          socket.on('error', () => {})
          if (!error) return resolve(answers)
          socket.destroy()
          reject(error)
        }
        const timer = setTimeout(
          () => end(new Error(`no answer within ${answerTimeoutMs} ms`)),
          answerTimeoutMs,
        )
        socket.on('error', end)
        socket.on('close', () =>
          end(new Error(`the server closed a connection after ${answers.length} of ${count}`)),
        )
        socket.on('data', (data) => {
          rest = Buffer.concat([rest, data])
          try {
            for (let one; (one = parseAnswer(rest)); rest = rest.subarray(one.whole.length)) {
              answers.push({ status: one.status, body: one.body.toString() })
            }
          } catch (error) {
            return end(error as Error)
          }
          if (answers.length >= count) end()
        })
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(count))
      }),
    close: () => kept?.destroy(),
  }
}
