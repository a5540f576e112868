// Whether this worker lives, for a probe that may restart it: that it answers shows that its loop turns,
// and its consumer must have done something of late. A database or a broker that is away is no reason
// to restart: trying again is something, too.

import type { CommandConsumer } from '../lib/command-log/command-log.ts'
import type { Page } from '../lib/metrics-server.ts'

/** Waiting for a broker that hangs is a sign every 30 s; everything else gives one far more often. */
export const silentMsMax = 90_000

/** Without a consumer: it is not started yet, while whoever waits for the log says so in ours. */
export const healthPage = (consumer: Pick<CommandConsumer, 'lastSignMs'> | undefined): Page => {
  const silentMs = consumer ? performance.now() - consumer.lastSignMs() : 0
  const lives = silentMs <= silentMsMax
  const status = lives
    ? 'ok'
    : `the consumer has done nothing for ${Math.round(silentMs / 1_000)} s`
  return {
    status: lives ? 200 : 503,
    contentType: 'application/json',
    body: JSON.stringify({ status }),
  }
}
