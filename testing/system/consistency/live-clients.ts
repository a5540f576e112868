// Clients that watch the lists while the system is hurt. They come back after each fault from where they
// were, read the list when they are told to, and remember all that they heard: check-live.ts judges it.

import { Agent, get } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { loopback } from '../../../scripts/stack/ports.ts'
import { tokens } from './clients.ts'
import type { Heard, LiveHistory, Place } from './evidence.ts'
import { placeOf, readList, shownOf, type ApiTodo } from './read-list.ts'

export type LiveClients = {
  readonly histories: readonly LiveHistory[]
  /** For the run's report. */
  counts(): string
  stop(): void
}

type User = keyof typeof tokens
type Channel = LiveHistory['channel']
/** What a client is told, over a socket or a stream. */
type Told =
  | {
      readonly type: 'subscribed' | 'gap'
      readonly position: string
      /** Of the list that is to be read; undefined: none is. */
      readonly version?: number
    }
  | { readonly type: 'event'; readonly position: string; readonly data: Change }
type Change =
  | { readonly kind: 'created' | 'updated'; readonly revision: number; readonly todo: ApiTodo }
  | { readonly kind: 'deleted'; readonly revision: number; readonly id: string }
type Watch = {
  readonly port: number
  readonly channel: Channel
  readonly token: string
  readonly since: string | undefined
  readonly signal: AbortSignal
  readonly onTold: (told: Told) => void
}
/** Resolves when it is over, whatever the reason. */
type Transport = (watch: Watch) => Promise<void>

/** Before a client comes back, or reads a list again that was too old. */
const pauseMs = 100
/** The server pings, or sends a comment, each 25 s. Nothing here is frozen for longer than 15. */
const silenceMs = 60_000

export const startLiveClients = (port: number): LiveClients => {
  const stopping = new AbortController()
  const { signal } = stopping
  const counts = { connections: 0, reads: 0, olds: 0 }
  const start = (
    name: string,
    channel: Channel,
    userId: User,
    transport: Transport,
  ): LiveHistory => {
    const heard: Heard[] = []
    let at: string | undefined
    /** Of the list that is to be read: what is read for an earlier gap is thrown away. */
    let wanted = 0
    const readAnew = async (version: number) => {
      const mine = ++wanted
      while (mine === wanted && !signal.aborted) {
        counts.reads++
        const read = await readList(port, channel, userId, version).catch(() => 'failed' as const)
        if (read === undefined) counts.olds++
        else if (read !== 'failed') {
          if (mine === wanted) heard.push({ kind: 'list', todos: read })
          return
        }
        await delay(pauseMs)
      }
    }
    const onTold = (told: Told) => {
      const place = placeOf(told.position)
      switch (told.type) {
        case 'subscribed':
          heard.push({ kind: 'subscribed', place, since: at === undefined ? at : placeOf(at) })
          if (at === undefined) void readAnew(versionIn(told))
          // Whoever comes back is where it was, until it hears more.
          at ??= told.position
          return
        case 'gap':
          heard.push({ kind: 'gap', place })
          void readAnew(versionIn(told))
          break
        case 'event':
          heard.push(eventOf(place, told.data))
      }
      at = told.position
    }
    const run = async () => {
      while (!signal.aborted) {
        counts.connections++
        const token = tokens[userId]
        await transport({ port, channel, token, since: at, signal, onTold }).catch(() => {})
        await delay(pauseMs)
      }
    }
    void run()
    return { name, channel, userId, heard }
  }
  const histories = [
    start("ann's socket", 'todos', 'ann', overWebSocket),
    start("bob's stream", 'todos', 'bob', overEventStream),
    start("ann's own socket", 'mine', 'ann', overWebSocket),
    start("bob's own socket", 'mine', 'bob', overWebSocket),
    start("bob's own stream", 'mine', 'bob', overEventStream),
  ]
  return {
    histories,
    counts() {
      const of = (kind: Heard['kind']) =>
        histories.reduce((sum, one) => sum + one.heard.filter((h) => h.kind === kind).length, 0)
      return `${of('event')} events, ${of('gap')} gaps, ${counts.reads} reads (${counts.olds} too old), ${counts.connections} connections`
    },
    stop: () => stopping.abort(),
  }
}

const versionIn = ({ type, version }: Extract<Told, { type: 'subscribed' | 'gap' }>): number => {
  if (version === undefined) throw new Error(`a ${type} says not how new the list must be`)
  return version
}

const eventOf = (place: Place, change: Change): Heard => {
  const { revision } = change
  if (change.kind === 'deleted')
    return { kind: 'event', place, todoId: change.id, revision, todo: undefined }
  const { todo } = change
  return { kind: 'event', place, todoId: todo.id, revision, todo: shownOf(todo) }
}

const overWebSocket: Transport = ({ port, channel, token, since, signal, onTold }) =>
  new Promise((resolve) => {
    const protocols = ['todos.v1', `bearer.${token}`]
    const socket = new WebSocket(`ws://${loopback}:${port}/v1/live`, protocols)
    const cut = () => socket.terminate()
    let silence = setTimeout(cut, silenceMs)
    const live = () => {
      clearTimeout(silence)
      silence = setTimeout(cut, silenceMs)
    }
    signal.addEventListener('abort', cut)
    socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', channel, since })))
    socket.on('ping', live)
    socket.on('message', (data: Buffer) => {
      live()
      const message = JSON.parse(data.toString()) as { type: string }
      if (isTold(message)) onTold(message)
      // Refused, or not watched any more.
      if (message.type === 'problem' || message.type === 'unsubscribed') cut()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(silence)
      signal.removeEventListener('abort', cut)
      resolve()
    })
  })

const isTold = (message: { type: string }): message is Told =>
  ['subscribed', 'gap', 'event'].includes(message.type)

const overEventStream: Transport = ({ port, channel, token, since, signal, onTold }) =>
  new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(since !== undefined && { 'last-event-id': since }),
    }
    const path = `/v1/events?channel=${channel}`
    const agent = new Agent()
    const sent = get({ agent, port, host: loopback, path, headers, signal }, (response) => {
      if (response.statusCode !== 200) sent.destroy()
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        const parts = (text + chunk).split('\n\n')
        text = parts.pop() ?? ''
        for (const told of parts.map(toldIn)) if (told) onTold(told)
      })
      response.on('error', reject)
      response.on('close', resolve)
    })
    sent.setTimeout(silenceMs, () => sent.destroy())
    sent.on('error', reject)
  })

/** Undefined for a comment, and for what says nothing of the channel. */
const toldIn = (part: string): Told | undefined => {
  const fields = new Map(
    part.split('\n').map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
    }),
  )
  const [position, data, type = 'event'] = ['id', 'data', 'event'].map((name) => fields.get(name))
  if (position === undefined || data === undefined) return undefined
  if (type === 'event') return { type, position, data: JSON.parse(data) as Change }
  if (type !== 'subscribed' && type !== 'gap') return undefined
  return { ...(JSON.parse(data) as { version?: number }), type, position }
}
