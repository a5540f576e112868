// Reads that a replica answers where it has all that the reader must see, and the primary otherwise.
//
// What must be seen is a version: that which the reader names, or that of now, which the primary is
// asked for, once for all who read meanwhile. A replica's answer carries the version of the
// snapshot that it was read in. Each transaction that changes a todo raises the version of whoever's list
// it is in, in a row that it holds until its end. So these transactions are in one order, the same on
// every server, and a snapshot with version n has the first n of them and no other: what it shows is what
// the primary showed in version n. How far a replica is behind does not matter for that.

import type { ListName, ListSnapshot } from '../domain/list.ts'
import { allCommitted, namesSomething, type MustSee } from '../domain/must-see.ts'
import type { OwnedSlice, PageName, PageOwner, PageRead, Range, Slice } from '../domain/page.ts'
import { bucketOf, bucketOfOwner } from '../domain/todo-id.ts'
import type { TodoRow } from '../domain/todo.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { noReplicas, type Replicas } from '../drivers/postgres/replicas.ts'
import { publicChangesOnReplica, readList } from './lists.ts'
import { versionOf, versionOnReplica } from './owners.ts'
import { readPage } from './pages.ts'
import { readPersonalTodo } from './personal-todos.ts'
import { createPrimaryVersions } from './primary-versions.ts'
import { readSingle, type VersionedTodo } from './single-todos.ts'
import { readSlice } from './slices.ts'
import { readTeamTodo } from './team-todos.ts'
import type { PersonalTodo, TeamTodo } from './todo-store.ts'

type Fragment = ReturnType<typeof versionOf>

/** `log`: the name of that which the positions are of that readers name. */
export type ReadPlaces = { readonly replicas: Replicas; readonly log: string }
export const primaryOnly: ReadPlaces = { replicas: noReplicas, log: '' }

/**
 * After a replica did not have a list. Where lists change all the time, none ever has one: each refresh would ask
 * two servers in vain, and lists were stale for longer than a second on a busy machine.
 */
const listsOnPrimaryMs = 1_000

export const createReplicaReads = (
  pool: Pool,
  { replicas, log }: ReadPlaces,
  wholeListMax: number,
) => {
  const primary = createPrimaryVersions(pool)
  let listsOnPrimaryUntilMs = 0

  /** Undefined where the primary is to be read. */
  const onReplica = async <T extends { readonly version: number | string }>(
    owner: PageOwner,
    { version, positions }: MustSee,
    read: (sql: Sql, version: Fragment) => Promise<T>,
    isWhole: (found: T) => boolean = () => true,
  ): Promise<T | undefined> => {
    if (!replicas.isAnyUsed()) return undefined
    const named = version ?? (positions && 1)
    const needed = named ?? (await primary.ofOwner(owner))
    // Without a version there is nothing to compare: all are gone, or none was ever there.
    if (needed === 0) return undefined
    return replicas.read(
      (sql) => read(sql, versionOnReplica(sql, owner, log, positions)),
      (found) => Number(found.version) >= needed && isWhole(found),
    )
  }

  const ofOwner = async <T extends { readonly version: number | string }>(
    owner: PageOwner,
    mustSee: MustSee,
    read: (sql: Sql, version: Fragment, isFromReplica: boolean) => Promise<T>,
  ): Promise<T> =>
    (await onReplica(owner, mustSee, (sql, version) => read(sql, version, true))) ??
    pool.run((sql) => read(sql, versionOf(sql, owner), false))

  const singleOnReplica = (
    owner: PageOwner,
    id: string,
    mustSee: MustSee,
    isWhole: (found: VersionedTodo) => boolean,
  ) => onReplica(owner, mustSee, (sql, version) => readSingle(sql, owner, id, version), isWhole)

  /** Of what is public a replica must have all that is committed: nobody can name it in a word. */
  const publicOnReplica = async <T extends { readonly version: string }>(
    read: (sql: Sql, version: Fragment) => Promise<T>,
    isEnough: (found: string, needed: string) => boolean,
  ): Promise<T | undefined> => {
    if (!replicas.isAnyUsed()) return undefined
    const needed = await primary.ofPublic()
    return replicas.read(
      (sql) => read(sql, publicChangesOnReplica(sql)),
      ({ version }) => isEnough(version, needed),
    )
  }

  /**
   * The primary says what it is to him, and in which version of its owner's list. A replica has it just so, or is
   * passed by: in a later version there may be what was written after the share had ended.
   */
  const sharedTodo = async (
    userId: string,
    id: string,
    onPrimary: () => Promise<PersonalTodo | undefined>,
  ): Promise<PersonalTodo | undefined> => {
    const known = await primary.ofShared(userId, id)
    if (!known) return undefined
    const { ownerId, standing, version } = known
    if (standing === 'owner' || version === 0) return onPrimary()
    const owner = `user:${ownerId}` as const
    const found = await replicas.read(
      (sql) => readSingle(sql, owner, id, versionOnReplica(sql, owner, log)),
      (had) => had.row !== undefined && Number(had.version) === version,
    )
    return found?.row ? { row: found.row, standing, version: undefined } : onPrimary()
  }

  return {
    version: (owner: PageOwner): Promise<number> => primary.ofOwner(owner),

    page: (page: PageName, mustSee = allCommitted): Promise<PageRead> =>
      ofOwner(page.owner, mustSee, async (sql, version, isFromReplica) => ({
        ...(await readPage(sql, page, version)),
        isFromReplica,
      })),

    async slice(owner: PageOwner, range: Range, mustSee = allCommitted): Promise<OwnedSlice> {
      const { version, ...slice } = await ofOwner(owner, mustSee, (sql, version) =>
        readSlice(sql, owner, range, version),
      )
      return { ...slice, version: Number(version) }
    },

    async todo(id: string, mustSee?: MustSee): Promise<TodoRow | undefined> {
      const found =
        mustSee &&
        (await publicOnReplica((sql, version) => readSingle(sql, 'public', id, version), hasAll))
      return (found ?? (await pool.run((sql) => readSingle(sql, 'public', id)))).row
    },

    async personalTodo(
      userId: string,
      id: string,
      mustSee?: MustSee,
    ): Promise<PersonalTodo | undefined> {
      const onPrimary = () => pool.run((sql) => readPersonalTodo(sql, userId, id))
      if (!mustSee || !replicas.isAnyUsed()) return onPrimary()
      // Its bucket says whether it can be the reader's own.
      const bucket = bucketOf(id)
      const canBeOwn = bucket === undefined || bucket === bucketOfOwner(userId)
      if (!canBeOwn) return sharedTodo(userId, id, onPrimary)
      const found = await singleOnReplica(
        `user:${userId}`,
        id,
        mustSee,
        ({ row }) => row !== undefined,
      )
      return found?.row
        ? { row: found.row, standing: 'owner', version: Number(found.version) }
        : onPrimary()
    },

    /** `mustSee`: of somebody who was found to be a member just now. */
    async teamTodo(
      teamId: string,
      userId: string,
      id: string,
      mustSee?: MustSee,
    ): Promise<TeamTodo | undefined> {
      // One that is not there may be newer than what the reader named.
      const isWhole = ({ row }: VersionedTodo) =>
        row !== undefined || !namesSomething(mustSee ?? {})
      const found = mustSee && (await singleOnReplica(`team:${teamId}`, id, mustSee, isWhole))
      if (!found) return pool.run((sql) => readTeamTodo(sql, teamId, userId, id))
      return found.row && { row: found.row, version: Number(found.version) }
    },

    async publicSlice(range: Range): Promise<Slice> {
      const found = await publicOnReplica(
        (sql, version) => readSlice(sql, 'public', range, version),
        hasAll,
      )
      return found ?? pool.run((sql) => readSlice(sql, 'public', range))
    },

    /** Its version names it: so a replica's counts only where it is the one that the primary has. */
    async list(list: ListName): Promise<ListSnapshot> {
      const nowMs = performance.now()
      const found =
        nowMs < listsOnPrimaryUntilMs
          ? undefined
          : await publicOnReplica(
              async (sql, changes) => {
                const snapshot = await readList(sql, list, wholeListMax, changes)
                return { snapshot, version: snapshot.changes }
              },
              (had, needed) => had === needed,
            )
      if (!found && nowMs >= listsOnPrimaryUntilMs)
        listsOnPrimaryUntilMs = performance.now() + listsOnPrimaryMs
      return found?.snapshot ?? pool.run((sql) => readList(sql, list, wholeListMax))
    },
  }
}

type Changes = Readonly<Record<string, number>>

/** Both of publicChanges(). */
export const hasAll = (found: string, needed: string): boolean => {
  const had = JSON.parse(found) as Changes
  return Object.entries(JSON.parse(needed) as Changes).every(
    ([partition, changes]) => (had[partition] ?? 0) >= changes,
  )
}
