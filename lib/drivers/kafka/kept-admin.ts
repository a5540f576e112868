// An admin client for those who ask again and again: over connections of its own, kept while they answer.
// kafkajs's own goes on asking a broker that is gone for five minutes, whatever the others know.

import type { Admin } from 'kafkajs'
import type { Log } from '../../runtime/log.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import { createClient, retryEveryMs, silentMsMax, type KafkaSettings } from './client.ts'
import { createOwnSockets } from './sockets.ts'

export type KeptAdmin = {
  /** Rejects in time, and the next asks over fresh connections after that. */
  ask<T>(work: (admin: Admin) => Promise<T>): Promise<T>
  close(): void
}

export const createKeptAdmin = (
  settings: KafkaSettings,
  log: Log,
  timeoutMs: number,
): KeptAdmin => {
  const open = () => {
    const sockets = createOwnSockets({ silentMsMax })
    const admin = createClient(settings, log, timeoutMs, {
      // Without an end, one that was given up would try for ever.
      retries: Math.ceil(timeoutMs / retryEveryMs),
      socketFactory: sockets.factory,
    }).admin()
    const discard = () => {
      admin.disconnect().catch(() => {})
      sockets.discard()
    }
    return { admin, discard }
  }
  let current: ReturnType<typeof open> | undefined

  return {
    async ask(work) {
      const used = (current ??= open())
      try {
        return await withTimeout(timeoutMs, async () => {
          await used.admin.connect()
          return await work(used.admin)
        })
      } catch (error) {
        used.discard()
        if (current === used) current = undefined
        throw error
      }
    },
    close() {
      current?.discard()
      current = undefined
    },
  }
}
