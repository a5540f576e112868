// The shards: whether the map and the settings agree, and whether each is there, is itself, and allows as
// many connections as are needed.

import { identityFault, mapFault, shardsWaiting } from '../../lib/domain/shard-map.ts'
import { shardConnectionsNeeded } from '../../lib/drivers/postgres/budget.ts'
import { openDatabases } from '../../lib/drivers/postgres/databases.ts'
import { closeShards, openShards } from '../../lib/drivers/postgres/shards.ts'
import type { Pool } from '../../lib/drivers/postgres/pool.ts'
import { readWalArchive } from '../../lib/drivers/postgres/wal-archive.ts'
import { postgresUrls } from '../../lib/drivers/postgres/urls.ts'
import type { Config } from '../../lib/runtime/config/config.ts'
import { connectionsAllowed, readShardIdentity, readShardMap } from '../../lib/shards/postgres.ts'
import { archiveFindings } from './postgres.ts'
import { dependencyTimeoutMs, fault, ok, warn, type Finding } from './finding.ts'

export const checkShards = async (config: Config): Promise<readonly Finding[]> => {
  const databases = openDatabases(postgresUrls(config))
  const shards = openShards(config)
  const settings = { timeoutMs: dependencyTimeoutMs }
  try {
    const map = await readShardMap(databases.pool('todos', settings))
    const found = mapFault(map, [...shards.keys()])
    if (!map || found !== undefined) return [fault('shards', ...adviceIn(found ?? ''))]
    const needed = shardConnectionsNeeded(config)
    const waiting = shardsWaiting(map, [...shards.keys()])
    const used = [...shards].filter(([name]) => !waiting.includes(name))
    const each = used.map(([name, one]) => checkOne(map, name, one.pool('todos', settings), needed))
    const archives = used.map(([name, one]) => checkArchive(name, one.pool('one-off', settings)))
    return [
      ok('shards', `map ${map.version}, ${map.shards.length} partitions`),
      ...(await Promise.all(each)),
      ...(await Promise.all(archives)).flat(),
      ...waiting.map((name) =>
        warn('shards', `${name} is not in the map yet`, `npm run shards -- add ${name}`),
      ),
    ]
  } catch (error) {
    const { message } = error as Error
    return [fault('shards', `their map can't be read (${message})`, 'npm run migrate')]
  } finally {
    await closeShards(shards)
    await databases.close()
  }
}

/** None of one that does not answer, which is said elsewhere. */
const checkArchive = (name: string, pool: Pool): Promise<readonly Finding[]> =>
  pool.run(readWalArchive).then(
    (archive) => archiveFindings(archive, 'shards', `${name}'s`),
    () => [],
  )

const checkOne = async (
  map: { readonly installation: string },
  name: string,
  pool: Pool,
  needed: number,
): Promise<Finding> => {
  try {
    const found = identityFault(map, name, await readShardIdentity(pool))
    if (found !== undefined) return fault('shards', ...adviceIn(found))
    const allowed = await connectionsAllowed(pool)
    return allowed < needed
      ? fault(
          'shards',
          `${name} allows ${allowed} connections, and a server and a worker may open ${needed}`,
          'raise max_connections, or lower DB_POOL_SIZE or WORKER_POOL_SIZE',
        )
      : ok('shards', `${name} is there, and allows ${allowed} connections of ${needed} needed`)
  } catch (error) {
    const { message } = error as Error
    return fault('shards', `${name} does not answer (${message})`, 'start it, or npm run migrate')
  }
}

const adviceIn = (text: string): [found: string, advice: string] => {
  const at = text.lastIndexOf(': ')
  return [text.slice(0, at), text.slice(at + 2)]
}
