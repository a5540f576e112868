// A process as a list of parts: opened in order, closed in reverse. Each close has its own bound, and a
// part that does not keep to it is named in one line, while the others are still closed.

import { NoAnswer, withTimeout } from './deadline.ts'
import type { Log } from './log.ts'

export type Part = {
  readonly name: string
  /** What stands before it in the list is open by then. Rejects with what keeps the process from starting. */
  readonly open?: () => Promise<unknown>
  /** What `/ready` asks. */
  readonly ready?: Dependency
  /** Called also when `open` was not. */
  readonly close?: () => unknown
  readonly closeTimeoutMs?: number
}

/** What a process depends on, as `/ready` names it. */
export type Dependency = {
  readonly name: string
  /** Without it: `unready` takes this server out of rotation, `degraded` only says so. */
  readonly without: 'unready' | 'degraded'
  /** Rejects, in bounded time, with what is wrong. */
  readonly check: () => Promise<void>
}

/** What `check` rejects with when a part of it fails, and the rest serves: no reason to be out of rotation. */
export class Degraded extends Error {
  override readonly name = 'Degraded'
}

/** To close takes milliseconds: what takes longer waits for a service that does not answer. */
export const closeTimeoutMsDefault = 1_000

/** Every pool at once: a statement in flight may take longer than a part. */
export const databasesCloseTimeoutMs = 2_000

/** Rejects when one can't be opened: those before it are closed by then. */
export const openParts = async (parts: readonly Part[], log: Log): Promise<void> => {
  for (const [i, { name, open }] of parts.entries()) {
    try {
      await open?.()
    } catch (error) {
      await closeParts(parts.slice(0, i), log)
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** Never rejects. */
export const closeParts = async (parts: readonly Part[], log: Log): Promise<void> => {
  for (const { name, close, closeTimeoutMs = closeTimeoutMsDefault } of parts.toReversed()) {
    if (!close) continue
    try {
      await withTimeout(closeTimeoutMs, () => Promise.resolve().then(close))
    } catch (error) {
      if (error instanceof NoAnswer) {
        log.warn({ part: name, closeTimeoutMs }, 'shutdown timed out, connections dropped')
      } else {
        log.warn(
          { part: name, reason: (error as Error).message },
          'shutdown failed, connections dropped',
        )
      }
    }
  }
}

/** In the order of the parts. */
export const dependenciesOf = (parts: readonly Part[]): Dependency[] =>
  parts.flatMap(({ ready }) => ready ?? [])
