// What a worker's probes say: no whenever nothing is applied, and to liveness only when a restart can help.

import t from 'tap'
import { healthPage, livePage, silentMsMax } from './health.ts'
import type { Cause } from './stall.ts'

const silentFor = (ms: number) => ({ lastSignMs: () => performance.now() - ms })

t.test('a consumer that does something lives, however long ago it was started', async (t) => {
  t.match(healthPage(silentFor(0)), { status: 200, body: '{"status":"ok"}' })
  t.match(healthPage(silentFor(silentMsMax / 2)), { status: 200 })
})

t.test('one that has done nothing for long does not', async (t) => {
  t.match(healthPage(silentFor(silentMsMax + 1_000)), {
    status: 503,
    body: `{"status":"the consumer has done nothing for ${silentMsMax / 1_000 + 1} s"}`,
  })
})

t.test('a worker that still waits for what it needs lives, and is not ready', async (t) => {
  t.match(healthPage(undefined), { status: 503, body: /has not begun yet/ })
  t.match(livePage(undefined), { status: 200 })
})

t.test('commands that wait and are not applied: /health fails, whatever the cause', async (t) => {
  const causes: Record<Cause, number> = {
    'not-delivered': 503,
    // No restart mends a database or a broker.
    'not-applied': 200,
    'log-unavailable': 200,
    'store-unavailable': 200,
  }
  for (const [cause, live] of Object.entries(causes) as [Cause, number][]) {
    const stall = { cause, lag: 3, partitions: [1] }
    const health = healthPage(silentFor(0), stall)
    t.equal(health.status, 503, cause)
    t.match(health.body, '3 commands wait in partitions 1')
    t.equal(livePage(silentFor(0), stall).status, live, cause)
  }
  t.equal(livePage(silentFor(silentMsMax + 1_000)).status, 503)
  t.equal(livePage(undefined).status, 200)
})

t.test('events that are not appended are said, and no reason to fail', async (t) => {
  t.match(healthPage(silentFor(0), undefined, 'READONLY'), {
    status: 200,
    body: '{"status":"ok","events":"not appended: READONLY"}',
  })
  const stall = { cause: 'not-applied' as const, lag: 3, partitions: [1] }
  t.match(healthPage(silentFor(0), stall, 'READONLY'), { status: 503, body: /3 commands wait/ })
})
