// Whether the system works: writes are acknowledged, all that was logged is applied, and every server
// process serves lists at least as new as the database. Asked while some faults last and after each.

import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../../scripts/testing.ts'
import { exchange, versionOf } from './clients.ts'
import { readEnds, readListVersion, readNextOffsets } from './read-back.ts'
import type { System } from './system.ts'

/** Ten times what it takes; a cached list that nobody knows to be stale is kept for 300 s. */
const worksTimeoutMs = 60_000
const askEveryMs = 100
const acknowledgedMin = 50
/** So many new connections in a row that every server process was asked. */
const connectionsInARow = 12

/** Resolves with how long it took; rejects with what did not happen, and the last that was seen. */
export const works = async (
  system: System,
  acknowledged: () => number,
  timeoutMs = worksTimeoutMs,
): Promise<string> => {
  const startMs = performance.now()
  const until = async <T>(what: string, seen: () => Promise<T> | T, isSo: (seen: T) => boolean) => {
    const leftMs = startMs + timeoutMs - performance.now()
    const asked = () =>
      Promise.resolve(seen()).catch((error: Error) => {
        return { error: error.message }
      })
    await eventually(
      async () => {
        await delay(askEveryMs)
        return asked()
      },
      (answer) => !isError(answer) && isSo(answer),
      leftMs,
    ).catch((error: Error) => {
      throw new Error(`${what}: ${error.message}`)
    })
  }
  const before = acknowledged()
  await until('writes are taken', acknowledged, (count) => count > before + acknowledgedMin)

  let ends = new Map<number, number>()
  await until(
    'the log is read',
    async () => (ends = await readEnds(system.stack, system.place())),
    () => true,
  )
  await until(
    `the log is applied to ${JSON.stringify([...ends])}`,
    async () => [...(await readNextOffsets(system.place()))],
    (next) => [...ends].every(([one, end]) => (new Map(next).get(one) ?? 0) >= end),
  )

  const version = await readListVersion(system.place())
  let inARow = 0
  await until(
    `lists are as new as ${version}`,
    () => servedVersion(system.port),
    (served) => {
      inARow = served >= version ? inARow + 1 : 0
      return inARow >= connectionsInARow
    },
  )
  return `all worked after ${((performance.now() - startMs) / 1_000).toFixed(1)} s`
}

const isError = (answer: unknown): answer is { error: string } =>
  typeof answer === 'object' && answer !== null && 'error' in answer

const servedVersion = async (port: number): Promise<number> => {
  const agent = new Agent({ keepAlive: false })
  try {
    return versionOf(await exchange(agent, port, 'GET', '/todos?limit=1'))
  } finally {
    agent.destroy()
  }
}
