// npm run bench:compare as a program: what it refuses, two URLs compared, and Ctrl-C with a commit
// checked out. How fast anything was is not looked at.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually, startTimeoutMs } from '../testing/eventually.ts'
import { testDirectory } from '../testing/services.ts'
import type { Comparison } from './compare/judge.ts'
import { treePids } from './engines/cpu.ts'
import { checkInterrupted, startProgram } from '../testing/bench/program-under-test.ts'
import type { Sample } from './rounds.ts'

t.test('usage errors end with 2 and say what would be right', async (t) => {
  const refused = async (args: readonly string[], message: RegExp) => {
    const run = startProgram(t, 'compare.ts', args)
    t.equal((await run.exited)[0], 2, args.join(' '))
    t.match(run.output(), message)
    t.match(run.output(), /npm run bench:compare -- A B/)
  }
  await refused(['node'], /two things to compare, not 1/)
  await refused(['node', 'no-such-branch'], /"no-such-branch" is neither an engine/)
})

/** As fast as it could, it and its clients would have both cores for six seconds. */
const answerAfterMs = 5

/** Answers every list with the same one todo. */
const startAnswering = async (t: Test): Promise<string> => {
  const todo = {
    id: '018f0000-0000-7000-8000-000000000000',
    title: 'Buy milk',
    description: '',
    completed: false,
    user_id: 'u',
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
  }
  const body = JSON.stringify([todo])
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  const server = createServer((_, response) => {
    setTimeout(() => response.writeHead(200, headers).end(body), answerAfterMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const shortScenario = async (directory: string): Promise<string> => {
  const file = join(directory, 'short.json')
  const loads = [{ connections: 4, seconds: 1 }]
  await writeFile(file, JSON.stringify({ description: 'short', loads, warmUpSeconds: 0 }))
  return file
}

t.test('two URLs are measured in turn, without their CPU', async (t) => {
  const directory = await testDirectory(t)
  const [scenario, file] = [await shortScenario(directory), join(directory, 'result.json')]
  const urls = [await startAnswering(t), await startAnswering(t)]
  const size = ['--rounds', '3', '--seconds', '1', '--scenario', scenario]
  const run = startProgram(t, 'compare.ts', [...urls, ...size, '--json', file])
  const [code] = await run.exited
  t.ok(code === 0 || code === 3, run.output())
  type Result = { comparison: Comparison; samples: Sample[] }
  const { comparison, samples } = JSON.parse(await readFile(file, 'utf8')) as Result
  t.equal(code, comparison.isTrusted ? 0 : 3, run.output())
  t.strictSame(
    samples.map(({ name, round }) => [name, round]),
    ['A1', 'B1', 'B2', 'A2', 'A3', 'B3'].map(([name, round]) => [name, Number(round)]),
  )
  const sound = samples.filter(({ fault }) => fault === null)
  const isKnown = process.platform === 'linux'
  t.ok(
    sound.every(({ cpu }) => (cpu !== null) === isKnown),
    'the port says whose CPU it is',
  )
  t.match(run.output(), `A: ${urls[0]}\nB: ${urls[1]}\n`)
})

t.test('a URL that does not answer is a failure', async (t) => {
  const run = startProgram(t, 'compare.ts', ['http://127.0.0.1:1', await startAnswering(t)])
  t.equal((await run.exited)[0], 1, run.output())
  t.match(run.output(), /A could not be measured: .*does not answer/)
})

t.test('Ctrl-C ends what was started and removes what was checked out', async (t) => {
  const worktrees = () => execFileSync('git', ['worktree', 'list'], { encoding: 'utf8' })
  const before = worktrees()
  const run = startProgram(t, 'compare.ts', ['HEAD', 'node', '--seconds', '60'])
  const isInFlight = () => run.output().includes('in turn') && treePids(run.pid).length >= 5
  await eventually(isInFlight, (under) => under, startTimeoutMs)
  t.not(worktrees(), before, 'the commit is checked out')
  await checkInterrupted(t, run)
  t.equal(worktrees(), before)
})
