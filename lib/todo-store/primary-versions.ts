// What the primary has, for those who want to read it elsewhere. One question is on its way at a time, and
// all who come meanwhile share the next: so under load the primary is asked once a round trip, and not once
// a read. A question that is not answered holds up the next for as long as a statement may take. Nobody is told what was there before he asked.

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
  const [users, teams] = [idsOf('user'), idsOf('team')]
  // What nobody asks for would cost a lone reader 40 us more to plan.
  const [first, ...others] = [
    ...(users.length > 0
      ? [
          sql`SELECT 'user:' || user_id AS name, version::text FROM personal_lists
            WHERE user_id = ANY(${users}::text[])`,
        ]
      : []),
    ...(teams.length > 0
      ? [
          sql`SELECT 'team:' || team_id AS name, version::text FROM team_lists
            WHERE team_id = ANY(${teams}::text[])`,
        ]
      : []),
    ...(isPublicAsked ? [sql`SELECT 'public' AS name, ${publicChanges(sql)} AS version`] : []),
  ]
  if (!first) return new Map()
  const rows = await sql<{ name: string; version: string }[]>`
    ${others.reduce((all, other) => sql`${all} UNION ALL ${other}`, first)}`
  return new Map(rows.map(({ name, version }) => [name, version]))
}
