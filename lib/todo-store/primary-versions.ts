// What the primary has, for those who want to read it elsewhere. One question is on its way at a time, and
// all who come meanwhile share the next: so under load the primary is asked once a round trip, and not once
// a read. A question that is not answered holds up the next for as long as a statement may take. Nobody is told what was there before he asked.

import type { PageOwner } from '../domain/page.ts'
import type { PersonalStanding } from '../domain/share.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { publicChanges } from './lists.ts'
import { partsOf } from './owners.ts'

export type PrimaryVersions = {
  /** 0 before the first change. */
  ofOwner(owner: PageOwner): Promise<number>
  /** See publicChanges(). */
  ofPublic(): Promise<string>
  /** Undefined: there is no such personal todo, or it is nothing to him. */
  ofShared(userId: string, todoId: string): Promise<SharedVersion | undefined>
}

export type SharedVersion = {
  readonly ownerId: string
  readonly standing: PersonalStanding
  /** Of the owner's list. */
  readonly version: number
}

type Answer = ReadonlyMap<string, string>

/** As many owners as read at one time, which the queue of reads bounds. */
type Question = {
  readonly owners: Set<PageOwner>
  /** Users with todos that may be shared with them. */
  readonly shared: (readonly [userId: string, todoId: string])[]
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
      const question = next as Question
      next = undefined
      return pool.run((sql) => ask(sql, question))
    })
    last = answered.catch(() => {}) // who asked is told
    next = { owners: new Set(), shared: [], isPublicAsked: false, answered }
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
    async ofShared(userId, todoId) {
      const question = join()
      const nth = question.shared.push([userId, todoId])
      const text = (await question.answered).get(`shared ${nth}`)
      return text === undefined ? undefined : (JSON.parse(text) as SharedVersion)
    },
  }
}

const ask = async (sql: Sql, { owners, shared, isPublicAsked }: Question): Promise<Answer> => {
  const idsOf = (wanted: 'user' | 'team') =>
    [...owners].map(partsOf).flatMap(({ kind, id }) => (kind === wanted ? [id] : []))
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
    ...(shared.length > 0 ? [standings(sql, shared)] : []),
    ...(isPublicAsked ? [sql`SELECT 'public' AS name, ${publicChanges(sql)} AS version`] : []),
  ]
  if (!first) return new Map()
  const rows = await sql<{ name: string; version: string }[]>`
    ${others.reduce((all, other) => sql`${all} UNION ALL ${other}`, first)}`
  return new Map(rows.map(({ name, version }) => [name, version]))
}

/** By their place among those that are asked for. */
const standings = (sql: Sql, shared: Question['shared']) => sql`
  SELECT 'shared ' || nth AS name, json_build_object('ownerId', owner_id, 'standing', standing,
    'version', coalesce((SELECT version FROM personal_lists WHERE user_id = owner_id), 0))::text
    AS version
  FROM (
    SELECT nth, todos.user_id AS owner_id, CASE WHEN todos.user_id = asked.user_id THEN 'owner' ELSE (
        SELECT role FROM todo_roles
        WHERE todo_roles.todo_id = todos.id AND todo_roles.user_id = asked.user_id) END AS standing
    FROM unnest(${shared.map(([userId]) => userId)}::text[], ${shared.map(([, todoId]) => todoId)}::text[])
      WITH ORDINALITY AS asked (user_id, todo_id, nth)
    JOIN todos ON todos.id = asked.todo_id AND is_personal AND team_id IS NULL
  ) AS found WHERE standing IS NOT NULL`
