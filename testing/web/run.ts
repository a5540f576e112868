// npm run test:web: the long flows of the page, and those of CI on both engines and both stacks. Each file is a process
// of its own. What it measured is printed, as is why it failed; the others run all the same.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { takeNoArguments } from '../../scripts/command-line.ts'
import { whyItFailed } from '../report.ts'

const everywhere = ['page', 'long-flows']
/** What is about views alone is the same behind each engine. */
const all = readdirSync(import.meta.dirname)
  .flatMap((file) => /^(.*)\.system\.test\.ts$/.exec(file)?.[1] ?? [])
  .filter((flow) => flow !== 'screenshots')
const runs = [
  { stack: 'embedded', engine: 'node', flows: all },
  { stack: 'embedded', engine: 'uws', flows: ['page'] },
  { stack: 'real', engine: 'node', flows: ['page'] },
  { stack: 'real', engine: 'uws', flows: everywhere },
]
const timeoutSec = 1_200
const figure = /^ *# (?!Subtest|time=|\{)/

const usage = `usage: npm run test:web
Takes the page through all that people do with it, in Chromium, and prints what was measured.
STACK=real or embedded, and HTTP_ENGINE=node or uws: only this one. TODOS=N: a list of so many (10000).
Exit codes: 0 all passed, 1 a flow failed, 2 wrong usage.`
takeNoArguments(usage)

const { STACK: stackWanted, HTTP_ENGINE: engineWanted } = process.env
let failures = 0
for (const { stack, engine, flows } of runs) {
  if ((stackWanted ?? stack) !== stack || (engineWanted ?? engine) !== engine) continue
  for (const flow of flows) {
    const startedMs = performance.now()
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--import', 'tsx', `testing/web/${flow}.system.test.ts`],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          ...process.env,
          WEB_FLOWS: 'long',
          STACK: stack,
          HTTP_ENGINE: engine,
          TAP_TIMEOUT: String(timeoutSec),
        },
      },
    )
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0)
    console.log(`${status === 0 ? 'passed' : 'FAILED'} ${flow}, ${stack}, ${engine} ${seconds} s`)
    for (const line of stdout.split('\n').filter((one) => figure.test(one))) console.log(line)
    if (status === 0) continue
    failures++
    console.log(whyItFailed(stdout))
  }
}
process.exitCode = failures === 0 ? 0 : 1
