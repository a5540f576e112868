// A bounded number of connections to Postgres, each used by one at a time (or by few), so that whatever
// happens to one is known to concern that one only. Whoever can't be served gets an error in bounded
// time. A connection that is lost, silent, or leads to a server that takes no writes is replaced.

import type { Sql } from 'postgres'
import { createBoundedLog, type Log } from '../../runtime/log.ts'
import { createPoolStats, type PoolStats } from '../../runtime/pool-stats.ts'
import type { Connection, Role } from './connection.ts'
import { openPrimary } from './primary.ts'
import {
  CommitPending,
  ConnectionLost,
  PoolFull,
  ReadOnlyServer,
  isConnectionLost,
  isFailedTransaction,
  isReadOnly,
} from './errors.ts'
import { createSilenceWatch, type SilenceWatch } from './silence.ts'
import { isPooled, type PostgresUrls } from './urls.ts'
import { NoAnswer, withTimeout } from '../../runtime/deadline.ts'

export type { Sql } from 'postgres'

export type PoolSettings = PostgresUrls & {
  readonly poolSize: number
  /** For any one use of the pool, from asking for a connection to the answer. */
  readonly timeoutMs: number
  /** Told how much it is used. */
  readonly use?: PoolStats | undefined
  /** Only for statements that can have one plan, whatever is in their tables. */
  readonly plansOnce?: boolean
  /** Uses that may share a connection, one behind the other: for many that take next to nothing. */
  readonly usesPerConnection?: number
  /** A standby is as good: nothing is written. */
  readonly isReadOnly?: boolean
  /** Shared by the pools of a process. */
  readonly silenceWatch?: SilenceWatch
  /** Told, once, when Postgres becomes unavailable, and when it is back. */
  readonly log?: Log | undefined
}

export type Pool = {
  /** Runs statements on any connection. */
  run<T>(work: (sql: Sql) => PromiseLike<T>): Promise<T>
  /**
   * Runs `work` on one connection, then COMMIT; ROLLBACK when it throws. Its session is ended when
   * `work` has nothing for it to do for `silentMsMax`.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>, options?: { timeoutMs?: number }): Promise<T>
  /** Rejects unless Postgres can do what we need: it answers, and takes writes. */
  ping(): Promise<void>
  close(): Promise<void>
}

/**
 * How many may wait for each use that a pool serves at once. A statement takes 0.2 ms, so the last of
 * them waits for 0.1 s: with more, or slower ones, those that wait would only time out.
 */
export const waitingPerUseMax = 500
/** A connection that has not answered for this long, and has nothing to do, is asked. */
const probeIntervalMs = 1_000
const probeTimeoutMs = 2_000
/** A use that has brought nothing for this long is checked: see silence.ts. */
const silentMsMax = 2_000
/** Connections that answer but take no writes are replaced this often: until one does. */
const replaceIntervalMs = 1_000
const backoffFirstMs = 50
const backoffMaxMs = 1_000
/** So that a moved name is followed, and what a session has piled up in the server goes. */
const lifetimeMs = 45 * 60_000
const closeTimeoutMs = 5_000

/** State of one connection. */
type Member = {
  readonly connection: Connection
  readonly openedMs: number
  isOpen: boolean
  uses: number
  /** Nobody shares it: a transaction. */
  isAlone: boolean
  /** Given to nobody any more, ended with its last use. */
  isRetired: boolean
  /** When it last said that it takes writes. */
  checkedMs: number
  /** What had arrived on it, and since when no more has. */
  received: number
  receivedMs: number
}

type Waiter = {
  readonly isAlone: boolean
  readonly give: (member: Member) => void
  readonly refuse: (error: Error) => void
}

export const createPool = (settings: PoolSettings): Pool => {
  const { poolSize, timeoutMs } = settings
  const isShared = isPooled(settings)
  // A pooler may take the second of two statements to another session than the first.
  const usesPerConnection = isShared ? 1 : (settings.usesPerConnection ?? 1)
  const use = settings.use ?? createPoolStats()
  use.size = poolSize
  const members = new Set<Member>()
  const waiting: Waiter[] = []
  let isClosed = false
  let failures = 0
  let retryAtMs = 0
  let replacedMs = -Infinity
  const outage = createOutage(settings.log)
  const isFit = (role: Role) => role === 'primary' || settings.isReadOnly === true

  const open = (): Member => {
    const nowMs = performance.now()
    const connection = openPrimary({
      url: settings.url,
      isPooled: isShared,
      setUp: sessionSettings(settings)
        .map((one) => `SET ${one};`)
        .join(''),
      delayMs: Math.max(0, retryAtMs - nowMs),
      onLost(error) {
        members.delete(member)
        if (!member.isRetired) outage.begins(error.message)
        serve()
      },
    })
    const member: Member = {
      connection,
      openedMs: nowMs,
      isOpen: false,
      uses: 0,
      isAlone: false,
      isRetired: false,
      checkedMs: nowMs,
      received: 0,
      receivedMs: nowMs,
    }
    members.add(member)
    connection.opened.then(
      (role) => {
        failures = 0
        member.isOpen = true
        member.checkedMs = performance.now()
        if (isFit(role)) outage.ends()
        else outage.begins(new ReadOnlyServer().message)
      },
      () => {
        const failedMs = performance.now()
        if (failedMs < retryAtMs) return // another one of the same moment
        retryAtMs = failedMs + Math.min(backoffFirstMs * 2 ** failures++, backoffMaxMs)
      },
    )
    return member
  }

  /** One that is free, else a new one, else one that may be shared. */
  const take = (isAlone: boolean): Member | undefined => {
    let found: Member | undefined
    for (const member of members) {
      const usesMax = isAlone ? 1 : usesPerConnection
      if (member.isRetired || member.isAlone || member.uses >= usesMax) continue
      const isOpener = member.uses === found?.uses && member.isOpen && !found.isOpen
      if (!found || member.uses < found.uses || isOpener) found = member
    }
    if (found?.uses !== 0 && members.size < poolSize) found = open()
    if (!found) return undefined
    found.uses++
    found.isAlone = isAlone
    return found
  }

  const serve = () => {
    for (let [first] = waiting; first; [first] = waiting) {
      const member = take(first.isAlone)
      if (!member) return
      waiting.shift()
      first.give(member)
    }
  }

  const acquire = (isAlone: boolean): Promise<Member> => {
    if (isClosed) return Promise.reject(new ConnectionLost('this pool was closed'))
    const member = waiting.length === 0 ? take(isAlone) : undefined
    if (member) return Promise.resolve(member)
    if (waiting.length >= waitingPerUseMax * usesPerConnection * poolSize) {
      return Promise.reject(new PoolFull(`${waiting.length} statements wait for Postgres already`))
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        isAlone,
        give(given) {
          clearTimeout(timer)
          resolve(given)
        },
        refuse(error) {
          clearTimeout(timer)
          reject(error)
        },
      }
      const giveUp = () => {
        waiting.splice(waiting.indexOf(waiter), 1)
        reject(new NoAnswer(`no connection to Postgres was free within ${timeoutMs} ms`))
      }
      const timer = timeoutMs === Infinity ? undefined : setTimeout(giveUp, timeoutMs)
      waiting.push(waiter)
    })
  }

  const release = (member: Member) => {
    member.uses--
    member.isAlone = false
    if (performance.now() - member.openedMs > lifetimeMs) member.isRetired = true
    if (member.isRetired && member.uses === 0) void member.connection.close(closeTimeoutMs)
    else probe(member)
    serve()
  }

  /** Those in use end with their use: what runs on them has its own time-out. */
  const replaceAll = () => {
    replacedMs = performance.now()
    for (const member of members) {
      member.isRetired = true
      if (member.uses === 0) member.connection.discard(new ConnectionLost('replaced'))
    }
  }
  const mayReplace = () => performance.now() - replacedMs > replaceIntervalMs

  const judge = (member: Member, error: unknown) => {
    if (isConnectionLost(error)) {
      const { message } = error as Error
      if (error instanceof CommitPending) member.isRetired = true
      else member.connection.discard(new ConnectionLost(message, { cause: error }))
      // Whatever ended one may have ended the others; those that nobody uses get no notification.
      if (mayReplace()) replaceAll()
    } else if (isReadOnly(error)) {
      outage.begins(new ReadOnlyServer().message)
      // A new one is left alone for a while: there may be no better server yet.
      if (mayReplace()) replaceAll()
    }
  }

  /** One use of a connection that was reserved for it. */
  const useMember = async <T>(
    member: Member,
    limitMs: number,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> => {
    const { connection } = member
    let keptUntil: Promise<unknown> | undefined
    try {
      return await withTimeout(limitMs, async () => {
        await withTimeout(timeoutMs, () => connection.whileOpen(() => connection.opened))
        return work(connection)
      })
    } catch (error) {
      // One that takes long to open is left to it. One that can't be opened says nothing about others.
      if (member.isOpen) judge(member, error)
      if (error instanceof CommitPending) keptUntil = error.settled
      throw error
    } finally {
      if (keptUntil) void keptUntil.finally(() => release(member))
      else release(member)
    }
  }

  const useAny = async <T>(
    isAlone: boolean,
    limitMs: number,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> => {
    use.inFlight++
    try {
      const startedMs = performance.now()
      const member = await acquire(isAlone)
      // A use that waited gets what is left of its time.
      const leftMs = Math.max(1, Math.ceil(limitMs - (performance.now() - startedMs)))
      return await useMember(member, leftMs, work)
    } finally {
      use.inFlight--
    }
  }

  /**
   * Given up by us alone, and never cancelled. Postgres keeps what was cancelled while it waited for a
   * synchronous standby and shows it to all: whoever acknowledged it would lose it in a failover.
   */
  const commit = async (sql: Sql, whileOpen: Connection['whileOpen']) => {
    const answer = whileOpen(async () => {
      const answers: unknown = await sql.unsafe('SET LOCAL statement_timeout = 0;COMMIT')
      return (answers as { command: string }[]).at(-1)?.command
    })
    const settled = answer.catch(() => {})
    try {
      await withTimeout(timeoutMs, () => answer)
    } catch (error) {
      if (error instanceof NoAnswer) throw new CommitPending(error, settled)
      // A statement failed, and `work` went on as if it had not.
      if (isFailedTransaction(error))
        throw new Error('COMMIT of a failed transaction', { cause: error })
      throw error
    }
  }

  const needsFit = async (connection: Connection) => {
    if (!isFit(await connection.check())) throw new ReadOnlyServer()
    outage.ends()
  }

  /** True when nothing has come for a while, though somebody waits for it. */
  const isSuspect = (member: Member): boolean => {
    const nowMs = performance.now()
    const received = member.connection.received()
    if (member.uses === 0 || received !== member.received) {
      member.received = received
      member.receivedMs = nowMs
    }
    const isKnown = member.connection.serverSession() !== undefined
    return isKnown && nowMs - member.receivedMs > silentMsMax
  }

  const stopWatching = (settings.silenceWatch ?? createSilenceWatch(settings.url)).watch({
    suspects: () => [...members].filter(isSuspect).map(({ connection }) => connection),
    onVerdict(suspect, isSilent) {
      const member = [...members].find(({ connection }) => connection === suspect)
      if (!member) return
      member.receivedMs = performance.now() // asked again after as long
      if (isSilent) judge(member, new ConnectionLost('the connection fell silent'))
    },
  })

  /** Asks it when it was not asked for a while: one that is read from all the time may be a standby. */
  const probe = (member: Member) => {
    if (!member.isOpen || member.isRetired || member.uses > 0) return
    const nowMs = performance.now()
    if (nowMs - member.checkedMs < probeIntervalMs) return
    member.uses++
    member.checkedMs = nowMs
    // `judge` has seen the error.
    useMember(member, Math.min(probeTimeoutMs, timeoutMs), needsFit).catch(() => {})
  }
  const probing = setInterval(() => {
    for (const member of members) probe(member)
  }, probeIntervalMs)
  probing.unref()

  return {
    run: (work) =>
      useAny(false, timeoutMs, (connection) => connection.whileOpen(() => work(connection.sql))),
    transaction: (work, { timeoutMs: workTimeoutMs = timeoutMs } = {}) =>
      // Each step has its own time.
      useAny(true, Infinity, async ({ sql, whileOpen }) => {
        const step = (statement: string) =>
          withTimeout(timeoutMs, () => whileOpen(() => sql.unsafe(statement)))
        const local = isShared ? sessionSettings(settings).map((one) => `;SET LOCAL ${one}`) : []
        await step(`BEGIN${local.join('')}`)
        try {
          const result = await withTimeout(workTimeoutMs, () => whileOpen(() => work(sql)))
          await commit(sql, whileOpen)
          return result
        } catch (error) {
          if (!isConnectionLost(error)) await step('ROLLBACK')
          throw error
        }
      }),
    ping: () => useAny(false, timeoutMs, needsFit),
    async close() {
      isClosed = true
      clearInterval(probing)
      stopWatching()
      for (const { refuse } of waiting.splice(0)) refuse(new ConnectionLost('this pool was closed'))
      for (const member of members) member.isRetired = true
      await Promise.all([...members].map(({ connection }) => connection.close(closeTimeoutMs)))
    },
  }
}

/** Between two statements of a transaction, which usually are milliseconds apart. */
const idleMsMax = 8_000

/** What holds for a session, or where that is not ours for a transaction. */
const sessionSettings = ({ plansOnce = false, timeoutMs }: PoolSettings): string[] => {
  const limitMs = timeoutMs === Infinity ? 0 : timeoutMs
  return [
    // Prepared statements keep the plan of their first uses. One made while a table was empty read
    // all of it ever after (601 us of database CPU per command instead of 24, bench:writes).
    `plan_cache_mode = ${plansOnce ? 'force_generic_plan' : 'force_custom_plan'}`,
    // What nobody waits for any more ends, with its locks, even if its client can't say so.
    `statement_timeout = ${limitMs}`,
    // A process that is frozen amid a transaction: what it has locked is free before another one applies
    // what it applied (10 s, session.ts of Kafka). Who holds a transaction open keeps it alive (keep-alive.ts).
    `idle_in_transaction_session_timeout = ${Math.min(limitMs, idleMsMax)}`,
  ]
}

/** One line when it begins, one when it ends. */
const createOutage = (log: Log | undefined) => {
  let isOut = false
  const write = createBoundedLog((fields, message) => log?.warn(fields, message))
  return {
    begins(reason: string) {
      if (isOut) return
      isOut = true
      write({ reason }, 'Postgres unavailable: its connections are replaced')
    },
    ends() {
      if (!isOut) return
      isOut = false
      write({}, 'Postgres available again')
    },
  }
}
