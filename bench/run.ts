// npm run bench: starts what a scenario names, or uses what runs at --url, and loads it. It ends with a
// verdict, a summary, a JSON file and a report in one HTML file.

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fitUsl } from './analysis/usl.ts'
import { isInvalid, measureCell } from './cell.ts'
import { commandOf, exitCodes, runProgram } from './command.ts'
import { describeMachine } from './machine.ts'
import { parseOptions, usage, type Options } from './options.ts'
import { htmlReport } from './report/html.ts'
import { progressLine, terminalReport } from './report/terminal.ts'
import { resultFormat, type Cell, type Result } from './result.ts'
import { attachTarget, startTarget } from './target.ts'
import { repository } from '../scripts/paths.ts'

const say = (line: string) => console.log(line)

const main = async (options: Options, signal: AbortSignal): Promise<number> => {
  const { scenario, origin, pids } = options
  const startedAt = new Date()
  say(`${scenario.name}: ${scenario.description}`)
  say(origin === null ? 'starting the servers ...' : `measuring ${origin}`)
  const context = { signal, say }
  const target = await (origin === null
    ? startTarget(scenario, context)
    : attachTarget(origin, pids))
  const cells: Cell[] = []
  try {
    for (const load of scenario.loads) {
      const { connections, pipelining, seconds, ratePerSecond } = load
      const rate = ratePerSecond === null ? '' : ` at ${ratePerSecond} a second`
      say(`${connections} connections x ${pipelining} in flight${rate}, for ${seconds} s`)
      const onSecond = progressOn(process.stdout, seconds)
      cells.push(await measureCell(target, scenario, load, { signal, onSecond }))
    }
  } finally {
    await target.stop()
  }
  const result: Result = {
    format: resultFormat,
    verdict: cells.some(isInvalid) ? 'INVALID' : 'VALID',
    scenario,
    command: commandOf('bench', {}),
    startedAt: startedAt.toISOString(),
    machine: describeMachine(),
    topology: target.topology,
    cells,
    usl: fitUsl(
      cells.map(({ load, goodPerSecond }) => ({
        inFlight: load.connections * load.pipelining,
        measured: goodPerSecond,
      })),
    ),
  }
  say(`\n${terminalReport(result, process.stdout.columns)}`)
  const complaints = target.complaints().trim()
  if (complaints !== '') say(`\noutput of the servers:\n${complaints}`)
  await keep(result, options, startedAt)
  return result.verdict === 'VALID' ? exitCodes.judged : exitCodes.untrusted
}

/** On a terminal one line that changes, elsewhere a line for each second. */
const progressOn =
  (stream: NodeJS.WriteStream, seconds: number) =>
  (second: Parameters<typeof progressLine>[0]): void => {
    const line = progressLine(second, seconds)
    const isLast = second.atSeconds >= seconds - 0.5
    if (!stream.isTTY) stream.write(`${line}\n`)
    else stream.write(`\r\x1b[K${line.slice(0, stream.columns - 1)}${isLast ? '\n' : ''}`)
  }

const keep = async (result: Result, { jsonFile, htmlFile }: Options, startedAt: Date) => {
  const stamp = startedAt.toISOString().slice(0, 19).replaceAll(':', '-')
  const usual = join(fileURLToPath(repository), '.data/bench', `${result.scenario.name}-${stamp}`)
  const files = [
    [jsonFile ?? `${usual}.json`, `${JSON.stringify(result, null, 1)}\n`],
    [htmlFile ?? `${usual}.html`, htmlReport(result)],
  ] as const
  for (const [file, text] of files) {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
    say(`written: ${relative('', file)}`)
  }
}

await runProgram({ usage: usage(), parse: parseOptions, main })
