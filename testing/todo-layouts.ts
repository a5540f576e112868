// Todos in one database, and in two shards beside a third that has accounts: what each test of the store
// that is the same for both runs on. For tests.

import type { Test } from 'tap'
import { createHomes, type Homes } from '../lib/command-log/homes.ts'
import { fnv1a } from '../lib/command-log/postgres-partition.ts'
import { spreadPartitions, type ShardMap } from '../lib/domain/shard-map.ts'
import type { TodosElsewhere } from '../lib/domain/todos-elsewhere.ts'
import { createPool, type Pool } from '../lib/drivers/postgres/pool.ts'
import { createTodosElsewhere } from '../lib/todo-store/elsewhere.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { createShardedStore, type ShardedStore } from '../lib/todo-store/sharded.ts'
import type { LogName, TodoStore } from '../lib/todo-store/todo-store.ts'
import { testDatabase } from './services.ts'

export const layoutPartitions = 4
export const layoutLog: LogName = { name: 'log', identity: 'kafka:cluster:topic' }

export type TodoLayout = {
  readonly store: Omit<ShardedStore, 'readPublicSlice'> & Pick<TodoStore, 'readPublicSlice'>
  /** Has accounts, teams and shares. */
  readonly accounts: Pool
  readonly accountsUrl: string
  /** Has the todos of a partition. */
  readonly poolOf: (partition: number) => Pool
  /** The name of its shard. */
  readonly shardOf: (partition: number) => string
  readonly homes: Homes
  /** Where todos are in other databases than shares. */
  readonly elsewhere: TodosElsewhere | undefined
  /** Where each partition's todos are. */
  readonly urls: readonly string[]
}

/** With a log that is registered. `connections`: of each pool. */
export type OpenLayout = (t: Test, connections?: number) => Promise<TodoLayout>

const timeoutMs = 20_000

const homes = () => createHomes(() => layoutPartitions, fnv1a)
const register = (store: Pick<TodoStore, 'registerLog'>) =>
  store.registerLog(layoutLog.name, {
    identity: layoutLog.identity,
    partitions: layoutPartitions,
  })

const openOne: OpenLayout = async (t, connections = 4) => {
  const url = await testDatabase(t)
  const accounts = createPool({ url, poolSize: connections, timeoutMs })
  const store = createPostgresStore(accounts)
  t.teardown(() => store.close())
  await register(store)
  return {
    store: { ...store, ofPartition: () => store, ofShard: () => store, shards: new Map() },
    accounts,
    accountsUrl: url,
    poolOf: () => accounts,
    shardOf: () => 'none',
    elsewhere: undefined,
    homes: homes(),
    urls: Array.from({ length: layoutPartitions }, () => url),
  }
}

const openTwo: OpenLayout = async (t, connections = 4) => {
  const [accountsUrl = '', ...urls] = await Promise.all([1, 2, 3].map(() => testDatabase(t)))
  const accounts = createPool({ url: accountsUrl, poolSize: 2 * connections, timeoutMs })
  const names = ['a', 'b']
  const shards = new Map(
    names.map((name, i) => [
      name,
      createPool({ url: urls[i] as string, poolSize: connections, timeoutMs }),
    ]),
  )
  const map: ShardMap = {
    installation: 'test',
    version: 1,
    shards: spreadPartitions(layoutPartitions, names),
  }
  const store = createShardedStore({ map: () => map, accounts, shards })
  t.teardown(() => store.close())
  // As whoever makes a map will do: the todos that shares name are elsewhere.
  await accounts.run((sql) => sql`ALTER TABLE todo_shares DROP CONSTRAINT todo_shares_todo_id_fkey`)
  await register(store)
  return {
    store,
    accounts,
    accountsUrl,
    poolOf: (partition) => shards.get(map.shards[partition] as string) as Pool,
    shardOf: (partition) => map.shards[partition] as string,
    elsewhere: createTodosElsewhere(() => map, shards),
    homes: homes(),
    urls: map.shards.map((name) => urls[names.indexOf(name)] as string),
  }
}

export const todoLayouts: ReadonlyMap<string, OpenLayout> = new Map([
  ['one database', openOne],
  ['two shards', openTwo],
])
