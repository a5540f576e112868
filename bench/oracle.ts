// Compares a target's answers with its database, the oracle. Before a load this gives what to expect;
// after it, no write is in flight any more.

import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { exchange } from './engines/exchange.ts'
import type { Cell } from './result.ts'
import { objectionToList, type SamplerPlan } from './sampler.ts'
import type { Scenario } from './scenario.ts'
import type { Target } from './target.ts'

/** A backlog of writes is applied within this, or it counts as lost. */
const restTimeoutMs = 60_000
const pollIntervalMs = 100
const pathForWrites = '/todos?limit=10'

export type Captured = {
  readonly answerBytes: Cell['answerBytes']
  readonly sampling: Omit<SamplerPlan, 'depth'>
}

/** Throws when the target does not answer, or answers wrongly: nothing is measured then. */
export const captureAnswer = async (target: Target, scenario: Scenario): Promise<Captured> => {
  const isRead = scenario.method === 'GET'
  const path = isRead ? scenario.path : pathForWrites
  const [answer] = await exchange(target.origin, path, 1).catch((error: unknown) => {
    throw new Error(`${target.origin}${path} does not answer: ${(error as Error).message}`)
  })
  if (answer?.status !== 200) {
    throw new Error(`${target.origin}${path} answers ${answer?.status}: ${answer?.body.toString()}`)
  }
  const isStill = isRead && scenario.writesPerSecond === 0
  const limit = limitOf(path)
  const stored = limit === null ? null : ((await target.database?.list(limit)) ?? null)
  const sampling = {
    origin: target.origin,
    path,
    expected: isStill ? stored : null,
    length: Array.isArray(stored) && isStill ? stored.length : null,
    isList: /^\/todos(\?|$)/.test(path),
  }
  const body = answer.body.toString()
  const objection = objectionToList(body, { ...sampling, expected: stored })
  if (objection !== undefined) {
    throw new Error(`before any load, ${path} gave ${objection}`)
  }
  return {
    sampling,
    // Lists that change do not keep their length; a POST's answer is not this one.
    answerBytes: isStill
      ? { head: answer.whole.length - answer.body.length, body: answer.body.length }
      : null,
  }
}

const limitOf = (path: string): number | null => {
  const limit = Number(new URL(path, 'http://any').searchParams.get('limit') ?? NaN)
  return path.startsWith('/todos?') && Number.isInteger(limit) ? limit : null
}

/**
 * Whether, once no write is in flight, the database has `rowsAtLeast` todos and the server shows the
 * same. Null where the database can't be queried.
 */
export const matchesDatabaseAtEnd = async (
  { origin, database }: Target,
  { method, path }: Scenario,
  rowsAtLeast: number,
): Promise<boolean | null> => {
  const shown = method === 'GET' ? path : pathForWrites
  const limit = limitOf(shown)
  if (!database || limit === null) return null
  const deadline = performance.now() + restTimeoutMs
  for (;;) {
    try {
      const [answer] = await exchange(origin, shown, 1)
      const isAll = (await database.count()) >= rowsAtLeast
      const list: unknown = JSON.parse(answer?.body.toString() ?? '')
      if (isAll && isDeepStrictEqual(list, await database.list(limit))) return true
    } catch {
      // Unavailable or broken: polled again.
    }
    if (performance.now() > deadline) return false
    await delay(pollIntervalMs)
  }
}
