// npm run bench:writes: acknowledged writes a second, how fast they are applied, when they are seen,
// and what each tier pays for one. Everything on one machine, generator included.

import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Oracle } from '../scripts/stack/todos-database.ts'
import { runProgram } from './command.ts'
import { treeCpuSeconds } from './engines/cpu.ts'
import { chooseGenerator, type Load } from './engines/generator.ts'
import { percentile } from './engines/summary.ts'
import { readScenario } from './scenario.ts'
import { startTarget, type Target, type Tier } from './target.ts'
import { report, type Result } from './writes/report.ts'
import { measureVisibility } from './writes/visible.ts'

/** What suits clients that do not pipeline, with everything on one machine. */
function usualSettings(): Readonly<Record<string, string>> {
  const cores = availableParallelism()
  return {
    HTTP_ENGINE: 'uws',
    // A core of two for those that the server waits for; fewer processes make larger batches.
    HTTP_PROCESSES: String(Math.max(1, Math.floor(cores / 2))),
    // Each partition is a record batch of its own in every produce request and every transaction.
    KAFKA_PARTITIONS: String(Math.min(6, cores)),
  }
}

const usage = `usage: npm run bench:writes -- [--quick] [--connections N] [--seconds N] [--rate N] [--json FILE]
  --quick            short windows, under a minute in all
  --connections N    clients that write one after the other (200)
  --seconds N        measured (15)
  --rate N           writes a second while visibility is measured (1000)
  --json FILE        the result as JSON
Settings of server and worker are taken from the environment; unless they are there:
  HTTP_ENGINE=uws, HTTP_PROCESSES half of the cores, KAFKA_PARTITIONS one per core (6 at most)`

const warmupMs = 3_000
const catchUpTimeoutMs = 120_000
const catchUpPollIntervalMs = 10

const measure = async (options: Options, signal: AbortSignal): Promise<Result> => {
  const settings = Object.fromEntries(
    Object.entries(usualSettings()).map(([name, value]) => [name, process.env[name] ?? value]),
  )
  const scenario = { ...readScenario('writes'), todos: 0, settings }
  const target = await startTarget(scenario, { signal, say: console.log })
  const port = Number(new URL(target.origin).port)
  const { database, token } = target
  try {
    const generator = chooseGenerator(1)
    const load: Load = {
      port,
      target: '/todos',
      depth: 1,
      connections: options.connections,
      signal,
      windowMs: warmupMs,
      write: {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ title: 'Buy milk', description: 'two litres' }),
      },
    }
    console.log(
      `${Object.entries(settings)
        .map((pair) => pair.join('='))
        .join(' ')}\n${generator.description}, ${options.connections} connections; warming up`,
    )
    const warm = await generator.run(load)
    await untilApplied(database, warm.requests, signal)

    console.log(`writing for ${options.seconds} s`)
    const before = {
      cpu: cpuOf(target),
      applied: await database.appliedCommands(),
      ms: performance.now(),
    }
    const run = await generator.run({ ...load, windowMs: options.seconds * 1000 })
    const after = {
      cpu: cpuOf(target),
      applied: await database.appliedCommands(),
      ms: performance.now(),
    }
    const seconds = (after.ms - before.ms) / 1000
    // Those that were in flight when the generator stopped may come on top.
    await untilApplied(database, before.applied + run.requests, signal)
    const caughtUpMs = performance.now() - after.ms
    const cpuAtEnd = cpuOf(target)
    const [todos, deadLetters] = [await database.count(), await database.deadLetters()]

    console.log(`watching ${options.perSecond} writes a second become visible`)
    const visibility = await measureVisibility({
      port,
      token,
      perSecond: options.perSecond,
      seconds: Math.max(3, Math.round(options.seconds / 2)),
    })
    signal.throwIfAborted()
    return {
      acknowledgedPerSecond: Math.round((run.requests / run.durationUs) * 1e6),
      p99Ms: run.p99Us === undefined ? null : run.p99Us / 1000,
      appliedPerSecond: Math.round((after.applied - before.applied) / seconds),
      catchUpMs: Math.round(caughtUpMs),
      visibleP99Ms: Number(percentile(visibility.latenciesMs, 0.99).toFixed(1)),
      visibleP50Ms: Number(percentile(visibility.latenciesMs, 0.5).toFixed(1)),
      connections: options.connections,
      cores: availableParallelism(),
      settings,
      generator: generator.name,
      cpuUsPerCommand: Object.fromEntries([
        ...[...target.tiers.keys()].map((tier) => [
          tier,
          (((cpuAtEnd.get(tier) ?? 0) - (before.cpu.get(tier) ?? 0)) * 1e6) / run.requests,
        ]),
        ['generator', (run.cpuShare * options.seconds * 1e6) / run.requests],
      ]) as Result['cpuUsPerCommand'],
      coresUsed: Object.fromEntries(
        [...target.tiers.keys()].map((tier) => [
          tier,
          ((after.cpu.get(tier) ?? 0) - (before.cpu.get(tier) ?? 0)) / seconds,
        ]),
      ),
      faults: [
        ...(run.errors > 0 ? [`${run.errors} writes were not answered 202`] : []),
        ...(visibility.failed > 0 ? [`${visibility.failed} of the timed writes failed`] : []),
        ...(visibility.unseen > 0 ? [`${visibility.unseen} todos were never in a list`] : []),
        ...(deadLetters > 0 ? [`${deadLetters} dead letters`] : []),
        ...(todos < warm.requests + run.requests
          ? [`${todos} todos for ${warm.requests + run.requests} acknowledged`]
          : []),
      ],
    }
  } finally {
    await target.stop()
  }
}

const untilApplied = async (
  database: Oracle,
  commands: number,
  signal: AbortSignal,
): Promise<void> => {
  const deadlineMs = performance.now() + catchUpTimeoutMs
  for (;;) {
    signal.throwIfAborted()
    const applied = await database.appliedCommands()
    if (applied >= commands) return
    if (performance.now() > deadlineMs) {
      throw new Error(`${applied} of ${commands} commands were applied in ${catchUpTimeoutMs} ms`)
    }
    await delay(catchUpPollIntervalMs)
  }
}

const cpuOf = ({ tiers }: Target): Map<Tier, number> =>
  new Map(
    [...tiers].map(([tier, { pids }]) => [
      tier,
      pids.reduce((sum, pid) => sum + treeCpuSeconds(pid), 0),
    ]),
  )

type Options = {
  readonly connections: number
  readonly seconds: number
  readonly perSecond: number
  readonly jsonFile: string | undefined
}

const parseOptions = (args: readonly string[]): Options => {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean' },
      connections: text,
      seconds: text,
      rate: text,
      json: text,
    },
  })
  const number = (name: 'connections' | 'seconds' | 'rate', usual: number) => {
    const given = values[name]
    if (given === undefined) return usual
    if (!/^[1-9]\d{0,5}$/.test(given)) throw new Error(`--${name} takes a whole number`)
    return Number(given)
  }
  return {
    connections: number('connections', 200),
    seconds: number('seconds', values.quick ? 6 : 15),
    perSecond: number('rate', 1_000),
    jsonFile: values.json,
  }
}

const main = async (options: Options, signal: AbortSignal): Promise<number> => {
  const result = await measure(options, signal)
  console.log(`\n${report(result)}`)
  if (options.jsonFile !== undefined) {
    await writeFile(options.jsonFile, `${JSON.stringify(result, null, 2)}\n`)
  }
  return result.faults.length > 0 ? 1 : 0
}

await runProgram({ usage, parse: parseOptions, main })
