// One WebSocket for all that the page watches. It comes back by itself, and goes on where it was: the last
// position of each channel is kept, and what was missed comes first.

import { messageIn, type ServerMessage } from './messages.ts'

/** Between attempts: the first, twice as long after each, up to the last. */
const reconnectMs = { first: 500, last: 15_000 }
/** A browser shows no pings: the page sends its own, and waits so long for the answer. */
const pingEveryMs = 20_000
const pongWithinMs = 10_000

export type Watcher = {
  readonly channel: string
  readonly isPrivate: boolean
  readonly hasPresence: boolean
  readonly onMessage: (message: ServerMessage) => void
}

export type LiveParts = {
  readonly url: string
  /** Undefined for whoever is logged out. */
  readonly token: () => Promise<string | undefined>
  /** The server takes the token no more. */
  readonly onRefused: () => void
}

export const createLive = ({ url, token, onRefused }: LiveParts) => {
  let status = $state<'connecting' | 'live' | 'down'>('connecting')
  const watchers = new Map<string, Watcher>()
  const positions = new Map<string, string>()
  let socket: WebSocket | undefined
  let isAuthenticated = false
  let attempts = 0
  let afterMs: number | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let pinger: ReturnType<typeof setInterval> | undefined
  let silence: ReturnType<typeof setTimeout> | undefined

  const send = (message: object) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }
  const subscribe = ({ channel, hasPresence }: Watcher) =>
    send({
      type: 'subscribe',
      id: `watch:${channel}`.slice(0, 64),
      channel,
      since: positions.get(channel),
      ...(hasPresence && { presence: true }),
    })
  const authenticate = async () => {
    const now = await token()
    if (now !== undefined) send({ type: 'authenticate', id: 'token', token: now })
  }

  const connect = () => {
    clearTimeout(timer)
    const old = socket
    const opened = new WebSocket(url, 'todos.v1')
    socket = opened
    old?.close() // it may be connecting still
    isAuthenticated = false
    afterMs = undefined
    opened.onopen = () => {
      if (socket !== opened) return
      attempts = 0
      status = 'live'
      for (const one of watchers.values()) if (!one.isPrivate) subscribe(one)
      void authenticate()
      pinger = setInterval(ping, pingEveryMs)
    }
    opened.onmessage = ({ data }) => {
      if (socket !== opened) return
      clearTimeout(silence)
      silence = undefined
      const message = messageIn(data)
      if (message) take(message)
    }
    opened.onclose = () => {
      if (socket === opened) comeBack()
    }
  }

  const ping = () => {
    send({ type: 'ping' })
    silence ??= setTimeout(drop, pongWithinMs)
  }
  const drop = () => {
    const old = socket
    comeBack()
    old?.close()
  }
  const comeBack = () => {
    socket = undefined
    clearInterval(pinger)
    clearTimeout(silence)
    clearTimeout(timer)
    silence = undefined
    status = 'down'
    const pause = Math.min(reconnectMs.first * 2 ** attempts, reconnectMs.last)
    attempts = Math.min(attempts + 1, 10)
    timer = setTimeout(connect, afterMs ?? pause * (0.5 + Math.random() / 2))
  }

  const take = (message: ServerMessage) => {
    switch (message.type) {
      case 'authenticated':
        if (!isAuthenticated) {
          isAuthenticated = true
          for (const one of watchers.values()) if (one.isPrivate) subscribe(one)
        }
        return
      case 'reconnect':
        afterMs = message.after_ms
        return
      case 'problem': {
        if (message.id === 'token') return onRefused()
        const channel = /^watch:(.*)$/.exec(message.id ?? '')?.[1]
        const watcher = [...watchers.values()].find((one) => one.channel.startsWith(channel ?? '-'))
        watcher?.onMessage(message)
        // What can't be checked now may be watched in a while.
        if (watcher && message.problem.status >= 500) again(watcher)
        return
      }
      case 'welcome':
      case 'pong':
        return
      case 'unsubscribed': {
        const watcher = watchers.get(message.channel)
        watcher?.onMessage(message)
        if (message.reason === 'token-ended') {
          isAuthenticated = false
          void authenticate()
        }
        if (watcher && message.reason === 'unverified') again(watcher)
        return
      }
      default:
        if ('position' in message) positions.set(message.channel, message.position)
        watchers.get(message.channel)?.onMessage(message)
    }
  }
  const again = (watcher: Watcher) =>
    setTimeout(() => {
      if (watchers.get(watcher.channel) === watcher) subscribe(watcher)
    }, reconnectMs.first)

  connect()
  return {
    get status() {
      return status
    },
    /** Until the function that is returned is called. One watches a channel at a time. */
    watch(watcher: Watcher): () => void {
      // The list is read anew: positions of before say nothing about it.
      positions.delete(watcher.channel)
      watchers.set(watcher.channel, watcher)
      if (!watcher.isPrivate || isAuthenticated) subscribe(watcher)
      return () => {
        if (watchers.get(watcher.channel) !== watcher) return
        watchers.delete(watcher.channel)
        send({ type: 'unsubscribe', channel: watcher.channel })
      }
    },
    typing: (channel: string, todoId: string | undefined) =>
      send({ type: 'typing', channel, ...(todoId !== undefined && { todo_id: todoId }) }),
    /** There is a newer one, on the same socket. */
    renewToken: () => void authenticate(),
    /** Of another user, or of none: a socket is of one user. */
    reconnect() {
      attempts = 0
      positions.clear()
      drop()
      afterMs = 0
      clearTimeout(timer)
      connect()
    },
    /** The network is back. */
    wake() {
      if (status === 'down') connect()
      else ping()
    },
  }
}
export type Live = ReturnType<typeof createLive>
