// Streaming replicas to read from, in turns: those that are what they should be, and near. One that does
// not answer is left out until it has proved itself again, which a round of questions asks each second.
// Whether a replica has what a reader must see, is for the reader to find out: each read tells its own.

import { withTimeout } from '../../runtime/deadline.ts'
import { createBoundedLog, type Log } from '../../runtime/log.ts'
import { isConnectionLost } from './errors.ts'
import { createPool, type Pool, type Sql } from './pool.ts'
import type { PrimarySample, ReplicaState } from './replica-health.ts'
import { replicaNameOf, samplePrimary, stateOf } from './replica-samples.ts'

export type Replicas = {
  /** Without, there is no reason to find out what a reader must see. */
  isAnyUsed(): boolean
  /**
   * What `work` reads on one of them, if that is enough. Undefined when none is used, when it is not
   * enough, or when it fails: then the primary is asked. Never rejects, and takes `timeoutMs` at most.
   */
  read<T>(
    work: (sql: Sql) => PromiseLike<T>,
    isEnough: (found: T) => boolean,
  ): Promise<T | undefined>
  readonly replicas: readonly ReplicaReport[]
  readonly counts: ReadCounts
  close(): Promise<void>
}

export type ReplicaReport = {
  /** Where it is. */
  readonly name: string
  readonly state: () => ReplicaState
}
/** Reads that a replica answered, that it was behind for, and that it failed. */
export type ReadCounts = { answered: number; behind: number; failed: number }

export type ReplicaSettings = {
  /** A connection of its own: else a busy primary would seem to have no replicas. Opened if there are any. */
  readonly primary: () => Pool
  /** Of each replica. It allows no fewer than the primary: Postgres does not start one otherwise. */
  readonly poolSize: number
  readonly lagMsMax: number
  readonly log: Log
  /** Of each read. */
  readonly timeoutMs?: number
  /** Between two rounds of questions to all of them. */
  readonly roundIntervalMs?: number
}

/** A page takes milliseconds. What takes longer is read on the primary, while its client waits. */
export const replicaTimeoutMs = 500
const roundIntervalMsDefault = 1_000

export const noReplicas: Replicas = {
  isAnyUsed: () => false,
  read: () => Promise.resolve(undefined),
  replicas: [],
  counts: { answered: 0, behind: 0, failed: 0 },
  close: () => Promise.resolve(),
}

type Member = { readonly name: string; readonly pool: Pool; state: ReplicaState }

export const openReplicas = (urls: readonly string[], settings: ReplicaSettings): Replicas => {
  if (urls.length === 0) return noReplicas
  const { poolSize, lagMsMax, log } = settings
  const { timeoutMs = replicaTimeoutMs, roundIntervalMs = roundIntervalMsDefault } = settings
  const primary = settings.primary()
  const members = urls.map((url): Member => {
    const pool = createPool({ url, poolSize, timeoutMs, isReadOnly: true })
    const state = { kind: 'left out', reason: notAsked } as const
    return { name: replicaNameOf(url), pool, state }
  })
  const counts = { answered: 0, behind: 0, failed: 0 }
  let turn = 0
  let isClosed = false
  let earlier: PrimarySample | undefined

  const info = createBoundedLog((fields, message) => log.info(fields, message))
  const warn = createBoundedLog((fields, message) => log.warn(fields, message))

  const setState = (member: Member, state: ReplicaState) => {
    const { name, state: before } = member
    member.state = state
    if (isClosed) return
    if (state.kind === 'used') {
      if (before.kind === 'left out' && before.reason !== notAsked)
        info({ replica: name, lagMs: state.lagMs }, 'replica is read from again')
    } else if (before.kind === 'used' || before.reason === notAsked) {
      const { reason, lagMs } = state
      warn({ replica: name, reason, lagMs }, 'replica left out: its reads go to the primary')
    }
  }

  const round = async () => {
    const sample = await withTimeout(timeoutMs, () => primary.run(samplePrimary)).catch(
      () => undefined,
    )
    await Promise.all(
      members.map(async (member) => {
        setState(member, await stateOf(member.pool, sample, earlier, lagMsMax))
      }),
    )
    earlier = sample
  }

  let isAsking = false
  const ask = async () => {
    if (isAsking) return
    isAsking = true
    await round()
    isAsking = false
  }
  const asking = setInterval(() => void ask(), roundIntervalMs)
  asking.unref()
  void ask()

  /** The next one in turn that is used. */
  const choose = (): Member | undefined => {
    for (let tried = 0; tried < members.length; tried++) {
      const member = members[turn++ % members.length]
      if (member?.state.kind === 'used') return member
    }
    return undefined
  }

  return {
    isAnyUsed: () => members.some(({ state }) => state.kind === 'used'),
    async read(work, isEnough) {
      const member = choose()
      if (!member) return undefined
      try {
        const found = await member.pool.run(work)
        if (isEnough(found)) {
          counts.answered++
          return found
        }
        counts.behind++
      } catch (error) {
        counts.failed++
        // Not for a statement that replay has ended, nor for a table that is not there yet.
        if (isConnectionLost(error) || isTooSlow(error))
          setState(member, { kind: 'left out', reason: (error as Error).message })
      }
      return undefined
    },
    replicas: members.map((member) => ({ name: member.name, state: () => member.state })),
    counts,
    async close() {
      isClosed = true
      clearInterval(asking)
      await Promise.all(members.map(({ pool }) => pool.close()))
    },
  }
}

const notAsked = 'it was not asked yet'

/** More wait for it than may, or the server ended a statement that took too long. */
const isTooSlow = (error: unknown) => {
  const { code } = error as { readonly code?: unknown }
  return code === 'POOL_FULL' || code === '57014'
}
