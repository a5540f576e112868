// Access to a channel that ends, whichever way: who watches is told of each, by a notification or, where
// none comes, by the poll.

import t from 'tap'
import { eventually } from '../../testing/eventually.ts'
import { databasesAt } from '../../testing/databases.ts'
import { silentLog } from '../../testing/settings.ts'
import { testDatabase } from '../../testing/services.ts'
import { openSharesAt } from '../../testing/shares.ts'
import { openTeamsAt } from '../../testing/teams.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { Grantee } from '../domain/share.ts'
import type { AccessEnd } from './ended-access.ts'
import { createPostgresEndedAccess, pruneEndedAccess } from './postgres.ts'

const bounds = { teamsOfUserMax: 9, membersMax: 9, invitationsMax: 9, invitationTtlSec: 60 }

void t.test('every way of losing a membership is told', async (t) => {
  const url = await testDatabase(t)
  const databases = databasesAt(url)
  t.teardown(() => databases.close())
  const { teams, account, pool } = openTeamsAt(t, url, bounds)
  const deaf: Databases['listen'] = () => () => Promise.resolve()
  const heard: Record<string, AccessEnd[]> = { listening: [], polling: [] }
  for (const [name, listen] of [
    ['listening', databases.listen],
    ['polling', deaf],
  ] as const) {
    const one = createPostgresEndedAccess(pool, listen, silentLog)
    t.teardown(() => one.close())
    one.watch((end) => heard[name]?.push(end))
  }
  const [ann, bob] = [await account('ann'), await account('bob')]
  const teamOfBoth = async () => {
    const made = await teams.create(ann, 'x')
    if (made.kind === 'refused') throw new Error(made.refusal)
    await pool.run(
      (sql) => sql`
        INSERT INTO team_members (team_id, user_id, role)
        VALUES (${made.value.id}, ${bob.userId}, 'member')`,
    )
    return made.value.id
  }
  const ways: Record<string, (id: string) => Promise<unknown>> = {
    removed: (id) => teams.removeMember(ann, id, bob.userId),
    left: (id) => teams.removeMember(bob, id, bob.userId),
    'the team is deleted': (id) => teams.remove(ann, id),
    'the account is deleted': () =>
      pool.run((sql) => sql`DELETE FROM users WHERE id = ${bob.userId}`),
  }
  for (const [way, end] of Object.entries(ways)) {
    const id = await teamOfBoth()
    await end(id)
    for (const [how, ends] of Object.entries(heard)) {
      await eventually(
        () => ends.some(({ channel, userId }) => channel === `team:${id}` && userId === bob.userId),
        (isTold) => isTold,
      )
      t.pass(`${way}: ${how}`)
    }
  }
  const polled = heard['polling']?.length
  await pool.run((sql) => sql`UPDATE ended_access SET ended_at = now() - interval '1 day'`)
  await pruneEndedAccess(pool)
  const [left] = await pool.run((sql) => sql`SELECT count(*)::int AS rows FROM ended_access`)
  t.same(left, { rows: 0 })
  t.equal(heard['polling']?.length, polled, 'each once')
})

void t.test('every way of losing a shared todo is told, once for all who watch it', async (t) => {
  const url = await testDatabase(t)
  const databases = databasesAt(url)
  t.teardown(() => databases.close())
  const under = openSharesAt(t, url, { sharesOfTodoMax: 9 })
  const { shares, teams, account, todoOf, teamOf, pool } = under
  const ended = createPostgresEndedAccess(pool, databases.listen, silentLog)
  t.teardown(() => ended.close())
  const heard: string[] = []
  ended.watch(({ channel, userId }) => heard.push(`${channel} ${userId}`))
  const [ann, bob, cid] = [await account('ann'), await account('bob'), await account('cid')]
  const share = async (grantee: Grantee) => {
    const id = await todoOf(ann)
    const shared = await shares.share(ann, id, grantee, 'viewer')
    if (shared.kind === 'refused') throw new Error(shared.refusal)
    return { id, shareId: shared.value.id }
  }
  const toBob: Grantee = { kind: 'user', userId: bob.userId }
  const deleteRow = (table: 'todos' | 'users', id: string) =>
    pool.run((sql) => sql`DELETE FROM ${sql(table)} WHERE id = ${id}`)
  const told = async (what: string, end: string) => {
    await eventually(
      () => heard.includes(end),
      (isTold) => isTold,
    )
    t.pass(what)
  }
  const unshared = await share(toBob)
  await shares.unshare(ann, unshared.id, unshared.shareId)
  await told('unshared', `todo:${unshared.id} *`)
  const left = await share({ kind: 'address', email: bob.email })
  await shares.leave(bob, left.id)
  await told('left', `todo:${left.id} *`)
  const deleted = await share(toBob)
  await shares.share(ann, deleted.id, { kind: 'user', userId: cid.userId }, 'editor')
  await deleteRow('todos', deleted.id)
  await told('the todo is deleted', `todo:${deleted.id} *`)
  const [rows] = await pool.run(
    (sql) =>
      sql`SELECT count(*)::int AS count FROM ended_access WHERE channel = ${`todo:${deleted.id}`}`,
  )
  t.same(rows, { count: 1 }, 'however many it was shared with')
  const team = await teamOf(ann, bob)
  await teams.removeMember(ann, team, bob.userId)
  t.notOk(heard.includes(`* ${bob.userId}`), 'nothing is shared with the team')
  const ofTeam = await teamOf(ann, bob)
  const { id } = await share({ kind: 'team', teamId: ofTeam })
  await teams.removeMember(ann, ofTeam, bob.userId)
  await told('the membership ends', `* ${bob.userId}`)
  await teams.remove(ann, ofTeam)
  await told('the team is deleted', `todo:${id} *`)
  const ofAccount = await share(toBob)
  await deleteRow('users', bob.userId)
  await told('the account is deleted', `todo:${ofAccount.id} *`)
})
