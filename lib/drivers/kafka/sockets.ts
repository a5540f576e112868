// The connections of one kafkajs client, owned by us: when the last is lost, and which are silent.
// kafkajs waits 30 s for an answer and then asks again over the same connection, which may have
// died without a FIN. A worker was seen to apply nothing for 137 s while new connections worked.

import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

export type OwnSockets = {
  /** For kafkajs: it opens every connection through this. */
  readonly factory: ISocketFactory
  /** Rejects once the last of the open connections is closed, by whichever side. */
  readonly lost: Promise<never>
  /** Why a connection failed last; undefined once one works. */
  lastFault(): Error | undefined
  /** For good: kafkajs reaches nobody through these any more, and gives up what it tries. */
  discard(): void
}

export type SilenceBounds = {
  /** A request without an answer, and without one byte received, for this long: silent. */
  readonly silentMsMax: number
  /** The broker answers JoinGroup and SyncGroup when the whole group has come together. */
  readonly groupSilentMsMax?: number
  /** Called for each connection that is begun. */
  readonly onOpen?: () => void
  /** Called for each connection that is destroyed for its silence. */
  readonly onSilent?: (reason: string) => void
  /** Called for each connection that fails. kafkajs tries again and says nothing. */
  readonly onFault?: (fault: Error) => void
}

/** The broker took a connection, and closed it before it had answered anything of substance. */
export class ClosedUnanswered extends Error {
  override readonly name = 'ClosedUnanswered'
}
/** A broker that wants TLS, or a login, still says which versions it speaks. */
const answersToStrangersMax = 1

/** An error, for kafkajs does not learn of a close: its requests and timers would stay for 30 s. */
const discardedReason = 'this client was given up'

/**
 * kafkajs turns whatever a factory throws into an error that it retries, with the same message: it would
 * go on for minutes, many a second while a broker is down. Reading the message of this one throws
 * another, which kafkajs does not retry.
 */
class Discarded extends Error {
  override get message(): string {
    throw Object.assign(new Error(discardedReason), { retriable: false })
  }
}

/** The clock of silence. It stands still while this process is frozen, so waking up finds no silence. */
const tickMs = 250

export const createOwnSockets = (bounds: SilenceBounds): OwnSockets => {
  /** With what to do when another connection to the same broker was found silent. */
  const sockets = new Map<Socket, { readonly broker: string; readonly suspect: () => void }>()
  let discarded = false
  let lastFault: Error | undefined
  let lose: (error: Error) => void = () => {}
  const lost = new Promise<never>((_, reject) => (lose = reject))
  lost.catch(() => {}) // whoever waits for it sees it

  return {
    factory({ host: name, port, ssl, onConnect }) {
      if (discarded) throw new Discarded()
      // An IPv6 address as client.ts had to write it.
      const host = /^\[.*\]$/.test(name) ? name.slice(1, -1).replaceAll('_', ':') : name
      bounds.onOpen?.()
      // Without TLS kafkajs passes undefined or null, whatever its types say.
      const options = ssl as typeof ssl | null | undefined
      const socket = options
        ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...options })
        : connectTcp({ host, port })
      socket.once(options ? 'secureConnect' : 'connect', onConnect)
      socket.setNoDelay(true)
      const broker = `${host}:${port}`
      const suspect = destroyWhenSilent(socket, options ? 'secureConnect' : 'connect', {
        ...bounds,
        onSilent(reason) {
          bounds.onSilent?.(reason)
          for (const other of sockets.values()) if (other.broker === broker) other.suspect()
        },
      })
      sockets.set(socket, { broker, suspect })
      recordFaults(socket, broker, (fault) => {
        if (discarded) return
        lastFault = fault
        if (fault) bounds.onFault?.(fault)
      })
      socket.once('close', () => {
        sockets.delete(socket)
        if (sockets.size === 0) lose(new Error(`the connection to ${broker} was lost`))
      })
      return socket
    },
    lost,
    lastFault: () => lastFault,
    discard() {
      discarded = true
      for (const socket of sockets.keys()) socket.destroy(new Error(discardedReason))
    },
  }
}

/** `onFault`: why it failed; undefined once it works. */
const recordFaults = (
  socket: Socket,
  broker: string,
  onFault: (fault: Error | undefined) => void,
) => {
  let answers = 0
  const countFrames = createFrameCounter()
  const isStranger = () => answers <= answersToStrangersMax
  const closed = `${broker} closed the connection unanswered`
  socket.on('data', (chunk: Buffer) => {
    if (!isStranger()) return
    answers += countFrames(chunk)
    if (!isStranger()) onFault(undefined)
  })
  socket.once('end', () => {
    if (isStranger() && !socket.writableEnded) onFault(new ClosedUnanswered(closed))
  })
  socket.once('error', (error: NodeJS.ErrnoException) => {
    const isHangUp = error.code === 'ECONNRESET' || error.code === 'EPIPE'
    onFault(isHangUp && isStranger() ? new ClosedUnanswered(closed, { cause: error }) : error)
  })
}

/** Returns how to destroy it also when it has merely been quiet, unless it waits for its group. */
const destroyWhenSilent = (
  socket: Socket,
  connected: 'connect' | 'secureConnect',
  { silentMsMax, groupSilentMsMax = silentMsMax, onSilent }: SilenceBounds,
) => {
  /** How long each request that waits for its answer may wait. The broker answers in order. */
  const waiting: number[] = []
  let isConnecting = true
  let silentTicks = 0
  /** Since anything was received, whether anything was asked for or not. */
  let quietTicks = 0
  const countFrames = createFrameCounter()

  socket.once(connected, () => {
    isConnecting = false
    silentTicks = 0
  })
  socket.on('data', (chunk: Buffer) => {
    silentTicks = 0
    quietTicks = 0
    waiting.splice(0, countFrames(chunk))
  })
  const write = socket.write.bind(socket)
  // kafkajs writes each request in one piece.
  socket.write = ((...args: Parameters<typeof write>) => {
    if (waiting.length === 0) silentTicks = 0
    waiting.push(isGroupRequest(args[0]) ? groupSilentMsMax : silentMsMax)
    return write(...args)
  }) as typeof write

  const ticking = setInterval(() => {
    const allowedMs = waiting[0]
    const isClosing = socket.writableEnded
    quietTicks++
    if (!isConnecting && !isClosing && allowedMs === undefined) return
    silentTicks++
    if (silentTicks * tickMs < (allowedMs ?? silentMsMax)) return
    // With an error, kafkajs would fail what it sends over the connection that replaced this one.
    if (isClosing) socket.destroy()
    else {
      const reason = isConnecting
        ? `no connection within ${silentMsMax} ms`
        : `a request had no answer and the connection was silent for ${allowedMs} ms`
      // kafkajs learns of an error only, not of a close.
      socket.destroy(new Error(reason))
      onSilent?.(reason)
    }
  }, tickMs)
  ticking.unref()
  socket.once('close', () => clearInterval(ticking))

  // kafkajs uses two connections to a broker, one after the other: found silent one by one, they would
  // take twice as long.
  return () => {
    const waitsForGroup = waiting[0] !== undefined && waiting[0] > silentMsMax
    if (isConnecting || waitsForGroup || quietTicks * tickMs < silentMsMax / 2) return
    socket.destroy(new Error('another connection to the same broker was silent'))
  }
}

const joinGroupKey = 11
const syncGroupKey = 14
/** A request begins with its length (4 bytes), then says which one it is. */
const isGroupRequest = (request: unknown): boolean => {
  if (!Buffer.isBuffer(request) || request.length < 6) return false
  const key = request.readInt16BE(4)
  return key === joinGroupKey || key === syncGroupKey
}

/** Counts the answers that chunks complete: each is its length in 4 bytes, then as many bytes. */
export const createFrameCounter = () => {
  let headerBytes = 0
  let header = 0
  let bodyLeft = 0
  return (chunk: Buffer): number => {
    let frames = 0
    let at = 0
    while (at < chunk.length) {
      if (headerBytes < 4) {
        header = header * 256 + (chunk[at++] as number)
        headerBytes++
        if (headerBytes < 4) continue
        bodyLeft = header
      }
      const skipped = Math.min(bodyLeft, chunk.length - at)
      at += skipped
      bodyLeft -= skipped
      if (bodyLeft === 0) {
        frames++
        headerBytes = 0
        header = 0
      }
    }
    return frames
  }
}
