// What each program of this folder does alike. It prints its usage, refuses what it does not know, and
// leaves nothing behind when it is interrupted.

import t from 'tap'
import { eventually, startTimeoutMs } from '../testing/eventually.ts'
import { treePids } from './engines/cpu.ts'
import { checkInterrupted, startProgram } from '../testing/bench/program-under-test.ts'

const programs = {
  'run.ts': 'bench',
  'analyze.ts': 'bench:analyze',
  'compare.ts': 'bench:compare',
  'engines.ts': 'bench:engines',
  'predict.ts': 'bench:predict',
  'tune.ts': 'bench:tune',
  'writes.ts': 'bench:writes',
  '../lib/rate-limit/decisions.bench.ts': 'bench:limits',
}

for (const [file, script] of Object.entries(programs)) {
  t.test(`npm run ${script}`, async (t) => {
    const help = startProgram(t, file, ['--help'])
    t.equal((await help.exited)[0], 0, help.output())
    t.ok(help.output().startsWith(`npm run ${script}`), help.output())
    const wrong = startProgram(t, file, ['--no-such-option'])
    t.equal((await wrong.exited)[0], 2, wrong.output())
    t.match(wrong.output(), `\n\n${help.output()}`, 'what is wrong, then how it is used')
  })
}

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
