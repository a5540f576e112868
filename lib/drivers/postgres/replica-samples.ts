// What the primary and a replica say of themselves, asked once.

import { parsePostgresUrl } from '../../runtime/config/postgres-url.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import { createPool, type Pool, type Sql } from './pool.ts'
import {
  judgeReplica,
  type PrimarySample,
  type ReplicaSample,
  type ReplicaState,
} from './replica-health.ts'

export type ReplicaFound = { readonly name: string; readonly state: ReplicaState }

/** For a command that looks once. Never rejects, and takes `timeoutMs` twice at most. */
export const examineReplicas = async (
  urls: readonly string[],
  options: { readonly primary: Pool; readonly lagMsMax: number; readonly timeoutMs: number },
): Promise<ReplicaFound[]> => {
  const { primary, lagMsMax, timeoutMs } = options
  if (urls.length === 0) return []
  const sample = await withTimeout(timeoutMs, () => primary.run(samplePrimary)).catch(
    () => undefined,
  )
  const examine = async (url: string): Promise<ReplicaFound> => {
    const pool = createPool({ url, poolSize: 1, timeoutMs, isReadOnly: true })
    const state = await stateOf(pool, sample, undefined, lagMsMax)
    void pool.close().catch(() => {})
    return { name: replicaNameOf(url), state }
  }
  return Promise.all(urls.map(examine))
}

/** Never rejects. `earlier`: of the primary, a round ago. */
export const stateOf = async (
  replica: Pool,
  primary: PrimarySample | undefined,
  earlier: PrimarySample | undefined,
  lagMsMax: number,
): Promise<ReplicaState> => {
  if (!primary) return { kind: 'left out', reason: 'the primary does not say where it is' }
  try {
    return judgeReplica(primary, earlier, await replica.run(sampleReplica), lagMsMax)
  } catch (error) {
    return { kind: 'left out', reason: (error as Error).message }
  }
}

/** Without what is secret. */
export const replicaNameOf = (url: string): string => {
  const { hosts } = parsePostgresUrl(url)
  return hosts.map(({ host = 'localhost', port = 5432 }) => `${host}:${port}`).join(',')
}

export const samplePrimary = async (sql: Sql): Promise<PrimarySample> => {
  // What is not flushed yet is not sent to a replica either.
  const [row] = await sql<PrimarySample[]>`
    SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
      current_database() AS database,
      ('x' || substr(pg_walfile_name(flushed), 1, 8))::bit(32)::int AS timeline,
      (flushed - '0/0')::float8 AS position,
      (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "atMs"
    FROM pg_current_wal_flush_lsn() AS flushed`
  return row as PrimarySample
}

const sampleReplica = async (sql: Sql): Promise<ReplicaSample> => {
  const [row] = await sql<ReplicaSample[]>`
    SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
      current_database() AS database,
      pg_is_in_recovery() AS "isInRecovery",
      EXISTS (SELECT FROM pg_stat_wal_receiver) AS "isReceiving",
      (SELECT received_tli FROM pg_stat_wal_receiver) AS timeline,
      (pg_last_wal_replay_lsn() - '0/0')::float8 AS position,
      (extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000)::float8 AS "committedAtMs"`
  return row as ReplicaSample
}
