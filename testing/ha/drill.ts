// Faults one after the other under clients that write at random, and what each was to them: how many
// writes were taken, how many of those are lost or doubled, and for how long none was taken or applied.
// The checker of testing/system/consistency judges all that was written so far, after each fault.

import type { Test } from 'tap'
import { setTimeout as delay } from 'node:timers/promises'
import { bucketOf } from '../../lib/domain/todo-id.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import type { seeded } from '../seeded.ts'
import { check, type Violation } from '../system/consistency/check.ts'
import { startClients } from '../system/consistency/clients.ts'
import type { Operation } from '../system/consistency/evidence.ts'
import { readKafkaLog, readNextOffsets, readTables } from '../system/consistency/read-back.ts'
import { partitions, type System } from '../system/consistency/system.ts'
import { longestGapMs } from './gaps.ts'
import { watchApplied } from './watch-applied.ts'

export type DrillFault = {
  readonly name: string
  /** Before it is measured. */
  readonly prepare?: () => Promise<unknown>
  /** Resolves when it has lasted long enough. */
  readonly begin: () => Promise<unknown>
  readonly end?: () => Promise<unknown>
  /** Writes are refused until it ends, as they must be. */
  readonly isWriteless?: boolean
}

/** What clients saw from the beginning of a fault to its end, and of the first writes after it. */
type Measured = {
  readonly fault: string
  readonly fromMs: number
  readonly toMs: number
  readonly withoutAppliedMs: number
}

const writers = 40
const readers = 1
/** Of writes, before the next step: it works again. */
const enough = 100

export const startDrill = (t: Test, system: System, random: ReturnType<typeof seeded>) => {
  const { operations, reads, acknowledged, stop } = startClients(
    system.port,
    { writers, readers },
    random,
  )
  const measured: Measured[] = []
  const more = () => {
    const before = acknowledged()
    return eventually(acknowledged, (count) => count > before + enough, startTimeoutMs)
  }

  const judge = async (): Promise<Violation[]> => {
    const log = await readKafkaLog(system.place())
    const isApplied = (next: ReadonlyMap<number, number>) =>
      [...log.ends].every(([one, end]) => (next.get(one) ?? 0) >= end)
    await eventually(() => readNextOffsets(system.place()), isApplied, startTimeoutMs)
    const tables = await readTables(system.place())
    return check({ operations, reads, ...log, ...tables, finalLists: [], live: [] })
  }

  return {
    async carryOut(fault: DrillFault) {
      await fault.prepare?.()
      await more()
      const applied = watchApplied(system)
      const fromMs = performance.now()
      await fault.begin()
      if (!fault.isWriteless) await more()
      await fault.end?.()
      await more()
      const toMs = performance.now()
      const moved = await applied.stop()
      const withoutAppliedMs = Math.max(...[...moved.values()].map(longestGapMs))
      measured.push({ fault: fault.name, fromMs, toMs, withoutAppliedMs })
      const seconds = ((toMs - fromMs) / 1_000).toFixed(0)
      t.comment(`${fault.name}: mended after ${seconds} s`)
    },
    /** After the last fault. */
    async printTable() {
      await stop()
      // What was refused last may be on its way for as long as a publish may take.
      await delay(settleMs)
      const violations = await judge()
      t.same(violations.slice(0, 20), [], 'all that was written is consistent')
      const counted = (invariant: string, those: readonly Operation[]) =>
        violations.filter((one) => one.invariant === invariant && those.some((of) => isOf(one, of)))
          .length
      const lines = measured.map(({ fault, fromMs, toMs, withoutAppliedMs }) => {
        const those = operations.filter(({ endMs }) => endMs >= fromMs && endMs < toMs)
        const endsOf = (wanted: string) =>
          those.filter(({ outcome }) => outcome === wanted).map(({ endMs }) => endMs)
        const taken = endsOf('ok')
        const ofPartition = Array.from({ length: partitions }, (_, n) => {
          const its = those.filter((one) => one.outcome === 'ok' && partitionOf(one) === n)
          return longestGapMs([fromMs, ...its.map(({ endMs }) => endMs), toMs])
        })
        return [
          fault,
          taken.length,
          endsOf('fail').length,
          endsOf('info').length,
          counted('I1', those),
          counted('I2', those),
          asSeconds(longestGapMs(taken)),
          asSeconds(Math.max(...ofPartition)),
          asSeconds(withoutAppliedMs),
        ]
      })
      for (const cells of [columns, columns.map(() => '---'), ...lines]) {
        t.comment(`| ${cells.join(' | ')} |`)
      }
    },
  }
}

const settleMs = 6_000
const columns = [
  'fault',
  'acknowledged',
  'refused',
  'in doubt',
  'lost',
  'doubled',
  's without a write taken',
  's without one taken by a partition',
  's without one applied',
]

/** Undefined for one of an id without a bucket: there is none here. */
const partitionOf = ({ todoId }: Operation): number | undefined => {
  const bucket = todoId === undefined ? undefined : bucketOf(todoId)
  return bucket === undefined ? undefined : bucket % partitions
}

const asSeconds = (ms: number) => (ms / 1_000).toFixed(1)

const isOf = ({ detail }: Violation, { title, todoId }: Operation): boolean =>
  title === undefined ? detail.startsWith(`delete ${todoId} `) : detail.startsWith(`set ${title} `)
