// LISTEN on a connection of its own, that says when it was lost and when it is back. It is asked every
// second whether it still listens: a connection that fell silent, or whose server is now a standby,
// brings no notifications and no error either.

import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../../runtime/log.ts'
import type { Connection } from './connection.ts'
import { openPrimary } from './primary.ts'
import { ConnectionLost, ReadOnlyServer } from './errors.ts'
import { withTimeout } from '../../runtime/deadline.ts'

export type Listening = {
  readonly onNotify: (payload: string) => void
  /** Notifications may be missed from here on. */
  readonly onLost: () => void
  /** Listening, for the first time or again: whatever was missed must be queried now. */
  readonly onListening: () => void
}

const retryFirstMs = 200
const retryMaxMs = 1_000
const probeIntervalMs = 1_000
/** An answer takes a millisecond. A loaded database may take longer, and is only asked again then. */
const answerTimeoutMs = 2_000

/** Begins to listen and keeps at it; returns how to stop. */
export const listen = (
  url: string,
  channel: string,
  { onNotify, onLost, onListening }: Listening,
  log?: Log,
): (() => Promise<void>) => {
  const stopping = new AbortController()
  const { signal } = stopping
  let current: Connection | undefined
  let isListening = false
  let isOut = false
  let retryMs = retryFirstMs

  const begin = () => {
    if (isOut) log?.warn({ channel }, 'Postgres notifications arrive again')
    isOut = false
    isListening = true
    retryMs = retryFirstMs
    onListening()
  }

  const end = (error: Error) => {
    if (!isOut) log?.warn({ channel, reason: error.message }, 'Postgres notifications are missed')
    isOut = true
    if (isListening) onLost()
    isListening = false
  }

  /** Rejects when it does not listen any more, or can't. */
  const keepListening = async ({ sql, opened, check, whileOpen }: Connection): Promise<never> => {
    const answerTo = <T>(work: () => PromiseLike<T>) =>
      withTimeout(answerTimeoutMs, () => whileOpen(work))
    await opened
    await answerTo(() => sql`LISTEN ${sql(channel)}`)
    for (;;) {
      if ((await answerTo(check)) === 'read-only') throw new ReadOnlyServer()
      const [row] = await answerTo(
        () => sql<{ is_listening: boolean }[]>`
          SELECT EXISTS (
            SELECT FROM pg_listening_channels() AS one WHERE one = ${channel}) AS is_listening`,
      )
      if (!row?.is_listening) throw new ConnectionLost('a pooler gave us another session')
      if (!isListening) begin()
      await whileOpen(() => delay(probeIntervalMs, undefined, { signal }))
    }
  }

  const run = async () => {
    while (!signal.aborted) {
      const connection = openPrimary({ url, applicationName: 'todos-listen', onNotify })
      current = connection
      try {
        await keepListening(connection)
      } catch (error) {
        connection.discard(new ConnectionLost((error as Error).message, { cause: error }))
        if (!signal.aborted) end(error as Error)
      }
      await delay(retryMs, undefined, { signal }).catch(() => {})
      retryMs = Math.min(retryMs * 2, retryMaxMs)
    }
  }
  void run()

  return async () => {
    stopping.abort()
    await current?.close(0)
  }
}
