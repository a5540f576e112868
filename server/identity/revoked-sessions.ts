// The sessions that were revoked so lately that an access token of theirs may still be good. They
// are kept in memory and checked for each token, after the verifier's cache. The key is the
// session's id: a token has several spellings, a session one id.
//
// Revoking needs Postgres, which notifies every listener as it commits. While it is down for all,
// nothing is missed. A process that alone can't reach it learns what was revoked when it can again; until
// then such a token ends with its own `exp`.

import { setTimeout as delay } from 'node:timers/promises'
import { accessTtlSecMax, clockLeewaySecMax } from '../../lib/runtime/config/accounts.ts'
import type { Accounts } from '../../lib/accounts/accounts.ts'
import { createBoundedLog, type Log } from '../../lib/runtime/log.ts'
import type { VerifyToken } from './authenticate.ts'

export type RevokedSessions = {
  has(sessionId: string): boolean
  add(sessionId: string): void
  /** `listener` learns of each that ends from now on. */
  whenAdded(listener: (sessionId: string) => void): void
  /** Resolves when all that was revoked before is known. */
  readonly loaded: Promise<void>
  close(): void
}

/** A token that was being signed while its session was revoked, and clocks that differ. */
const marginSec = 60
const retryMs = 500
/** A connection that died silently, or a pooler in between, brings no notifications: this makes up. */
const reloadMs = 1_000
/** Overlap with the last poll: what was committed late, by a clock that differs. */
const overlapSec = 30

export const createRevokedSessions = (
  accounts: Pick<Accounts, 'revokedWithin' | 'watchRevoked'>,
  log: Log,
): RevokedSessions => {
  const keptSec = accessTtlSecMax + clockLeewaySecMax + marginSec
  /** When each may be forgotten; oldest first. There are no more than passwords were checked. */
  const revoked = new Map<string, number>()
  const listeners: ((sessionId: string) => void)[] = []
  const warn = createBoundedLog((fields, message) => log.warn(fields, message))
  let setLoaded = () => {}
  const loaded = new Promise<void>((resolve) => (setLoaded = resolve))
  let closed = false
  let latestLoad = 0
  let loadedAtMs = -Infinity

  const add = (sessionId: string) => {
    const nowMs = Date.now()
    for (const [old, forgetMs] of revoked) {
      if (forgetMs > nowMs) break
      revoked.delete(old)
    }
    if (revoked.has(sessionId)) return
    revoked.set(sessionId, nowMs + keptSec * 1_000)
    for (const listener of listeners) listener(sessionId)
  }

  const load = async () => {
    const own = ++latestLoad
    while (!closed && own === latestLoad) {
      try {
        const startedMs = performance.now()
        const sinceSec = Math.min((startedMs - loadedAtMs) / 1_000 + overlapSec, keptSec)
        for (const sessionId of await accounts.revokedWithin(sinceSec)) add(sessionId)
        loadedAtMs = startedMs
        setLoaded()
        return
      } catch (error) {
        warn(
          { reason: (error as Error).message },
          "revoked sessions can't be looked up: trying again",
        )
        await delay(retryMs)
      }
    }
  }

  const reloading = setInterval(() => void load(), reloadMs)
  reloading.unref()
  accounts.watchRevoked({ onRevoked: add, onListening: () => void load() })
  return {
    has: (sessionId) => revoked.has(sessionId),
    add,
    whenAdded: (listener) => void listeners.push(listener),
    loaded,
    close() {
      closed = true
      clearInterval(reloading)
    },
  }
}

export const withoutRevoked =
  (verify: VerifyToken, isRevoked: (sessionId: string) => boolean): VerifyToken =>
  (token) => {
    const verified = verify(token)
    if (verified.kind === 'invalid' || verified.sessionId === undefined) return verified
    return isRevoked(verified.sessionId)
      ? { kind: 'invalid', reason: 'the session has ended' }
      : verified
  }
