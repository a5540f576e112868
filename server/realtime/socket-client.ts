// One WebSocket: what its client asks for, in the order in which it asks, and what it is sent. What waits
// for a client that does not read is bounded: events are skipped, and it is told to read anew.

import { anyOf, type ChannelName } from '../../lib/domain/event.ts'
import { tooManyMessages, tooManySubscriptions } from '../http/access-problems.ts'
import { closeCodes, type WebSocket, type WebSocketListener } from '../http/engines/web-socket.ts'
import { Problem } from '../http/problem.ts'
import {
  endingOf,
  hasEnded,
  tokenCheckMs,
  type ClientParts,
  type Identity,
  type LiveClient,
} from './client.ts'
import type { Closing } from './counts.ts'
import {
  alreadySubscribed,
  anotherUser,
  authenticated,
  idOf,
  noPresence,
  notPresent,
  parseMessage,
  pong,
  problem,
  reconnect,
  unsubscribed,
  welcome,
  type ClientMessage,
  type Ending,
} from './protocol.ts'
import { createAllowance } from './rate.ts'
import { Watched } from './watched.ts'

/** Messages that wait for one before them: more wait for a database that does not answer. */
const waitingMax = 100
/** Answers may wait beside events; whoever asks on and reads nothing is cut. */
const answersFactor = 2

export type SocketClient = LiveClient & WebSocketListener

export const createSocketClient = (
  socket: WebSocket,
  known: Identity | undefined,
  { settings, channels, hub, presence, counts, verify, problemOf }: ClientParts,
  onClosed: () => void,
  startMs: number,
): SocketClient => {
  const { bufferedBytesMax, subscriptionsMax, heartbeatMs, idleTimeoutMs } = settings
  const watched = new Map<string, Watched>()
  const allowance = createAllowance(settings.messagesPerSecMax, startMs)
  let identity = known
  let isClosed = false
  let waiting = 0
  let tail = Promise.resolve()
  let nowMs = startMs
  let heardMs = startMs
  let watchedMs = startMs
  let pingedMs = startMs
  let checkedMs = startMs

  const close = (why: Closing, code: number, reason: string) => {
    if (isClosed) return
    counts.closed[why]++
    socket.close(code, reason)
    over()
  }

  const cut = (why: Closing) => {
    if (isClosed) return
    counts.closed[why]++
    socket.cut()
    over()
  }

  /** Nothing is sent any more. */
  const over = () => {
    if (isClosed) return
    isClosed = true
    for (const one of watched.values()) forget(one)
    onClosed()
  }

  const answer = (text: Buffer) => {
    if (isClosed) return
    if (socket.bufferedBytes() > bufferedBytesMax * answersFactor) cut('not-reading')
    else socket.send(text)
  }

  const refuse = (id: string | undefined, refusal: Problem) => {
    counts.refused++
    answer(problem(id, refusal))
  }

  const forget = (one: Watched) => {
    if (one.isOver) return
    one.isOver = true
    watched.delete(one.name)
    counts.subscriptions--
    one.subscription?.leave()
    one.membership?.leave()
  }

  const end = (one: Watched, reason: Ending, id?: string) => {
    if (one.isOver) return
    forget(one)
    if (reason !== 'asked') counts.closed[reason]++
    answer(unsubscribed(id, one.name, reason))
  }

  const bePresent = (one: Watched, channel: ChannelName, { principal }: Identity) => {
    one.membership = presence.join(channel, one.name, {
      userId: principal.userId,
      send(messages) {
        if (socket.bufferedBytes() > bufferedBytesMax) return false
        socket.sendAll(messages)
        return true
      },
    })
  }

  /** It reads again: what was skipped it must read anew. */
  const catchUp = () => {
    for (const one of watched.values()) one.catchUp()
  }

  /** What was looked up before access ended may still say that it is there. */
  const lookUp = async (one: Watched): Promise<ChannelName> => {
    for (;;) {
      one.isDoubtful = false
      const channel = await channels.resolve(identity?.principal, one.name)
      if (!one.isDoubtful || one.isOver) return channel
    }
  }

  const subscribe = async ({
    id,
    channel: name,
    since,
    presence: isPresent = false,
  }: Extract<ClientMessage, { type: 'subscribe' }>) => {
    if (watched.has(name)) throw new Problem(alreadySubscribed)
    if (isPresent && !channels.hasPresence(name)) throw new Problem(noPresence)
    if (watched.size >= subscriptionsMax) throw new Problem(tooManySubscriptions)
    const one = new Watched({ id, name, socket, bufferedBytesMax, counts, answer })
    // From here on it can be ended, as one that is watched.
    watched.set(name, one)
    counts.subscriptions++
    try {
      one.channel = await lookUp(one)
      if (one.isOver) return
      const subscription = await hub.subscribe(one.channel, name, since, one)
      if (one.isOver) {
        subscription.leave()
        return
      }
      one.subscription = subscription
      if (isPresent && identity) bePresent(one, one.channel, identity)
    } catch (error) {
      if (one.isOver) return
      forget(one)
      throw error
    }
  }

  const authenticate = (id: string | undefined, token: string) => {
    const principal = verify(token)
    if (identity && identity.principal.userId !== principal.userId) throw new Problem(anotherUser)
    identity = { token, principal }
    checkedMs = nowMs
    answer(authenticated(id, principal.userId))
  }

  const handle = async (message: ClientMessage): Promise<void> => {
    const { id } = message
    switch (message.type) {
      case 'authenticate':
        authenticate(id, message.token)
        return
      case 'subscribe':
        await subscribe(message)
        return
      case 'unsubscribe': {
        const one = watched.get(message.channel)
        if (one) end(one, 'asked', id)
        else answer(unsubscribed(id, message.channel, 'asked'))
        return
      }
      case 'typing': {
        const membership = watched.get(message.channel)?.membership
        if (!membership) throw new Problem(notPresent)
        membership.type(message.todo_id)
        return
      }
      case 'ping':
        answer(pong(id))
    }
  }

  const handleText = async (text: string): Promise<void> => {
    if (isClosed) return
    try {
      await handle(parseMessage(text))
    } catch (error) {
      refuse(idOf(text), problemOf(error))
    }
  }

  const heard = (): boolean => {
    nowMs = heardMs = performance.now()
    if (allowance.take(nowMs) && waiting < waitingMax) return true
    refuse(undefined, new Problem(tooManyMessages))
    close('too-many-messages', closeCodes.policyViolation, 'too many messages')
    return false
  }

  const checkToken = () => {
    checkedMs = nowMs
    if (!identity || !hasEnded(identity, verify)) return
    identity = undefined
    for (const one of [...watched.values()])
      if (channels.needsToken(one.name)) end(one, 'token-ended')
  }

  const { messageBytesMax } = settings
  socket.send(welcome({ heartbeatMs, subscriptionsMax, messageBytesMax }))
  if (identity) socket.send(authenticated(undefined, identity.principal.userId))

  return {
    onText(text) {
      if (isClosed || !heard()) return
      waiting++
      tail = tail.then(() => handleText(text)).finally(() => waiting--)
    },
    onControl() {
      if (!isClosed) heard()
    },
    onDrain: catchUp,
    onClose: over,
    identity: () => identity,
    checkToken,
    checkChannel(channel) {
      for (const one of watched.values()) {
        // Still unknown, it may be this one.
        if (one.channel === undefined) one.isDoubtful = true
        if (one.channel === undefined || (channel !== anyOf && one.channel !== channel)) continue
        if (!channels.needsToken(one.name)) continue
        void endingOf(channels, identity?.principal, one.name, problemOf).then((ending) => {
          if (ending) end(one, ending)
        })
      }
    },
    tick(atMs) {
      nowMs = atMs
      if (watched.size > 0) watchedMs = nowMs
      if (nowMs - heardMs > idleTimeoutMs) cut('idle')
      else if (nowMs - watchedMs > idleTimeoutMs)
        close('idle', closeCodes.policyViolation, 'watches nothing')
      else if (nowMs - pingedMs >= heartbeatMs) {
        pingedMs = nowMs
        socket.ping()
      }
      if (nowMs - checkedMs >= tokenCheckMs) checkToken()
      if (socket.bufferedBytes() <= bufferedBytesMax / 2) catchUp()
    },
    bufferedBytes: () => socket.bufferedBytes(),
    cut: () => cut('not-reading'),
    leave(afterMs, code) {
      answer(reconnect(afterMs))
      close('draining', code, 'this process leaves')
    },
  }
}
