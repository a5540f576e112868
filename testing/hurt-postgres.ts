// A Postgres that runs and is of no use, for tests. It answers for moments, ends its sessions, or is
// read-only, as one that was the primary until a moment ago.

import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import type { RestartableService } from './restartable.ts'

const stoppedMs = 2_300
const answersMsMin = 3
const answersMsMax = 60

/** Stopped, then on for a moment, so many times; running at the end. */
export const flapPostgres = async (
  service: RestartableService,
  times: number,
  below: (max: number) => number,
): Promise<void> => {
  for (let n = 0; n < times; n++) {
    service.freeze()
    await delay(stoppedMs)
    service.thaw()
    await delay(answersMsMin + below(answersMsMax - answersMsMin + 1))
  }
}

export const endPostgresSessions = (service: RestartableService): Promise<void> =>
  asOperator(service, [endSessions])

/** Every session, those that are open too. */
export const makePostgresReadOnly = (service: RestartableService): Promise<void> =>
  asOperator(service, [`ALTER SYSTEM SET ${readOnly} = on`, reload])

export const makePostgresWritable = (service: RestartableService): Promise<void> =>
  asOperator(service, [`ALTER SYSTEM RESET ${readOnly}`, reload])

/**
 * As after a failover that keeps TCP connections: the open sessions are on the wrong server, new ones
 * are not. What is set for a database outranks the file, when a session begins.
 */
export const makeOpenSessionsReadOnly = (service: RestartableService): Promise<void> =>
  asOperator(service, [
    `ALTER DATABASE ${databaseOf(service)} SET ${readOnly} = off`,
    `ALTER SYSTEM SET ${readOnly} = on`,
    reload,
  ])

/** Ends all sessions: those of now would be spared the next time. */
export const endOpenSessionsReadOnly = (service: RestartableService): Promise<void> =>
  asOperator(service, [
    `ALTER SYSTEM RESET ${readOnly}`,
    reload,
    `ALTER DATABASE ${databaseOf(service)} RESET ${readOnly}`,
    endSessions,
  ])

/** Of a replica: it has what there is, and shows none of it until it goes on. */
export const pauseReplay = (service: RestartableService): Promise<void> =>
  asOperator(service, ['SELECT pg_wal_replay_pause()'])

export const resumeReplay = (service: RestartableService): Promise<void> =>
  asOperator(service, ['SELECT pg_wal_replay_resume()'])

/** Of a replica: it takes writes, and has todos and versions that its primary never had. */
export const promoteAndDiverge = (service: RestartableService): Promise<void> =>
  asOperator(service, [
    'SELECT pg_promote()',
    `UPDATE todos SET revision = revision + 1000, title = 'diverged ' || title`,
    'UPDATE personal_lists SET version = version + 1000',
    'UPDATE list_versions SET changes = changes + 1000',
  ])

const readOnly = 'default_transaction_read_only'
const reload = 'SELECT pg_reload_conf()'
const endSessions = `
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`

const databaseOf = (service: RestartableService): string =>
  new URL(service.directUrl()).pathname.slice(1)

const asOperator = async (
  service: RestartableService,
  statements: readonly string[],
): Promise<void> => {
  const sql = postgres(service.directUrl(), {
    max: 1,
    onnotice: () => {},
    connection: { default_transaction_read_only: false },
  })
  try {
    for (const statement of statements) await sql.unsafe(statement)
  } finally {
    await sql.end()
  }
}
