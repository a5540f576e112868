// What the primary has, for those who want to read it elsewhere. One question is on its way at a time, and
// all who come meanwhile share the next: so under load the primary is asked once a round trip, and not once
// a read. Nobody is told what was there before he asked.

import type { PageOwner } from '../domain/page.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { publicChanges } from './lists.ts'
import { partsOf } from './owners.ts'

export type PrimaryVersions = {
  /** 0 before the first change. */
  ofOwner(owner: PageOwner): Promise<number>
  /** See publicChanges(). */
  ofPublic(): Promise<string>
}

type Answer = ReadonlyMap<string, string>

/** As many owners as read at one time, which the queue of reads bounds. */
type Question = {
  readonly owners: Set<PageOwner>
  isPublicAsked: boolean
  readonly answered: Promise<Answer>
}

export const createPrimaryVersions = (pool: Pool): PrimaryVersions => {
  let last: Promise<unknown> = Promise.resolve()
  /** Not sent yet. */
  let next: Question | undefined

  const join = (): Question => {
    if (next) return next
    const answered = last.then(() => {
      const { owners, isPublicAsked } = next as Question
      next = undefined
      return pool.run((sql) => ask(sql, [...owners], isPublicAsked))
    })
    last = answered.catch(() => {}) // who asked is told
    next = { owners: new Set(), isPublicAsked: false, answered }
    return next
  }

  return {
    async ofOwner(owner) {
      const question = join()
      question.owners.add(owner)
      return Number((await question.answered).get(owner) ?? 0)
    },
    async ofPublic() {
      const question = join()
      question.isPublicAsked = true
      return (await question.answered).get('public') ?? ''
    },
  }
}

const ask = async (
  sql: Sql,
  owners: readonly PageOwner[],
  isPublicAsked: boolean,
): Promise<Answer> => {
  const idsOf = (wanted: 'user' | 'team') =>
    owners.map(partsOf).flatMap(({ kind, id }) => (kind === wanted ? [id] : []))
  const rows = await sql<{ name: string; version: string }[]>`
    SELECT 'user:' || user_id AS name, version::text FROM personal_lists
    WHERE user_id = ANY(${idsOf('user')}::text[])
    UNION ALL
    SELECT 'team:' || team_id, version::text FROM team_lists
    WHERE team_id = ANY(${idsOf('team')}::text[])
    ${isPublicAsked ? sql`UNION ALL SELECT 'public', ${publicChanges(sql)}` : sql``}`
  return new Map(rows.map(({ name, version }) => [name, version]))
}
