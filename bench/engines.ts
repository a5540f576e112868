// npm run bench:engines: what a hot read costs in each of our engines, beside peers and the least that
// the machine can do. All are measured in one run, in turn and more than once. `--quick` for a first
// look.

import { rm, writeFile } from 'node:fs/promises'
import { cpus, release } from 'node:os'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'
import { runProgram } from './command.ts'
import { chooseGenerator, type Generator } from './engines/generator.ts'
import { measureCell, type Cell, type Plan, type Sample } from './engines/measure.ts'
import { parseOptions, usage, type Options } from './engines/options.ts'
import { pinSelf, type Pinning } from './engines/pinning.ts'
import {
  ourNames,
  prepareSubjects,
  type LeftOut,
  type Started,
  type Subject,
} from './engines/subjects.ts'
import { summarize, type Row } from './engines/summary.ts'
import { tables } from './engines/table.ts'
import { recordTodos, startCompany, startDatabase } from './engines/todos.ts'

const say = (line: string) => console.log(line)

const main = async (options: Options, signal: AbortSignal): Promise<number> => {
  const pinning = pinSelf()
  const generator = chooseGenerator(pinning.generatorCores, options.generator)
  say(`generator: ${generator.description}; ${pinning.description}`)
  const directory = await makeTemporaryDirectory()
  const cleanUps = [() => rm(directory, { recursive: true, force: true })]
  try {
    const database = await startDatabase(directory)
    cleanUps.push(() => database.stop())
    const todos = await recordTodos(directory, database.url)
    const worker = await startCompany(database.url)
    cleanUps.push(() => worker.stop())
    say('beside each, on the cores of the generator: Postgres and our worker, idle')
    const context = { directory, databaseUrl: database.url, todos, signal, say }
    const { subjects, leftOut } = await prepareSubjects(options.only, context)
    const { windowMs, scrapeMs } = options
    const plan = { windowMs, scrapeMs, generator, todos, signal }
    const samples = await runRounds(subjects, leftOut, { options, plan, pinning })
    const rows = summarize(samples)
    say(`\n${tables(rows)}`)
    for (const { name, why } of leftOut) say(`left out: ${name}: ${why}`)
    if (options.jsonFile !== undefined) {
      const result = resultOf(rows, leftOut, options, generator, pinning)
      await writeFile(options.jsonFile, `${JSON.stringify(result, null, 2)}\n`)
    }
    return isOursSound(rows, leftOut) ? 0 : 1
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  }
}

type Run = { readonly options: Options; readonly plan: Plan; readonly pinning: Pinning }

/** Each round takes the subjects in another order, in fresh processes, one at a time. */
const runRounds = async (
  subjects: readonly Subject[],
  leftOut: LeftOut[],
  run: Run,
): Promise<Sample[]> => {
  const { rounds, cells } = run.options
  const samples: Sample[] = []
  for (let round = 0; round < rounds; round++) {
    const first = round % Math.max(1, subjects.length)
    for (const subject of [...subjects.slice(first), ...subjects.slice(0, first)]) {
      const isLost = (cell?: Cell) =>
        leftOut.some(({ name }) => name === subject.name) ||
        samples.some(
          ({ name, depth, limit, invalid }) =>
            invalid && name === subject.name && depth === cell?.depth && limit === cell.limit,
        )
      if (isLost()) continue
      say(`round ${round + 1} of ${rounds}: ${subject.name}`)
      try {
        // What was invalid once stays so: no other round can mend the row.
        const open = cells.filter((cell) => !isLost(cell))
        samples.push(...(await runOne(subject, open, run)))
      } catch (error) {
        run.plan.signal.throwIfAborted()
        leftOut.push({ name: subject.name, why: (error as Error).message })
      }
    }
  }
  // What started in one round and not in another is not to be trusted.
  return samples.filter((sample) => !leftOut.some(({ name }) => name === sample.name))
}

const runOne = async (
  subject: Subject,
  cells: readonly Cell[],
  { plan, pinning }: Run,
): Promise<Sample[]> => {
  const samples: Sample[] = []
  let server: Started | undefined
  try {
    for (const cell of cells) {
      plan.signal.throwIfAborted()
      if (!server) {
        server = await subject.start()
        pinning.pinServer(server.pid)
      }
      const sample = await measureCell(subject, server, cell, plan)
      samples.push(sample)
      if (sample.invalid === undefined) continue
      // Whatever state it is in now, the next cell is not to inherit it.
      await server.stop()
      server = undefined
    }
    return samples
  } finally {
    await server?.stop()
  }
}

const resultOf = (
  rows: readonly Row[],
  leftOut: readonly LeftOut[],
  { rounds, windowMs, scrapeMs }: Options,
  generator: Generator,
  pinning: Pinning,
) => ({
  rows,
  leftOut,
  generator: generator.name,
  pinned: pinning.isPinned,
  pinning: pinning.description,
  rounds,
  windowMs,
  scrapeMs,
  machine: {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    node: process.version,
    kernel: release(),
  },
})

/** A peer may fail; ours may not. */
const isOursSound = (rows: readonly Row[], leftOut: readonly LeftOut[]): boolean => {
  const suspects = [...rows.filter(({ invalid }) => invalid !== undefined), ...leftOut]
  return rows.length > 0 && !suspects.some(({ name }) => ourNames.some((ours) => ours === name))
}

await runProgram({ usage, parse: parseOptions, main })
