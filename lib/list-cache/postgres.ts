// The list cache without a cache, for the embedded stack: every process reads lists from Postgres
// itself, and LISTEN/NOTIFY carries the word of a change.

import type { Log } from '../log.ts'
import type { PoolUse } from '../pool-use.ts'
import { listen } from '../pg-listen.ts'
import { createPool } from '../postgres-pool.ts'
import { sessionUrl, type PostgresUrls } from '../postgres-urls.ts'
import type { ListCache } from './list-cache.ts'

const channel = 'todos_version'
const timeoutMs = 2_000

export const createPostgresListCache = (
  settings: PostgresUrls & { readonly use?: PoolUse; readonly log?: Log },
): ListCache => {
  const pool = createPool({ ...settings, poolSize: 1, timeoutMs })
  let stopListening = () => Promise.resolve()
  /** The latest version heard of or announced here: an announcement may come any number of times. */
  let known = -1
  return {
    get: () => Promise.resolve({ kind: 'fill' }),
    fill(_list, { version }) {
      return Promise.resolve(version < known ? 'refused' : 'filled')
    },
    async announce(version) {
      if (version <= known) return
      await pool.run((sql) => sql.notify(channel, String(version)))
      known = Math.max(known, version)
    },
    watch(onEvent) {
      const listening = {
        onNotify(payload: string) {
          const version = Number(payload)
          if (version <= known) return
          known = version
          onEvent({ kind: 'changed' })
        },
        onLost: () => onEvent({ kind: 'lost' }),
        onListening: () => onEvent({ kind: 'restored' }),
      }
      stopListening = listen(sessionUrl(settings), channel, listening, settings.log)
    },
    ping: pool.ping,
    async close() {
      await stopListening()
      await pool.close()
    },
  }
}
