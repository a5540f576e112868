// Whether the system works. Writes are acknowledged, all that was logged is applied, and every server
// process serves lists at least as new as the database. Asked while some faults last and after each;
// then every process must call itself ready again, too.

import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../../eventually.ts'
import { exchange, versionsOf } from './clients.ts'
import { readEnds, readListVersions, readNextOffsets } from './read-back.ts'
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
  expect: 'works' | 'works-and-ready',
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

  const versions = await readListVersions(system.place())
  await until(
    `lists are as new as ${versions.join('.')}`,
    async () => versionsOf(await askAnew(system.port, '/todos?limit=1')),
    inARow((served) => {
      const each = served.split('.').map(Number)
      return versions.every((version, i) => (each[i] ?? 0) >= version)
    }),
  )
  if (expect === 'works-and-ready') {
    await until(
      'every process is ready',
      async () => (await askAnew(system.port, '/ready')).text,
      inARow((text) => text.includes('"status":"ready"')),
    )
  }
  return `all worked after ${((performance.now() - startMs) / 1_000).toFixed(1)} s`
}

const isError = (answer: unknown): answer is { error: string } =>
  typeof answer === 'object' && answer !== null && 'error' in answer

const inARow = <T>(isSo: (seen: T) => boolean): ((seen: T) => boolean) => {
  let count = 0
  return (seen) => {
    count = isSo(seen) ? count + 1 : 0
    return count >= connectionsInARow
  }
}

const askAnew = async (port: number, path: string) => {
  const agent = new Agent({ keepAlive: false })
  try {
    return await exchange(agent, port, 'GET', path)
  } finally {
    agent.destroy()
  }
}
