// Access to a team's channel that ends, whichever way: who watches is told of each, by a notification or,
// where none comes, by the poll.

import t from 'tap'
import { eventually } from '../../testing/eventually.ts'
import { databasesAt } from '../../testing/databases.ts'
import { silentLog } from '../../testing/settings.ts'
import { testDatabase } from '../../testing/services.ts'
import { openTeamsAt } from '../../testing/teams.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
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
