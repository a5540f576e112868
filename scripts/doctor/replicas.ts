// Replicas of Postgres: whether servers would read from each, how far it is behind, or why it is left out.

import { openDatabases } from '../../lib/drivers/postgres/databases.ts'
import { examineReplicas, type ReplicaFound } from '../../lib/drivers/postgres/replica-samples.ts'
import { postgresUrls, replicaUrls } from '../../lib/drivers/postgres/urls.ts'
import type { Config } from '../../lib/runtime/config/config.ts'
import { dependencyTimeoutMs, fault, ok, warn, type Finding } from './finding.ts'

export const checkReplicas = async (config: Config): Promise<readonly Finding[]> => {
  const databases = openDatabases(postgresUrls(config))
  const timeoutMs = dependencyTimeoutMs / 2
  try {
    const found = await examineReplicas(replicaUrls(config), {
      primary: databases.pool('todos', { timeoutMs }),
      lagMsMax: config.DATABASE_REPLICA_LAG_MAX_MS,
      timeoutMs,
    })
    return found.map(findingOf)
  } finally {
    await databases.close()
  }
}

const findingOf = ({ name, state }: ReplicaFound): Finding => {
  if (state.kind === 'used') {
    return ok(
      'postgres',
      `the replica ${name} is read-only, and ${Math.round(state.lagMs)} ms behind`,
    )
  }
  const { reason, lagMs } = state
  return lagMs === undefined
    ? fault(
        'postgres',
        `the replica ${name} is left out (${reason})`,
        'docs/how-to/read-replicas.md says what to do',
      )
    : warn(
        'postgres',
        `the replica ${name} is left out, for it is ${Math.round(lagMs)} ms behind`,
        'see what it is busy with; it is used again when it has caught up',
      )
}
