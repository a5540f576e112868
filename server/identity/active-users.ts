// How many users there are at the moment: distinct users of authenticated requests, as this process saw
// them. Nobody is written anywhere for it, and what is kept is bounded.

import type { Registry } from '@prometheus-io/client'
import { addGauge } from '../../lib/runtime/metrics.ts'
import type { Principal } from '../http/contract/endpoint.ts'
import type { Request } from '../http/engines/engine.ts'

/** Users of one process, some 10 MB: past it the longest unseen is forgotten, and not counted. */
export const usersMax = 50_000
/** A user who was seen so lately is not noted again: most requests change nothing. */
const notedAgainAfterMs = 10_000
const windows = { '5m': 5 * 60_000, '1d': 24 * 3_600_000 } as const

type Window = keyof typeof windows

export type ActiveUsers = {
  saw(userId: string): void
  count(window: Window): number
}

export const createActiveUsers = (nowMs: () => number = () => performance.now()): ActiveUsers => {
  /** When they were noted, the newest last. */
  const notedMs = new Map<string, number>()
  return {
    saw(userId) {
      const atMs = nowMs()
      const known = notedMs.get(userId)
      if (known !== undefined && atMs - known < notedAgainAfterMs) return
      notedMs.delete(userId)
      const [oldest] = notedMs.keys()
      if (oldest !== undefined && notedMs.size >= usersMax) notedMs.delete(oldest)
      notedMs.set(userId, atMs)
    },
    count(window) {
      const fromMs = nowMs() - windows[window]
      let count = 0
      for (const atMs of notedMs.values()) if (atMs > fromMs) count++
      return count
    },
  }
}

/** `authenticate`, which notes who was let in. */
export const withActiveUsers =
  (authenticate: (request: Request) => Principal, users: ActiveUsers) =>
  (request: Request): Principal => {
    const principal = authenticate(request)
    users.saw(principal.userId)
    return principal
  }

export const addActiveUserMetrics = (registry: Registry, users: ActiveUsers): void =>
  addGauge(
    registry,
    {
      name: 'todos_active_users',
      help: 'Distinct users with an authenticated request within the window, as one server process saw them; the most of all processes. Each counts 50,000 at most.',
      labelNames: ['window'],
      // Not the sum: one user's requests reach several processes.
      combine: 'max',
    },
    () => (Object.keys(windows) as Window[]).map((window) => [{ window }, users.count(window)]),
  )
