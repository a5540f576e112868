// Teams on a database of their own, and accounts to be in them. For tests.

import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { appendAudit, createPostgresAuditLog } from '../lib/audit/postgres.ts'
import type { AuditEntry } from '../lib/domain/audit.ts'
import type { Invitation, TeamBounds } from '../lib/domain/team.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import { createPostgresTeams, pruneInvitations, type TeamSettings } from '../lib/teams/postgres.ts'
import type { Actor } from '../lib/domain/outcome.ts'
import type { Outcome, Teams } from '../lib/teams/teams.ts'
import { readConfig } from '../lib/runtime/config/config.ts'
import { databasesOf } from './databases.ts'
import { testDatabase } from './services.ts'

export type TestAccount = Actor & { readonly email: string }

/** Without mail: whoever invites is given the token. */
type TeamsWithTokens = Omit<Teams, 'invite'> & {
  invite(
    ...invitation: Parameters<Teams['invite']>
  ): Promise<Outcome<{ readonly invitation: Invitation; readonly token: string }>>
}

export type TeamsUnderTest = {
  readonly teams: TeamsWithTokens
  readonly pool: Pool
  /** The account of this name, made when it is asked for first. */
  account(name: string): Promise<TestAccount>
  /** What was written down of a team, the oldest first. */
  audit(teamId: string): Promise<AuditEntry[]>
  expireInvitations(): Promise<void>
  prune(): Promise<void>
}

export const openTeams = async (
  t: Test,
  bounds: TeamBounds,
  connections = 1,
): Promise<TeamsUnderTest> => openTeamsAt(t, await testDatabase(t), bounds, connections)

/** On a database that a server is on, too. */
export const openTeamsAt = (
  t: Test,
  databaseUrl: string,
  bounds: TeamBounds,
  connections = 1,
  todos?: TeamSettings['todos'],
): TeamsUnderTest => {
  const settings = { HTTP_PROCESSES: '1', DB_POOL_SIZE: String(connections) }
  const databases = databasesOf(readConfig({ ...settings, DATABASE_URL: databaseUrl }, 'script'))
  t.teardown(() => databases.close())
  const pool = databases.pool('todos', { timeoutMs: 30_000 })
  const audit = createPostgresAuditLog(pool)
  const accounts = new Map<string, TestAccount>()
  const teams = createPostgresTeams(pool, { bounds, appendAudit, todos })
  return {
    teams: {
      ...teams,
      async invite(...invitation) {
        const outcome = await teams.invite(...invitation)
        if (outcome.kind === 'refused') return outcome
        const { token = '' } = outcome.value
        return { kind: 'done', value: { ...outcome.value, token } }
      },
    },
    pool,
    async account(name) {
      const known = accounts.get(name)
      if (known) return known
      const email = `${name}@example.com`
      const made = { userId: randomUUID(), requestId: `request-of-${name}`, email }
      accounts.set(name, made)
      await pool.run(
        (sql) => sql`
          INSERT INTO users (id, email, password_hash) VALUES (${made.userId}, ${email}, 'x')`,
      )
      return made
    },
    async audit(teamId) {
      const subject = { kind: 'team', id: teamId } as const
      const { entries } = await audit.read({ subject, count: 10_000 })
      return [...entries].reverse()
    },
    async expireInvitations() {
      await pool.run((sql) => sql`UPDATE team_invitations SET expires_at = now() - interval '1 s'`)
    },
    prune: () => pruneInvitations(pool),
  }
}
