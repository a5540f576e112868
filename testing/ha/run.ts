// npm run test:ha [-- NAME …]: drills on services that are kept on several machines. Each takes minutes,
// measures what a client sees of each fault, and prints its table. Nothing runs beside them.

import '../../lib/runtime/node-version.ts' // first: it refuses a Node that is too old
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseOptions, readArgumentsOrExit, UsageError } from '../../scripts/command-line.ts'
import { repository } from '../../scripts/paths.ts'
import { killTree } from '../run-node.ts'

/** A drill is a tap test that no other command runs: testing/ha/NAME.drill.ts. */
const ending = '.drill.ts'
const timeoutSecondsDefault = 3_600

const names = readdirSync(new URL('testing/ha/', repository))
  .filter((file) => file.endsWith(ending))
  .map((file) => file.slice(0, -ending.length))

const usage = `usage: npm run test:ha [-- NAME …]
Breaks replicated services while clients write, and prints for each fault what was lost and for how long
nothing was taken. Every drill of testing/ha, or those named.
FAILOVER_FAULTS=PATTERN only faults of kafka and postgres whose names match it.
TAP_TIMEOUT=SECONDS a drill has (${timeoutSecondsDefault}), SEED=N repeats what is random. Needs minutes of the whole machine.
Exit codes: 0 all passed, 1 a drill failed, 2 wrong usage.`

const chosen = readArgumentsOrExit(usage, (args) => {
  const { positionals } = parseOptions(args, {}, { allowPositionals: true })
  for (const one of positionals) {
    if (!names.includes(one)) throw new UsageError(`there is no drill ${one}: ${names.join(', ')}`)
  }
  return positionals.length === 0 ? names : positionals
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => killTree(process.pid))

const failed: string[] = []
for (const name of chosen) {
  const drill = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL(`testing/ha/${name}${ending}`, repository))],
    {
      cwd: fileURLToPath(repository),
      env: { TAP_TIMEOUT: String(timeoutSecondsDefault), ...process.env },
      stdio: 'inherit',
    },
  )
  const [code] = (await once(drill, 'exit')) as [number | null]
  if (code !== 0) failed.push(name)
}
console.log(failed.length === 0 ? 'all drills passed' : `FAILED: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
