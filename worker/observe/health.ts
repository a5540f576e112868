// Whether a worker is well, on one page: no before it has begun, and whenever commands wait and
// none is applied. A rollout goes on with the next worker when this one has found all it needs. A
// probe that restarts asks with `Probe: liveness`, and gets a 503 only when a restart can help. It
// mends neither a database nor a broker that is down, and Kubernetes starts a worker later each
// time it was restarted.

import type { CommandConsumer } from '../../lib/command-log/command-log.ts'
import type { Page } from '../../lib/runtime/metrics-server.ts'
import { stallText, type Stall } from './stall.ts'

/** Waiting for a broker that hangs is a sign every few seconds; everything else gives one as often. */
export const silentMsMax = 90_000

type Consumer = Pick<CommandConsumer, 'lastSignMs'>

/** For a probe that restarts. Without a consumer: it is not started yet, while whoever waits for the log says so in ours. */
export const livePage = (consumer: Consumer | undefined, stall?: Stall): Page => {
  const silentMs = consumer ? performance.now() - consumer.lastSignMs() : 0
  if (silentMs > silentMsMax) {
    return page(`the consumer has done nothing for ${Math.round(silentMs / 1_000)} s`)
  }
  // All it needs answers, its consumer was begun anew already, and still nothing comes.
  return page(stall?.cause === 'not-delivered' ? stallText(stall) : undefined)
}

/**
 * `events`: why they are not appended; `shards`: those that are down, with why. Commands are applied all the
 * same, or those of the other shards, so neither is a reason to fail.
 */
export const healthPage = (
  consumer: Consumer | undefined,
  stall?: Stall,
  events?: string,
  shards: ReadonlyMap<string, string> = new Map(),
): Page => {
  if (!consumer) return page('the worker has not begun yet: its log says what it waits for')
  const health = stall ? page(stallText(stall)) : livePage(consumer)
  if (health.status !== 200 || (events === undefined && shards.size === 0)) return health
  const body = {
    status: 'ok',
    ...(events !== undefined && { events: `not appended: ${events}` }),
    ...(shards.size > 0 && { shards: Object.fromEntries(shards) }),
  }
  return { ...health, body: JSON.stringify(body) }
}

const page = (fault: string | undefined): Page => ({
  status: fault === undefined ? 200 : 503,
  contentType: 'application/json',
  body: JSON.stringify({ status: fault ?? 'ok' }),
})
