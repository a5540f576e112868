// What each program of this folder does alike: it leaves nothing behind when it is interrupted. That it
// prints its usage, scripts/commands.integration.test.ts looks at.

import t from 'tap'
import { eventually, startTimeoutMs } from '../testing/eventually.ts'
import { treePids } from './engines/cpu.ts'
import { checkInterrupted, startProgram } from '../testing/bench/program-under-test.ts'

for (const file of ['../lib/rate-limit/decisions.bench.ts', 'writes.ts']) {
  t.test(`Ctrl-C ends what ${file} has started`, async (t) => {
    const run = startProgram(t, file, [])
    await eventually(
      () => treePids(run.pid),
      // Itself, its compiler, and Postgres with at least one process of its own.
      (all) => all.length >= 4,
      startTimeoutMs,
    )
    await checkInterrupted(t, run)
  })
}
