// A statement may take long, so the silence of its connection says nothing. But when the server says
// that the session has nothing to do, the answer or the question was lost: known long before the
// statement's time is up. Its session is ended then: it may hold locks, and receives nothing any more.

import { sessionInSql, type Connection } from './connection.ts'
import { openPrimary } from './primary.ts'
import { ConnectionLost } from './errors.ts'
import { withTimeout } from '../../runtime/deadline.ts'

const answerTimeoutMs = 2_000
/** A session that has just become idle has its answer on the way. */
const idleSecMin = 1

const intervalMs = 1_000

type Suspect = Pick<Connection, 'received' | 'serverSession'>

/** A pool, and how to find out which of its connections are in use and have brought nothing for long. */
export type SilenceSource = {
  readonly suspects: () => readonly Suspect[]
  /** Called with each of them, once it is known, or not known to be. */
  readonly onVerdict: (suspect: Suspect, isSilent: boolean) => void
}
export type SilenceWatch = {
  /** Returns how to end it. */
  watch(source: SilenceSource): () => void
}

/** One for all pools of a process: it asks about all of them on one connection. */
export const createSilenceWatch = (url: string): SilenceWatch => {
  const sources = new Set<SilenceSource>()
  let timer: NodeJS.Timeout | undefined
  let isChecking = false

  const check = async () => {
    const found = [...sources].map((source) => [source, source.suspects()] as const)
    const suspects = found.flatMap(([, some]) => some)
    if (suspects.length === 0 || isChecking) return
    isChecking = true
    // Without an answer it is not known: asked again.
    const silent = new Set(await findSilent(url, suspects).catch((): Suspect[] => []))
    isChecking = false
    for (const [source, some] of found) {
      for (const suspect of some) source.onVerdict(suspect, silent.has(suspect))
    }
  }

  return {
    watch(source) {
      sources.add(source)
      timer ??= setInterval(() => void check(), intervalMs).unref()
      return () => {
        sources.delete(source)
        if (sources.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}

/** Those of `suspects`, all of them with a statement in flight, that are silent. */
export const findSilent = async <T extends Suspect>(
  url: string,
  suspects: readonly T[],
): Promise<T[]> => {
  const before = new Map(suspects.map((one) => [one, one.received()]))
  const stillSilent = () => suspects.filter((one) => one.received() === before.get(one))
  const { sql, opened, whileOpen, discard } = openPrimary({ url })
  try {
    await opened
    // A process that was held up or stopped has read by now what had arrived meanwhile.
    const sessions = stillSilent().map((one) => one.serverSession() ?? '')
    if (sessions.length === 0) return []
    const rows = await withTimeout(answerTimeoutMs, () =>
      whileOpen(
        () => sql<{ session: string; is_idle: boolean }[]>`
          SELECT session, is_idle, CASE WHEN is_idle THEN pg_terminate_backend(pid) END AS is_ended
          FROM (
            SELECT pid, ${sql.unsafe(sessionInSql)} AS session, state LIKE 'idle%'
              AND state_change < clock_timestamp() - make_interval(secs => ${idleSecMin}) AS is_idle
            FROM pg_stat_activity
          ) AS activity
          WHERE session = ANY(${sessions}::text[])`,
      ),
    )
    // One that is not there is gone, or on a server that new connections do not reach.
    const isBusy = new Set(rows.filter((row) => !row.is_idle).map((row) => row.session))
    return stillSilent().filter((one) => !isBusy.has(one.serverSession() ?? ''))
  } finally {
    discard(new ConnectionLost('this connection was closed'))
  }
}
