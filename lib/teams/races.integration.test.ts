// What many do at once to teams: a team keeps an admin, an invitation is used once, bounds hold. The
// audit log is the oracle: replayed, it must give what the tables hold, and an admin at every step.

import t, { type Test } from 'tap'
import type { AuditEntry } from '../domain/audit.ts'
import type { TeamBounds } from '../domain/team.ts'
import { seeded } from '../../testing/seeded.ts'
import { openTeams, type TestAccount, type TeamsUnderTest } from '../../testing/teams.ts'
import type { Outcome } from './teams.ts'

const bounds: TeamBounds = {
  teamsOfUserMax: 50,
  membersMax: 8,
  invitationsMax: 50,
  invitationTtlSec: 600,
}
const connections = 16

const valueOf = <T>(outcome: Outcome<T>): T => {
  if (outcome.kind === 'refused') throw new Error(`refused: ${outcome.refusal}`)
  return outcome.value
}
/** How often each came out. */
const tally = (outcomes: readonly Outcome<unknown>[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const one of outcomes) {
    const name = one.kind === 'done' ? 'done' : one.refusal
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

const join = async (
  { teams }: TeamsUnderTest,
  admin: TestAccount,
  id: string,
  who: TestAccount,
) => {
  const { token } = valueOf(await teams.invite(admin, id, who.email))
  valueOf(await teams.accept(who, token))
}

void t.test('two admins who leave at once: one stays', async (t) => {
  const under = await openTeams(t, bounds, connections)
  const { teams, account } = under
  const [ann, bob] = [await account('ann'), await account('bob')]
  const ways = [
    (who: TestAccount, id: string) => teams.removeMember(who, id, who.userId),
    (who: TestAccount, id: string) => teams.setRole(who, id, who.userId, 'member'),
    // Each the other: the second is no admin any more when its turn comes.
    (who: TestAccount, id: string) =>
      teams.removeMember(who, id, who === ann ? bob.userId : ann.userId),
  ]
  let rounds = 0
  for (let i = 0; i < 30; i++) {
    for (const [way, leaves] of ways.entries()) {
      const team = valueOf(await teams.create(ann, 'x'))
      await join(under, ann, team.id, bob)
      valueOf(await teams.setRole(ann, team.id, bob.userId, 'admin'))
      const counts = tally(await Promise.all([leaves(ann, team.id), leaves(bob, team.id)]))
      const refusal = way === 2 ? 'unknown-team' : 'last-admin'
      if (counts['done'] !== 1 || counts[refusal] !== 1) t.same(counts, { done: 1, [refusal]: 1 })
      const [left] = await under.pool.run(
        (sql) => sql<{ admins: number }[]>`
          SELECT count(*)::int AS admins FROM team_members
          WHERE team_id = ${team.id} AND role = 'admin'`,
      )
      if (left?.admins !== 1) t.fail(`${left?.admins} admins are left`)
      await under.pool.run((sql) => sql`DELETE FROM teams WHERE id = ${team.id}`)
      rounds++
    }
  }
  t.equal(rounds, 90)
})

void t.test('an invitation that is used many times at once is used once', async (t) => {
  const under = await openTeams(t, bounds, connections)
  const { teams, account } = under
  const ann = await account('ann')
  const { id } = valueOf(await teams.create(ann, 'x'))
  for (let round = 0; round < 5; round++) {
    const bob = await account(`bob${round}`)
    const { token, invitation } = valueOf(await teams.invite(ann, id, bob.email))
    const uses = Array.from({ length: 30 }, (_, i) => {
      if (i % 10 === 8) return teams.decline(bob, token)
      if (i % 10 === 9) return teams.withdraw(ann, id, invitation.id)
      return teams.accept(bob, token)
    })
    t.same(tally(await Promise.all(uses)), { done: 1, 'no-such-invitation': 29 })
  }
})

void t.test('no bound is passed by who comes at once', async (t) => {
  const few = { ...bounds, teamsOfUserMax: 5, invitationsMax: 5 }
  const under = await openTeams(t, few, connections)
  const { teams, account } = under
  const ann = await account('ann')
  const created = Array.from({ length: 40 }, () => teams.create(ann, 'x'))
  t.same(tally(await Promise.all(created)), { done: 5, 'too-many-teams': 35 })
  const { items } = await teams.listOf(ann.userId, { after: undefined, count: 10 })
  const [team, other] = items
  if (!team || !other) throw new Error('there are five')
  const invited = Array.from({ length: 40 }, (_, i) => teams.invite(ann, team.id, `x${i}@x`))
  t.same(tally(await Promise.all(invited)), { done: 5, 'too-many-invitations': 35 })

  const openers: Promise<Outcome<unknown>>[] = []
  for (let i = 0; i < 12; i++) {
    const who = await account(`m${i}`)
    const { token } = valueOf(await teams.invite(ann, other.id, who.email))
    // Each is accepted beside the next one's invitation.
    openers.push(teams.accept(who, token))
  }
  t.same(tally(await Promise.all(openers)), { done: 7, 'too-many-members': 5 })
})

void t.test('200 clients at random', async (t) => {
  const under = await openTeams(t, bounds, connections)
  const { teams, account } = under
  const random = seeded(t)
  const people: TestAccount[] = []
  for (let i = 0; i < 12; i++) people.push(await account(`p${i}`))
  const person = () => people[random.below(people.length)] as TestAccount
  const ids: string[] = []
  for (let i = 0; i < 4; i++) {
    const ann = person()
    const { id } = valueOf(await teams.create(ann, 'x'))
    ids.push(id)
    for (const who of people.slice(0, 4)) {
      if (who === ann) continue
      await join(under, ann, id, who)
      valueOf(await teams.setRole(ann, id, who.userId, 'admin'))
    }
  }
  const tokens: { readonly token: string; readonly who: TestAccount }[] = []
  const act = async (): Promise<Outcome<unknown>> => {
    const [by, other, id] = [person(), person(), ids[random.below(ids.length)] as string]
    switch (random.below(8)) {
      case 0:
      case 1: {
        const invited = await teams.invite(by, id, other.email)
        if (invited.kind === 'done') tokens.push({ token: invited.value.token, who: other })
        return invited
      }
      case 2:
      case 3: {
        const one = tokens[random.below(tokens.length)]
        return one ? teams.accept(one.who, one.token) : teams.read(by.userId, id)
      }
      case 4:
        return teams.setRole(by, id, other.userId, 'admin')
      case 5:
        return teams.setRole(by, id, other.userId, 'member')
      case 6:
        return teams.removeMember(by, id, by.userId)
      default:
        return teams.removeMember(by, id, other.userId)
    }
  }
  const outcomes: Outcome<unknown>[] = []
  await Promise.all(
    Array.from({ length: 200 }, async () => {
      for (let i = 0; i < 8; i++) outcomes.push(await act())
    }),
  )
  const counts = tally(outcomes)
  t.comment(JSON.stringify(counts))
  t.equal(outcomes.length, 1_600)
  // How many depends on how soon the teams are gone: 93 to some hundreds.
  t.ok((counts['done'] ?? 0) > 40, 'many of them did something')
  for (const id of ids) await isAsRecorded(t, under, id)
})

/** The members that the audit log tells of, with an admin after each of its entries. */
const isAsRecorded = async (t: Test, { pool, audit }: TeamsUnderTest, id: string) => {
  const entries = await audit(id)
  const members = new Map<string, string>()
  for (const entry of entries) {
    replay(members, entry)
    if (![...members.values()].includes('admin')) t.fail(`no admin after ${JSON.stringify(entry)}`)
    if (members.size > bounds.membersMax) t.fail(`${members.size} members`)
  }
  const rows = await pool.run(
    (sql) => sql<{ user_id: string; role: string }[]>`
      SELECT user_id, role FROM team_members WHERE team_id = ${id}`,
  )
  const found = new Map(rows.map(({ user_id, role }) => [user_id, role]))
  t.same(found, members, `${entries.length} entries give the ${found.size} members`)
}

const replay = (members: Map<string, string>, { action, actorId, details }: AuditEntry) => {
  const userId = String(details['userId'])
  if (action === 'team.created') members.set(actorId, 'admin')
  else if (action === 'member.joined') members.set(userId, 'member')
  else if (action === 'member.promoted') members.set(userId, 'admin')
  else if (action === 'member.demoted') members.set(userId, 'member')
  else if (action === 'member.left' || action === 'member.removed') members.delete(userId)
}
