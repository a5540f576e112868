// Whoever watches a team's list hears that todos are nobody's any more, when the member who was to do them
// has left: as of any other change of them, once, whichever workers look. Against a real Postgres.

import t, { type Test } from 'tap'
import { teamChannel } from '../../lib/domain/event.ts'
import {
  createPostgresEventAppender,
  createPostgresEventReader,
} from '../../lib/events/postgres.ts'
import { createLeaveTeams, doTeamChore, todosElsewhere } from '../../lib/teams/postgres.ts'
import { databasesAt } from '../../testing/databases.ts'
import { eventually } from '../../testing/eventually.ts'
import { hear } from '../../testing/heard-events.ts'
import { silentLog } from '../../testing/settings.ts'
import { openTeamsAt } from '../../testing/teams.ts'
import { todoLayouts, type OpenLayout } from '../../testing/todo-layouts.ts'
import { createEventFeed } from './feed.ts'

const bounds = { teamsOfUserMax: 9, membersMax: 9, invitationsMax: 9, invitationTtlSec: 60 }
/** More than are kept of a channel. */
const tooMany = 1_001

const setUp = async (t: Test, openLayout: OpenLayout) => {
  const layout = await openLayout(t)
  const { accountsUrl, store, homes, elsewhere } = layout
  const todosOf = elsewhere && todosElsewhere
  const { teams, account, pool } = openTeamsAt(t, accountsUrl, bounds, 2, todosOf)
  const appender = createPostgresEventAppender(databasesAt(accountsUrl))
  const reader = createPostgresEventReader(databasesAt(accountsUrl))
  const feeds = [1, 2].map(() => createEventFeed(store, appender, silentLog))
  t.teardown(async () => {
    await Promise.all(feeds.map((feed) => feed.close()))
    await reader.close()
    await appender.close()
  })
  await eventually(reader.fault, (fault) => fault === undefined)
  const [ann, bob] = [await account('ann'), await account('bob')]
  const created = await teams.create(ann, 'A team')
  if (created.kind === 'refused') throw new Error(created.refusal)
  const teamId = created.value.id
  await pool.run(
    (sql) => sql`
      INSERT INTO team_members (team_id, user_id, role) VALUES (${teamId}, ${bob.userId}, 'member')`,
  )
  const partition = homes.partitionOf(homes.newTodoId(teamId))
  const assign = async (count: number): Promise<string[]> => {
    const ids = Array.from({ length: count }, () => homes.newTodoId(teamId)).sort()
    await layout.poolOf(partition).run(async (sql) => {
      await sql`
        INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at,
          revision, is_personal, team_id, assignee_id)
        SELECT id, 'Buy milk', '', false, ${ann.userId}, now(), now(), 4, true, ${teamId},
          ${bob.userId} FROM unnest(${ids}::text[]) AS new (id)`
      await sql`INSERT INTO team_lists (team_id, version) VALUES (${teamId}, 1) ON CONFLICT DO NOTHING`
    })
    return ids
  }
  const doChores = async () => {
    const shard = { name: layout.shardOf(partition), pool: layout.poolOf(partition) }
    while (await doTeamChore(pool, () => Promise.resolve(shard)));
  }
  const { bodies } = await hear(reader, teamChannel(teamId))
  return { store, teams, pool, todosOf, feeds, ann, bob, teamId, assign, doChores, bodies }
}

for (const [name, openLayout] of todoLayouts) {
  void t.test(`${name}: a member who is removed, and one whose account ends`, async (t) => {
    const { store, teams, pool, todosOf, feeds, ann, bob, teamId, ...under } = await setUp(
      t,
      openLayout,
    )
    const { assign, doChores, bodies } = under
    const told = (by: string, ids: readonly string[]) =>
      ids.map((id) => ({
        kind: 'updated',
        by,
        revision: 5,
        todo: { id, title: 'Buy milk', team_id: teamId, assignee_id: null },
      }))
    const heard = (count: number) =>
      eventually(
        () => bodies.map((body) => (body === 'gap' ? body : (JSON.parse(body) as object))),
        ({ length }) => length >= count,
      )
    const first = await assign(3)
    await teams.removeMember(ann, teamId, bob.userId)
    await doChores()
    // Both find it, and may both append it.
    for (const feed of feeds) feed.start()
    t.match(await heard(3), told(ann.userId, first))
    await eventually(
      () => store.outboxSources(0),
      ({ length }) => length === 0,
    )

    await pool.run(
      (sql) => sql`
        INSERT INTO team_members (team_id, user_id, role) VALUES (${teamId}, ${bob.userId}, 'member')`,
    )
    const second = await assign(2)
    const leaveTeams = createLeaveTeams(() => Promise.resolve(), undefined, todosOf)
    const root = { actorId: 'root', requestId: 'r' }
    await pool.transaction((sql) => leaveTeams(sql, root, bob.userId))
    await doChores()
    t.match((await heard(5)).slice(3), told('root', second))
    t.equal(bodies.length, 5, 'each once')
  })

  void t.test(`${name}: of more than can be kept who watches reads the list anew`, async (t) => {
    const { teams, feeds, bob, teamId, assign, doChores, bodies } = await setUp(t, openLayout)
    await assign(tooMany)
    await teams.removeMember(bob, teamId, bob.userId)
    await doChores()
    feeds[0]?.start()
    await eventually(
      () => bodies,
      ({ length }) => length > 0,
    )
    t.same(bodies, ['gap'])
  })
}
