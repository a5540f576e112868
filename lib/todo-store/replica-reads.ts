// Reads that a replica answers where it has all that the reader must see, and the primary otherwise.
//
// What must be seen is a version: that which the reader names, or that of now, which the primary is
// asked for: one row, where a page may be thousands. A replica's answer carries the version of the
// snapshot that it was read in. Each transaction that changes a todo raises the version of whoever's list
// it is in, in a row that it holds until its end. So these transactions are in one order, the same on
// every server, and a snapshot with version n has the first n of them and no other: what it shows is what
// the primary showed in version n. How far a replica is behind does not matter for that.

import type { ListName, ListSnapshot } from '../domain/list.ts'
import type { OwnedSlice, PageName, PageOwner, PageRead, Range, Slice } from '../domain/page.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import type { Replicas } from '../drivers/postgres/replicas.ts'
import { publicChanges, publicChangesOnReplica, readList } from './lists.ts'
import { versionOf, versionOnReplica } from './owners.ts'
import { readPage } from './pages.ts'
import { readOwnTodo, readPersonalTodo } from './personal-todos.ts'
import { readSlice } from './slices.ts'
import type { PersonalTodo } from './todo-store.ts'

type Fragment = ReturnType<typeof versionOf>

export const createReplicaReads = (pool: Pool, replicas: Replicas, wholeListMax: number) => {
  const ofOwner = async <T extends { readonly version: number | string }>(
    owner: PageOwner,
    versionMin: number | undefined,
    read: (sql: Sql, version: Fragment, isFromReplica: boolean) => Promise<T>,
  ): Promise<T> => {
    if (replicas.isAnyUsed()) {
      const needed = versionMin ?? (await pool.run((sql) => pagesVersion(sql, owner)))
      // Without a version there is nothing to compare: all are gone, or none was ever there.
      const found =
        needed > 0 &&
        (await replicas.read(
          (sql) => read(sql, versionOnReplica(sql, owner), true),
          ({ version }) => Number(version) >= needed,
        ))
      if (found) return found
    }
    return pool.run((sql) => read(sql, versionOf(sql, owner), false))
  }

  const changesNow = () =>
    pool.run(async (sql) => {
      const [row] = await sql<{ changes: string }[]>`SELECT ${publicChanges(sql)} AS changes`
      return row?.changes ?? ''
    })

  return {
    page: (page: PageName, versionMin?: number): Promise<PageRead> =>
      ofOwner(page.owner, versionMin, async (sql, version, isFromReplica) => ({
        ...(await readPage(sql, page, version)),
        isFromReplica,
      })),

    async slice(owner: PageOwner, range: Range, versionMin?: number): Promise<OwnedSlice> {
      const { version, ...slice } = await ofOwner(owner, versionMin, (sql, version) =>
        readSlice(sql, owner, range, version),
      )
      return { ...slice, version: Number(version) }
    },

    /**
     * On a replica only for who says what he must see: to ask for the version costs as much as the todo. And
     * only his own: what is shared may be his no more.
     */
    async personalTodo(
      userId: string,
      id: string,
      versionMin?: number,
    ): Promise<PersonalTodo | undefined> {
      const found =
        versionMin !== undefined &&
        (await replicas.read(
          (sql) => readOwnTodo(sql, userId, id),
          (own) => own !== undefined && own.version >= versionMin,
        ))
      return found || pool.run((sql) => readPersonalTodo(sql, userId, id))
    },

    async publicSlice(range: Range): Promise<Slice> {
      if (replicas.isAnyUsed()) {
        const needed = await changesNow()
        const found = await replicas.read(
          (sql) => readSlice(sql, 'public', range, publicChangesOnReplica(sql)),
          ({ version }) => hasAll(version, needed),
        )
        if (found) return found
      }
      return pool.run((sql) => readSlice(sql, 'public', range))
    },

    /** Its version names it: so a replica's counts only where it is the one that the primary has. */
    async list(list: ListName): Promise<ListSnapshot> {
      if (replicas.isAnyUsed()) {
        const needed = await changesNow()
        const found = await replicas.read(
          (sql) => readList(sql, list, wholeListMax, publicChangesOnReplica(sql)),
          ({ changes }) => changes === needed,
        )
        if (found) return found
      }
      return pool.run((sql) => readList(sql, list, wholeListMax))
    },
  }
}

export const pagesVersion = async (sql: Sql, owner: PageOwner): Promise<number> => {
  const [row] = await sql<{ version: string }[]>`SELECT ${versionOf(sql, owner)} AS version`
  return Number(row?.version)
}

type Changes = Readonly<Record<string, number>>

/** Both of publicChanges(). */
export const hasAll = (found: string, needed: string): boolean => {
  const had = JSON.parse(found) as Changes
  return Object.entries(JSON.parse(needed) as Changes).every(
    ([partition, changes]) => (had[partition] ?? 0) >= changes,
  )
}
