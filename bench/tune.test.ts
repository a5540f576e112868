// npm run bench:tune as a program: what it refuses before anything starts, and one short real sweep.
// How fast anything was is not looked at, and a noisy machine may leave it untrusted.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startProgram } from '../testing/bench/program-under-test.ts'
import { testDirectory } from '../testing/services.ts'
import type { Judgement } from './tune/judge.ts'
import type { Sample } from './rounds.ts'

t.test('usage errors end with 2 and say what would be right', async (t) => {
  const refused = async (args: readonly string[], message: RegExp) => {
    const run = startProgram(t, 'tune.ts', args)
    t.equal((await run.exited)[0], 2, args.join(' '))
    t.match(run.output(), message)
    t.match(run.output(), /npm run bench:tune -- SETTING=VALUE/)
  }
  await refused([], /give a setting and its values/)
  await refused(['DB_POOLSIZE=1,2'], /not a setting; the nearest are DB_POOL_SIZE/)
  await refused(['DB_POOL_SIZE=1,none'], /set it to a whole number from 1 to 10000/)
})

t.test('a sweep measures every candidate in every round and ends with a judgement', async (t) => {
  const directory = await testDirectory(t)
  const [scenario, file] = [join(directory, 'short.json'), join(directory, 'result.json')]
  const loads = [{ connections: 8, seconds: 1 }]
  const short = { description: 'short', loads, warmUpSeconds: 0, processes: 1, todos: 10 }
  await writeFile(scenario, JSON.stringify(short))
  const size = ['--rounds', '3', '--seconds', '1', '--seed', '5', '--scenario', scenario]
  const run = startProgram(t, 'tune.ts', ['HTTP_BACKLOG=64,4096', ...size, '--json', file])
  const [code] = await run.exited
  t.ok(code === 0 || code === 3, run.output())
  type Result = { judgement: Judgement; samples: Sample[]; command: string }
  const { judgement, samples, command } = JSON.parse(await readFile(file, 'utf8')) as Result
  t.equal(code, judgement.isTrusted ? 0 : 3, run.output())
  t.match(run.output(), judgement.isTrusted ? /\nUse HTTP_BACKLOG=\d+: / : /Not judged: /)
  const wanted = ['64', '4096'].flatMap((value) => [1, 2, 3].map((round) => `${value} ${round}`))
  t.strictSame(
    samples.map(({ name, round }) => `${name.replace('HTTP_BACKLOG=', '')} ${round}`).sort(),
    wanted.sort(),
  )
  for (const { name, round, fault, cpu } of samples) {
    t.ok(fault !== null || (cpu ?? 0) > 0, `${name}, round ${round}: CPU or a reason`)
  }
  t.match(command, 'npm run bench:tune -- HTTP_BACKLOG=64,4096 --rounds 3')
})
