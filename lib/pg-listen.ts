// LISTEN on a connection of its own, that says when it was lost and when it is back. postgres.js
// has `sql.listen`, but it does not tell of a loss, and what was notified meanwhile is gone.

import postgres from 'postgres'

export type Listening = {
  readonly onNotify: (payload: string) => void
  /** Notifications may be missed from here on. */
  readonly onLost: () => void
  /** Listening, for the first time or again: whatever was missed must be looked up now. */
  readonly onListening: () => void
}

const retryMs = 200

/** Begins to listen and keeps at it; returns how to stop. */
export const listen = (
  url: string,
  channel: string,
  { onNotify, onLost, onListening }: Listening,
): (() => Promise<void>) => {
  let stopped = false
  let current: { end(options: { timeout: number }): Promise<void> } | undefined

  const connect = async () => {
    while (!stopped) {
      let lost = () => {}
      const closed = new Promise<void>((resolve) => (lost = resolve))
      const sql = postgres(url, {
        max: 1,
        idle_timeout: 0,
        max_lifetime: null,
        connect_timeout: 5,
        fetch_types: false,
        connection: { application_name: 'todos-listen' },
        onnotice: () => {},
        onclose: () => lost(),
        // Absent from postgres.js's published types; its own `sql.listen` is built on it.
        ...{ onnotify: (_channel: string, payload: string) => onNotify(payload) },
      })
      current = sql
      try {
        await sql`LISTEN ${sql(channel)}`
        onListening()
        await closed
        if (!stopped) onLost()
      } catch {
        // Not there yet: try again.
      }
      await sql.end({ timeout: 0 }).catch(() => {})
      if (!stopped) await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
  void connect()

  return async () => {
    stopped = true
    await current?.end({ timeout: 0 })
  }
}
