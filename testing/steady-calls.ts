// Clients of gRPC that call without pause while servers come and go, and one that watches the public
// list: what became of each call, and whether an event was lost or came twice.

import { setTimeout as delay } from 'node:timers/promises'
import { Client, credentials, Metadata, status as codes, type ServiceError } from '@grpc/grpc-js'
import type { Test } from 'tap'
import { positionOf } from '../lib/domain/event.ts'
import { openStream, type Caller } from './grpc-stream.ts'
import { loopback, method, type Fields } from './grpc.ts'

export type FailedCall = {
  readonly rpc: string
  readonly code: string
  readonly details: string
  readonly sentMs: number
  readonly failedMs: number
}

export type SteadyCalls = {
  readonly failures: readonly FailedCall[]
  /** Titles by id, of the todos that were acknowledged. */
  readonly acknowledged: ReadonlyMap<string, string>
  /** Ids of the todos whose creation was heard, in order. */
  readonly heard: readonly string[]
  /** What should not be heard: events that are missing, or came twice. */
  readonly faults: readonly string[]
  /** How the streams of the one who watches have ended. */
  readonly ends: readonly string[]
  answered(): number
  /** Resolves when each call has its answer. The one who watches goes on. */
  stopCalling(): Promise<void>
  stopWatching(): Promise<void>
}

const callersOfEach = 2
const pauseMs = 20

type Kind = {
  readonly rpc: string
  readonly message: () => Fields
  readonly onAnswer?: (sent: Fields, answer: Fields) => void
}
const list: Kind = { rpc: 'todos.v1.TodoService/ListTodos', message: () => ({ limit: 10 }) }

/** The one who watches is watching when it resolves. */
export const startSteadyCalls = async (
  t: Test,
  port: number,
  caller: Caller,
): Promise<SteadyCalls> => {
  const failures: FailedCall[] = []
  const acknowledged = new Map<string, string>()
  const heard: string[] = []
  const faults: string[] = []
  const ends: string[] = []
  let answered = 0
  let titles = 0
  let isCalling = true
  let isWatching = true

  const create: Kind = {
    rpc: 'todos.v1.TodoService/CreateTodo',
    message: () => ({ title: `call ${++titles}` }),
    onAnswer(sent, { accepted }) {
      acknowledged.set((accepted as { readonly id: string }).id, String(sent['title']))
    },
  }

  const run = async ({ rpc, message, onAnswer }: Kind) => {
    const definition = method(rpc)
    // A connection of its own.
    const client = new Client(`${loopback}:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    })
    const metadata = new Metadata({ waitForReady: true })
    metadata.set('authorization', caller.as.metadata.authorization)
    const call = (sent: Fields) =>
      new Promise<Fields>((resolve, reject) =>
        client.makeUnaryRequest(
          definition.path,
          definition.requestSerialize,
          definition.responseDeserialize,
          sent,
          metadata,
          (error, value) => (error ? reject(error) : resolve(value as Fields)),
        ),
      )
    while (isCalling) {
      const sentMs = performance.now()
      const sent = message()
      try {
        const answer = await call(sent)
        onAnswer?.(sent, answer)
        answered++
      } catch (error) {
        const { code, details } = error as ServiceError
        failures.push({ rpc, code: codes[code], details, sentMs, failedMs: performance.now() })
      }
      await delay(pauseMs)
    }
    client.close()
  }

  let position = ''
  let onWatching = () => {}
  const watching = new Promise<void>((resolve) => (onWatching = resolve))
  const onEvent = (event: Fields) => {
    const [before, now] = [positionOf(position), positionOf(String(event['position']))]
    position = String(event['position'])
    if (event['event'] === 'subscribed') return onWatching()
    if (before && now && (now.epoch !== before.epoch || now.number !== before.number + 1))
      faults.push(`${String(event['event'])} at ${JSON.stringify([before, now])}`)
    if (event['event'] === 'gap') faults.push(`gap at ${position}, behind ${before?.number}`)
    const created = event['created'] as { readonly todo: { readonly id: string } } | null
    if (created) heard.push(created.todo.id)
  }
  let endWatch = () => {}
  const watch = async () => {
    while (isWatching) {
      const request = { channel: 'todos', ...(position !== '' && { since: position }) }
      const stream = openStream(t, port, 'Watch', caller, request)
      endWatch = () => stream.call.cancel()
      stream.onMessage(({ event }) => {
        if (event) onEvent(event as Fields)
      })
      ends.push(codes[await stream.over] as string)
      if (isWatching) await delay(pauseMs)
    }
  }

  const watched = watch()
  await watching
  // Behind it: what was created before is no event for who had not joined yet.
  const running = Array.from({ length: callersOfEach }, () => [run(list), run(create)]).flat()
  t.teardown(() => {
    isCalling = false
    isWatching = false
    endWatch()
  })
  return {
    failures,
    acknowledged,
    heard,
    faults,
    ends,
    answered: () => answered,
    async stopCalling() {
      isCalling = false
      await Promise.all(running)
    },
    async stopWatching() {
      isWatching = false
      endWatch()
      await watched
    },
  }
}
