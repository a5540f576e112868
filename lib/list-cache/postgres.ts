// The list cache without a cache, for the embedded stack: every process reads lists from Postgres
// itself, and LISTEN/NOTIFY carries the announcement of a change.

import type { Log } from '../runtime/log.ts'
import type { PoolStats } from '../runtime/pool-stats.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { ListCache } from './list-cache.ts'

const channel = 'todos_version'
const timeoutMs = 2_000

export const createPostgresListCache = (
  databases: Databases,
  settings: { readonly use?: PoolStats; readonly log?: Log } = {},
): ListCache => {
  const pool = databases.pool('list cache', { ...settings, timeoutMs })
  let startListening: (() => () => Promise<void>) | undefined
  let stopListening = () => Promise.resolve()
  /** The latest version received or announced here: an announcement may come any number of times. */
  let known = -1
  return {
    get: () => Promise.resolve({ kind: 'fill' }),
    fill(_list, { version }) {
      return Promise.resolve(version < known ? 'refused' : 'filled')
    },
    // Every time, also when it is known here: who missed it before can receive it now.
    async announce(version) {
      await pool.run((sql) => sql.notify(channel, String(version)))
      known = Math.max(known, version)
      return known
    },
    known: () => Promise.resolve(known),
    overrule(claimed, version) {
      if (known === claimed) known = version
      return Promise.resolve()
    },
    watch(onEvent) {
      const listening = {
        onNotify(payload: string) {
          // Any user of the database may notify anything.
          const version = /^\d+$/.test(payload) ? Number(payload) : NaN
          if (!Number.isSafeInteger(version) || version <= known) return
          known = version
          onEvent({ kind: 'changed' })
        },
        onLost: () => onEvent({ kind: 'lost', reason: 'the LISTEN connection was closed' }),
        onListening: () => onEvent({ kind: 'restored' }),
      }
      startListening = () => databases.listen('list versions', channel, listening, settings.log)
      stopListening = startListening()
    },
    reconnect() {
      void stopListening().catch(() => {})
      if (startListening) stopListening = startListening()
    },
    ping: pool.ping,
    async close() {
      await stopListening()
      await pool.close()
    },
  }
}
