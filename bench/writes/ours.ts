// Our server and worker as a system that writes are measured on, with the settings that suit clients
// that do not pipeline.

import { readScenario } from '../scenario.ts'
import { coresHere, startTarget } from '../target.ts'
import type { System } from './system.ts'

const appliedPollMs = 10

/** From the environment; else what suits a machine that carries everything. */
export const settingsOfOurs = (): Readonly<Record<string, string>> => {
  const usual = {
    HTTP_ENGINE: 'uws',
    // A core of two for those that the server waits for; fewer processes make larger batches.
    HTTP_PROCESSES: String(Math.max(1, Math.floor(coresHere / 2))),
    // Each partition that a send fills is a record batch, and a transaction of the worker, of its own.
    KAFKA_PARTITIONS: String(Math.min(6, coresHere)),
  }
  return Object.fromEntries(
    Object.entries(usual).map(([name, value]) => [name, process.env[name] ?? value]),
  )
}

export const startOurs = async (
  settings: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<System> => {
  const scenario = { ...readScenario('writes'), todos: 0, settings }
  const target = await startTarget(scenario, { signal, say: console.log })
  const { database } = target
  return {
    name: 'ours',
    port: Number(new URL(target.origin).port),
    token: target.token,
    tiers: target.tiers,
    applied: () => database.appliedCommands(),
    appliedPollMs,
    rows: () => database.count(),
    deadLetters: () => database.deadLetters(),
    logged: null,
    handled: () => target.handled('POST'),
    stop: () => target.stop(),
  }
}
