// Whether a probe would restart a worker: only for a consumer that has stopped doing anything.

import t from 'tap'
import { healthPage, silentMsMax } from './health.ts'

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

t.test('a worker that still waits for its log lives', async (t) => {
  t.match(healthPage(undefined), { status: 200 })
})
