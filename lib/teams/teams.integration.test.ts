// What every driver of teams does: the contract, with one client. What many do at once is in
// races.integration.test.ts; who may do what is walked over HTTP.

import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { appendAudit } from '../audit/postgres.ts'
import type { AuditAction, AuditEntry } from '../domain/audit.ts'
import type { TeamBounds } from '../domain/team.ts'
import { openTeams, type TeamsUnderTest } from '../../testing/teams.ts'
import { createLeaveTeams } from './postgres.ts'
import type { Outcome, Refusal } from './teams.ts'

const bounds: TeamBounds = {
  teamsOfUserMax: 3,
  membersMax: 3,
  invitationsMax: 2,
  invitationTtlSec: 60,
}
const first = { after: undefined, count: 10 }

const valueOf = <T>(outcome: Outcome<T>): T => {
  if (outcome.kind === 'refused') throw new Error(`refused: ${outcome.refusal}`)
  return outcome.value
}
const isRefused = (t: Test, outcome: Outcome<unknown>, refusal: Refusal, what?: string) =>
  t.same(outcome, { kind: 'refused', refusal }, what ?? refusal)

const actionsOf = (entries: readonly AuditEntry[]) => entries.map(({ action }) => action)

/** A team of Ann's, with `others` in it. */
const teamWith = async ({ teams, account }: TeamsUnderTest, ...others: string[]) => {
  const ann = await account('ann')
  const team = valueOf(await teams.create(ann, 'Flowers'))
  const members = []
  for (const name of others) {
    const member = await account(name)
    const { token } = valueOf(await teams.invite(ann, team.id, member.email))
    valueOf(await teams.accept(member, token))
    members.push(member)
  }
  return { ann, team, members }
}

const suite = (name: string, open: (t: Test, bounds: TeamBounds) => Promise<TeamsUnderTest>) => {
  void t.test(`${name}: a team`, async (t) => {
    const under = await open(t, bounds)
    const { teams, account, audit } = under
    const { ann, team } = await teamWith(under)
    t.match(team, { name: 'Flowers', role: 'admin', joinedAt: Date, createdAt: Date })
    t.same(valueOf(await teams.read(ann.userId, team.id)), team)

    const renamed = valueOf(await teams.rename(ann, team.id, 'Trees'))
    t.same(renamed, { ...team, name: 'Trees' })
    const nobody = { ...ann, userId: randomUUID() }
    isRefused(t, await teams.create(nobody, 'x'), 'no-account')
    isRefused(t, await teams.read(nobody.userId, team.id), 'unknown-team')
    isRefused(t, await teams.read(ann.userId, randomUUID()), 'unknown-team', 'none such')
    isRefused(t, await teams.rename(await account('bob'), team.id, 'x'), 'unknown-team')

    for (const name of ['2', '3']) valueOf(await teams.create(ann, name))
    isRefused(t, await teams.create(ann, '4'), 'too-many-teams')
    const { items, next } = await teams.listOf(ann.userId, { after: undefined, count: 2 })
    t.same(
      items.map((one) => one.name),
      ['3', '2'],
      'the newest first',
    )
    const rest = await teams.listOf(ann.userId, { after: next, count: 2 })
    t.same(rest, { items: [renamed], next: undefined })

    valueOf(await teams.remove(ann, team.id))
    isRefused(t, await teams.read(ann.userId, team.id), 'unknown-team')
    t.same(actionsOf(await audit(team.id)), ['team.created', 'team.renamed', 'team.deleted'])
  })

  void t.test(`${name}: its members`, async (t) => {
    const under = await open(t, bounds)
    const { teams, account, audit } = under
    const { ann, team, members } = await teamWith(under, 'bob', 'cid')
    const [bob, cid] = members
    if (!bob || !cid) throw new Error('both are there')

    const list = valueOf(await teams.listMembers(bob.userId, team.id, first))
    const admins = list.items.filter(({ role }) => role === 'admin')
    t.same(
      new Set(list.items.map(({ email }) => email)),
      new Set([ann, bob, cid].map((o) => o.email)),
    )
    t.same(
      admins.map(({ userId }) => userId),
      [ann.userId],
    )
    const page = valueOf(await teams.listMembers(bob.userId, team.id, { ...first, count: 2 }))
    const { next } = page
    const others = valueOf(await teams.listMembers(bob.userId, team.id, { after: next, count: 2 }))
    t.same([...page.items, ...others.items], list.items)
    t.equal(others.next, undefined)

    const dan = await account('dan')
    const { token } = valueOf(await teams.invite(ann, team.id, dan.email))
    isRefused(t, await teams.accept(dan, token), 'too-many-members')

    isRefused(t, await teams.setRole(bob, team.id, bob.userId, 'admin'), 'not-allowed')
    isRefused(t, await teams.removeMember(bob, team.id, cid.userId), 'not-allowed')
    isRefused(t, await teams.setRole(ann, team.id, ann.userId, 'member'), 'last-admin')
    isRefused(t, await teams.removeMember(ann, team.id, ann.userId), 'last-admin')
    isRefused(t, await teams.removeMember(ann, team.id, dan.userId), 'no-such-member')
    isRefused(t, await teams.setRole(ann, team.id, dan.userId, 'admin'), 'no-such-member')

    const promoted = valueOf(await teams.setRole(ann, team.id, bob.userId, 'admin'))
    t.match(promoted, { userId: bob.userId, role: 'admin' })
    valueOf(await teams.setRole(ann, team.id, bob.userId, 'admin'))
    valueOf(await teams.setRole(bob, team.id, ann.userId, 'member'))
    isRefused(t, await teams.rename(ann, team.id, 'x'), 'not-allowed', 'no admin any more')
    valueOf(await teams.removeMember(bob, team.id, ann.userId))
    isRefused(t, await teams.read(ann.userId, team.id), 'unknown-team', 'at once')
    valueOf(await teams.removeMember(cid, team.id, cid.userId))
    t.same(actionsOf(await audit(team.id)).slice(-5), [
      'invitation.sent',
      'member.promoted',
      'member.demoted',
      'member.removed',
      'member.left',
    ])
  })

  void t.test(`${name}: an invitation`, async (t) => {
    const under = await open(t, bounds)
    const { teams, account, audit, expireInvitations } = under
    const { ann, team } = await teamWith(under)
    const bob = await account('bob')
    const cid = await account('cid')

    const { invitation, token } = valueOf(await teams.invite(ann, team.id, bob.email))
    t.match(invitation, { teamId: team.id, teamName: 'Flowers', email: bob.email })
    t.equal(invitation.expiresAt.getTime() - invitation.createdAt.getTime(), 60_000)
    t.same(valueOf(await teams.listInvitationsTo(bob.userId, first)).items, [invitation])
    t.same(valueOf(await teams.listInvitationsTo(cid.userId, first)).items, [])
    t.same(valueOf(await teams.listInvitations(ann.userId, team.id, first)).items, [invitation])
    isRefused(t, await teams.read(bob.userId, team.id), 'not-allowed', 'who is asked knows of it')
    isRefused(t, await teams.listInvitations(bob.userId, team.id, first), 'not-allowed')

    isRefused(t, await teams.accept(cid, token), 'invitation-for-another')
    isRefused(t, await teams.decline(cid, token), 'invitation-for-another')
    isRefused(t, await teams.accept(ann, token), 'invitation-for-another', 'of its admin')
    isRefused(t, await teams.accept(bob, `${token}x`), 'no-such-invitation')
    isRefused(t, await teams.accept(bob, invitation.id), 'no-such-invitation', 'by its id')
    isRefused(t, await teams.accept({ ...bob, userId: randomUUID() }, token), 'no-account')

    const again = valueOf(await teams.invite(ann, team.id, bob.email))
    isRefused(t, await teams.accept(bob, token), 'no-such-invitation', 'another one replaced it')
    t.match(valueOf(await teams.accept(bob, again.token)), { id: team.id, role: 'member' })
    isRefused(t, await teams.accept(bob, again.token), 'no-such-invitation', 'used')
    isRefused(t, await teams.invite(ann, team.id, bob.email), 'already-a-member')
    valueOf(await teams.removeMember(bob, team.id, bob.userId))
    isRefused(t, await teams.accept(bob, again.token), 'no-such-invitation', 'used, and left')

    const declined = valueOf(await teams.invite(ann, team.id, bob.email))
    valueOf(await teams.decline(bob, declined.token))
    isRefused(t, await teams.accept(bob, declined.token), 'no-such-invitation', 'declined')

    const late = valueOf(await teams.invite(ann, team.id, bob.email))
    await expireInvitations()
    isRefused(t, await teams.accept(bob, late.token), 'no-such-invitation', 'expired')
    isRefused(t, await teams.withdraw(ann, team.id, late.invitation.id), 'no-such-invitation')
    isRefused(t, await teams.read(bob.userId, team.id), 'unknown-team', 'not asked any more')
    t.same(valueOf(await teams.listInvitationsTo(bob.userId, first)).items, [])

    const both = ['x1', 'x2'].map((name) => teams.invite(ann, team.id, `${name}@example.com`))
    const [x1, x2] = (await Promise.all(both)).map(valueOf)
    isRefused(t, await teams.invite(ann, team.id, 'x3@example.com'), 'too-many-invitations')
    const newer = valueOf(await teams.invite(ann, team.id, 'x1@example.com'))
    t.not(newer.token, x1?.token, 'one that replaces another is none too many')
    valueOf(await teams.withdraw(ann, team.id, newer.invitation.id))
    isRefused(t, await teams.withdraw(ann, team.id, newer.invitation.id), 'no-such-invitation')
    isRefused(t, await teams.accept(await account('x1'), newer.token), 'no-such-invitation')
    valueOf(await teams.accept(await account('x2'), x2?.token ?? ''))
    const recorded = actionsOf(await audit(team.id))
    const count = (action: AuditAction) => recorded.filter((one) => one === action).length
    t.equal(count('invitation.sent'), 7)
    t.equal(count('invitation.withdrawn'), 1)
    t.equal(count('invitation.declined'), 1)
    t.equal(count('member.joined'), 2)
  })
}

suite('postgres', openTeams)

void t.test('postgres: who is deleted leaves every team', async (t) => {
  const under = await openTeams(t, bounds)
  const { teams, account, audit } = under
  const { ann, team, members } = await teamWith(under, 'bob', 'cid')
  const alone = valueOf(await teams.create(ann, 'Alone'))
  const asked = valueOf(await teams.create(await account('dan'), 'Asks'))
  valueOf(await teams.invite(await account('dan'), asked.id, ann.email))

  await under.pool.transaction(async (sql) => {
    await sql`SELECT FROM users WHERE id = ${ann.userId} FOR UPDATE`
    await createLeaveTeams(appendAudit)(sql, { actorId: 'root', requestId: 'r' }, ann.userId)
    await sql`DELETE FROM users WHERE id = ${ann.userId}`
  })
  t.same((await teams.listOf(ann.userId, first)).items, [])
  t.same(valueOf(await teams.listInvitationsTo(ann.userId, first)).items, [])
  const [bob] = members
  t.equal(valueOf(await teams.read(bob?.userId ?? '', team.id)).role, 'admin', 'the oldest')
  t.same(actionsOf(await audit(team.id)).slice(-2), ['member.promoted', 'member.left'])
  t.same(actionsOf(await audit(alone.id)), ['team.created', 'member.left', 'team.deleted'])
})

void t.test('postgres: no statement leaves a team without an admin', async (t) => {
  const under = await openTeams(t, bounds)
  const { ann, team } = await teamWith(under, 'bob')
  for (const statement of [
    "UPDATE team_members SET role = 'member'",
    "DELETE FROM team_members WHERE role = 'admin'",
    `DELETE FROM users WHERE id = '${ann.userId}'`,
  ]) {
    await t.rejects(
      under.pool.run((sql) => sql.unsafe(statement)),
      { code: '23000' },
      statement,
    )
  }
  await under.pool.run((sql) => sql`DELETE FROM teams WHERE id = ${team.id}`)
  t.same((await under.teams.listOf(ann.userId, first)).items, [], 'it can be deleted with them')
})

void t.test('postgres: no token is in the database', async (t) => {
  const under = await openTeams(t, bounds)
  const { ann, team } = await teamWith(under)
  const { token } = valueOf(await under.teams.invite(ann, team.id, 'x@example.com'))
  const rows = await under.pool.run(
    (sql) => sql<{ row: string }[]>`SELECT team_invitations::text AS row FROM team_invitations`,
  )
  t.equal(rows.length, 1)
  t.notMatch(rows[0]?.row, token)
  t.notMatch(rows[0]?.row, Buffer.from(token, 'base64url').toString('hex'))
})

void t.test('postgres: expired invitations are pruned', async (t) => {
  const under = await openTeams(t, bounds)
  const { ann, team } = await teamWith(under)
  valueOf(await under.teams.invite(ann, team.id, 'x@example.com'))
  await under.expireInvitations()
  await under.prune()
  const { count } = await under.pool.run((sql) => sql`SELECT FROM team_invitations`)
  t.equal(count, 0)
})
