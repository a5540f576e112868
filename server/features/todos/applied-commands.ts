// Waits until commands have taken effect, for clients that ask for it (Prefer: wait). The worker
// leaves each command's outcome in the store; one query for all who wait in this process finds it.

import { setTimeout as delay } from 'node:timers/promises'
import type { CommandOutcome } from '../../../lib/domain/command.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'

export type AppliedCommands = {
  /** Undefined when time ran out, too many wait already, or the process is leaving. Never rejects. */
  wait(commandId: string, timeoutMs: number): Promise<CommandOutcome | undefined>
  /** Lets go of all who wait, and of all who would. */
  stop(): void
}

/** A command takes about this long to be applied; polled more often, it would be found no sooner. */
const pollIntervalMs = 10
/** Limit per process; who comes on top is not kept waiting. */
export const waitingMax = 10_000

type Settle = (outcome: CommandOutcome | undefined) => void

export const createAppliedCommands = (store: Pick<TodoStore, 'outcomesOf'>): AppliedCommands => {
  // By command: a retry under one Idempotency-Key is the same command, and waits for the same.
  const waiting = new Map<string, Set<Settle>>()
  let count = 0
  let polling = false
  let stopped = false

  const poll = async () => {
    while (waiting.size > 0) {
      await delay(pollIntervalMs)
      const outcomes = await store
        .outcomesOf([...waiting.keys()])
        .catch(() => new Map<string, CommandOutcome>()) // unavailable: polled again until time runs out
      for (const [commandId, outcome] of outcomes) {
        for (const settle of waiting.get(commandId) ?? []) settle(outcome)
      }
    }
    polling = false
  }

  return {
    wait(commandId, timeoutMs) {
      if (stopped || count >= waitingMax) return Promise.resolve(undefined)
      return new Promise((resolve) => {
        const settles = waiting.get(commandId) ?? new Set()
        const settle: Settle = (outcome) => {
          clearTimeout(timer)
          settles.delete(settle)
          if (settles.size === 0) waiting.delete(commandId)
          count--
          resolve(outcome)
        }
        const timer = setTimeout(settle, timeoutMs, undefined)
        waiting.set(commandId, settles.add(settle))
        count++
        if (polling) return
        polling = true
        void poll()
      })
    },
    stop() {
      stopped = true
      for (const settles of waiting.values()) for (const settle of settles) settle(undefined)
    },
  }
}
