// Shared todos on a database of their own, with the teams and accounts that they are shared with. For
// tests.

import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { appendAudit } from '../lib/audit/postgres.ts'
import type { TeamBounds } from '../lib/domain/team.ts'
import type { ShareBounds } from '../lib/domain/share.ts'
import type { Replicas } from '../lib/drivers/postgres/replicas.ts'
import { createPostgresShares } from '../lib/shares/postgres.ts'
import type { Shares } from '../lib/shares/shares.ts'
import { todosElsewhere } from '../lib/teams/postgres.ts'
import { testDatabase } from './services.ts'
import type { TodoLayout } from './todo-layouts.ts'
import { openTeamsAt, type TeamsUnderTest, type TestAccount } from './teams.ts'

export type SharesUnderTest = TeamsUnderTest & {
  readonly shares: Shares
  /** The id of a personal todo that is made for it. */
  todoOf(owner: TestAccount): Promise<string>
  /** A team of `admin`, with these in it. */
  teamOf(admin: TestAccount, ...others: readonly TestAccount[]): Promise<string>
  confirmAddress(account: TestAccount): Promise<void>
}

const teamBounds: TeamBounds = {
  teamsOfUserMax: 1_000,
  membersMax: 1_000,
  invitationsMax: 1_000,
  invitationTtlSec: 600,
}

export const openShares = async (
  t: Test,
  bounds: ShareBounds,
  connections = 1,
): Promise<SharesUnderTest> => openSharesAt(t, await testDatabase(t), bounds, connections)

/** On a database that a server is on, too. */
export const openSharesAt = (
  t: Test,
  databaseUrl: string,
  bounds: ShareBounds,
  connections = 1,
  layout?: Pick<TodoLayout, 'elsewhere' | 'homes' | 'poolOf'>,
  replicas?: Replicas,
): SharesUnderTest => {
  const elsewhere = layout?.elsewhere
  const under = openTeamsAt(t, databaseUrl, teamBounds, connections, elsewhere && todosElsewhere)
  const { pool, teams } = under
  return {
    ...under,
    shares: createPostgresShares(pool, {
      bounds,
      appendAudit,
      elsewhere,
      ...(replicas && { replicas }),
    }),
    async todoOf({ userId }) {
      const id = layout ? layout.homes.newTodoId(userId) : `todo-${randomUUID()}`
      const todos = layout ? layout.poolOf(layout.homes.partitionOf(id)) : pool
      await todos.run(
        (sql) => sql`
          INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at,
            revision, is_personal)
          VALUES (${id}, ${`about ${id}`}, '', false, ${userId}, now(), now(), 1, true)`,
      )
      return id
    },
    async teamOf(admin, ...others) {
      const team = await teams.create(admin, 'A team')
      if (team.kind === 'refused') throw new Error(team.refusal)
      const { id } = team.value
      for (const { userId } of others) {
        await pool.run(
          (sql) => sql`
            INSERT INTO team_members (team_id, user_id, role) VALUES (${id}, ${userId}, 'member')`,
        )
      }
      return id
    },
    async confirmAddress({ userId }) {
      await pool.run((sql) => sql`UPDATE users SET email_verified_at = now() WHERE id = ${userId}`)
    },
  }
}
