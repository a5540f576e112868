// The shards of a process: its connections to each, which of them are down, and the map that says which has
// what. A shard is used only while it is known to be the one that DATABASE_SHARDS says, and by the map that
// is known to be the one.

import { identityFault, mapFault, ofShard, restoredTo, shardsUsed } from '../domain/shard-map.ts'
import type { Budget } from '../drivers/postgres/budget.ts'
import { isConnectionLost, isReadOnly } from '../drivers/postgres/errors.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { Pool } from '../drivers/postgres/pool.ts'
import { closeShards, openShards } from '../drivers/postgres/shards.ts'
import type { Config } from '../runtime/config/config.ts'
import type { Log } from '../runtime/log.ts'
import type { PoolStats } from '../runtime/pool-stats.ts'
import { createJoining } from './joining.ts'
import { NoMap, watchShardMap, type MapWatch } from './map-watch.ts'
import { readShardIdentity, readShardMap, readShardMapIfAny } from './postgres.ts'
import { watchShards, type ShardWatch } from './shard-watch.ts'

export type Shards = {
  readonly names: readonly string[]
  readonly map: MapWatch['map']
  /**
   * The map does not have it, and never had while this process runs: nothing is asked of it. False for all
   * before the map was read.
   */
  isWaiting(name: string): boolean
  /** The same of one shard; `joined` resolves when the map has it. */
  membership(name: string): { isWaiting(): boolean; joined(): Promise<void> }
  /** All that the map has. Throws where DATABASE_SHARDS lacks one, or the map is not known now. */
  allPools(): Pool[]
  /** For todos: a use of one that is down is refused at once. */
  readonly pools: ReadonlyMap<string, Pool>
  /** By shard, for what has connections of its own there. */
  readonly databases: ReadonlyMap<string, Databases>
  readonly watch: Pick<ShardWatch, 'isDown' | 'isDownNow' | 'down'>
  /** Rejects with those that are down, each with its reason. */
  check(): Promise<void>
  /**
   * Reads the map, asks all shards, and goes on doing so; until then no shard is used. Resolves with what
   * contradicts the settings, and what to do, in one line; a shard that is down contradicts nothing.
   * Rejects when the map can't be read now: it is tried again.
   */
  start(): Promise<string | undefined>
  close(): Promise<void>
}

type Settings = {
  readonly budget?: Budget
  readonly timeoutMs: number
  /** By shard: told how much its pool is used. */
  readonly uses?: ReadonlyMap<string, PoolStats>
  readonly log: Log
}

/** A shard that is known to be down. Its code is that of a connection that is lost: it may be back. */
export class ShardDown extends Error {
  override readonly name = 'ShardDown'
  readonly code = 'CONNECTION_LOST'
}

const watchTimeoutMs = 1_000
const notInSettings = 'the map has it: add it to DATABASE_SHARDS, and start this process again'

/** Undefined: there are none. `accounts`: of the database that has the map. */
export const connectShards = (
  config: Config,
  accounts: Pool,
  { budget, timeoutMs, uses, log }: Settings,
): Shards | undefined => {
  if (config.DATABASE_SHARDS === '') return undefined
  const databases = openShards(config, budget)
  const names = [...databases.keys()]
  const joining = createJoining(names, log, (name) => void watch.isDownNow(name))
  const mapWatch = watchShardMap(() => readShardMap(accounts), log, undefined, joining.onRead)
  /** Was found to be itself at any time. Where it is only silent later, its connections say so. */
  const known = new Set<string>()
  const notThemselves = new Map<string, string>()

  const pinging = new Map(
    [...databases].map(([name, one]) => {
      const pool = one.pool('shard watch', { timeoutMs: watchTimeoutMs })
      const ping = async () => {
        const map = mapWatch.map()
        await pool.ping()
        const found = await readShardIdentity(pool).catch(orNoTables(name))
        const fault = identityFault(map, name, found)
        if (fault !== undefined) {
          known.delete(name)
          // One that was restored is itself, and down until it has joined again.
          if (!found || restoredTo(found.name)?.name !== name) notThemselves.set(name, fault)
          throw new Error(fault)
        }
        notThemselves.delete(name)
        known.add(name)
      }
      return [name, { ping }]
    }),
  )
  const watch = watchShards(pinging, log)
  const pools = new Map(
    [...databases].map(([name, one]) => {
      const use = uses?.get(name)
      const pool = one.pool('todos', { timeoutMs, log, ...(use && { use }) })
      const state = { isKnown: () => known.has(name), isWaiting: () => joining.isWaiting(name) }
      return [name, guarded(pool, name, watch, state)]
    }),
  )
  /** What DATABASE_SHARDS lacks is as good as down. */
  const down = () =>
    new Map([
      ...watch.down(),
      ...joining.lacking().map((name): [string, string] => [name, notInSettings]),
    ])
  const askAll = () =>
    Promise.all(names.filter((name) => !joining.isWaiting(name)).map(watch.isDownNow))

  return {
    names,
    map: mapWatch.map,
    isWaiting: joining.isWaiting,
    membership: (name) => ({
      isWaiting: () => joining.isWaiting(name),
      joined: () => joining.joined(name),
    }),
    allPools: () => [...shardsUsed(mapWatch.map())].map((name) => ofShard(pools, name)),
    pools,
    databases,
    watch: { ...watch, down },
    async check() {
      await askAll()
      const reasons = [...down()].map(([name, reason]) => `${name}: ${reason}`)
      if (reasons.length > 0) throw new Error(reasons.join('; '))
      mapWatch.map()
    },
    async start() {
      const map = await mapWatch
        .read()
        .catch((error: unknown) => {
          if (error instanceof NoMap) return undefined
          throw error
        })
        .finally(mapWatch.start)
      const fault = mapFault(map, names)
      if (fault !== undefined) return fault
      await askAll()
      return [...notThemselves.values()][0]
    },
    async close() {
      mapWatch.close()
      watch.close()
      await closeShards(databases)
    },
  }
}

/** Why todos that are in shards can't be served without them; undefined: there are none. */
export const unshardedFault = async (accounts: Pool): Promise<string | undefined> =>
  mapFault(await readShardMapIfAny(accounts), [])

type ShardState = { readonly isKnown: () => boolean; readonly isWaiting: () => boolean }

/** Refuses at once while it is down; what fails on a lost connection has it asked. */
const guarded = (
  pool: Pool,
  name: string,
  watch: ShardWatch,
  { isKnown, isWaiting }: ShardState,
): Pool => {
  const through = async <T>(use: () => Promise<T>): Promise<T> => {
    if (isWaiting()) throw new ShardDown(`the map does not have the shard ${name} yet`)
    if (watch.isDown(name)) {
      throw new ShardDown(`the shard ${name} is down (${watch.down().get(name)})`)
    }
    if (!isKnown()) {
      void watch.isDownNow(name)
      throw new ShardDown(`the shard ${name} was not asked yet who it is`)
    }
    try {
      return await use()
    } catch (error) {
      if (isConnectionLost(error) || isReadOnly(error)) void watch.isDownNow(name)
      throw error
    }
  }
  return {
    ...pool,
    run: (work) => through(() => pool.run(work)),
    transaction: (work, options) => through(() => pool.transaction(work, options)),
  }
}

const orNoTables =
  (name: string) =>
  (error: unknown): never => {
    if ((error as { readonly code?: unknown }).code !== '42P01') throw error
    throw new Error(`the shard ${name} has no tables yet: run npm run migrate`, { cause: error })
  }
