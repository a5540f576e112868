// Todos of a team in another database: what is left to do when a membership or the team ends is done, once
// it can be, and not to who joined again.

import t, { type Test } from 'tap'
import { eventually } from '../../testing/eventually.ts'
import { openTeamsAt, type TestAccount } from '../../testing/teams.ts'
import { todoLayouts, type OpenLayout } from '../../testing/todo-layouts.ts'
import type { Outcome } from './teams.ts'
import type { ShardOfTeam } from './chores.ts'
import { doTeamChore, todosElsewhere } from './postgres.ts'

const openTwo = todoLayouts.get('two shards') as OpenLayout

const valueOf = <T>(outcome: Outcome<T>): T => {
  if (outcome.kind === 'refused') throw new Error(outcome.refusal)
  return outcome.value
}

const setUp = async (t: Test) => {
  const layout = await openTwo(t)
  const bounds = { teamsOfUserMax: 9, membersMax: 9, invitationsMax: 9, invitationTtlSec: 60 }
  const under = openTeamsAt(t, layout.accountsUrl, bounds, 2, todosElsewhere)
  const { teams, account, pool } = under
  const [ann, bob] = [await account('ann'), await account('bob')]
  const { id: teamId } = valueOf(await teams.create(ann, 'A team'))
  const join = async (who: TestAccount) => {
    const { token } = valueOf(await teams.invite(ann, teamId, who.email))
    valueOf(await teams.accept(who, token))
  }
  await join(bob)
  const shard = () => layout.poolOf(layout.homes.partitionOf(layout.homes.newTodoId(teamId)))
  const addTodo = async (assigneeId: string | null) => {
    const id = layout.homes.newTodoId(teamId)
    await shard().run(
      (sql) => sql`
        INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at,
          revision, is_personal, team_id, assignee_id)
        VALUES (${id}, 'one', '', false, ${ann.userId}, now(), now(), 1, true, ${teamId}, ${assigneeId})`,
    )
    await shard().run(
      (sql) => sql`
        INSERT INTO team_lists (team_id, version) VALUES (${teamId}, 1) ON CONFLICT DO NOTHING`,
    )
    return id
  }
  const assignees = () =>
    shard().run(
      (sql) => sql<{ assignee_id: string | null; revision: number }[]>`
        SELECT assignee_id, revision FROM todos WHERE team_id = ${teamId} ORDER BY id`,
    )
  const shardOf = () => Promise.resolve({ name: 'any', pool: shard() })
  const doAll = async (where: ShardOfTeam = shardOf) => {
    while (await doTeamChore(pool, where));
  }
  return { layout, pool, teams, ann, bob, teamId, join, addTodo, assignees, doAll, shardOf }
}

t.test('who has left is to do nothing any more, in a version that tells it', async (t) => {
  const { layout, teams, ann, bob, teamId, addTodo, assignees, doAll } = await setUp(t)
  await addTodo(bob.userId)
  await addTodo(ann.userId)
  valueOf(await teams.removeMember(bob, teamId, bob.userId))
  await doAll()
  t.match(await assignees(), [
    { assignee_id: null, revision: 2 },
    { assignee_id: ann.userId, revision: 1 },
  ])
  t.equal(await layout.store.pagesVersion(`team:${teamId}`), 2)
})

t.test('while their database is down nothing is lost, and nobody waits', async (t) => {
  const { pool, teams, bob, teamId, addTodo, assignees, doAll, shardOf } = await setUp(t)
  await addTodo(bob.userId)
  valueOf(await teams.removeMember(bob, teamId, bob.userId))
  const down = () => {
    throw new Error('the shard is down')
  }
  await t.rejects(doAll(down), /the shard is down/)
  await doAll(down) // not due for a while
  t.match(await assignees(), [{ assignee_id: bob.userId }])
  await eventually(
    () => doTeamChore(pool, shardOf),
    (isDone) => isDone,
  )
  t.match(await assignees(), [{ assignee_id: null }])
})

t.test('who joins again in between keeps what is his to do', async (t) => {
  const { teams, bob, teamId, join, addTodo, assignees, doAll } = await setUp(t)
  await addTodo(bob.userId)
  valueOf(await teams.removeMember(bob, teamId, bob.userId))
  await join(bob)
  await doAll()
  t.match(await assignees(), [{ assignee_id: bob.userId, revision: 1 }])
})

t.test('the todos of a team that is deleted go', async (t) => {
  const { teams, ann, bob, teamId, addTodo, assignees, doAll } = await setUp(t)
  await addTodo(bob.userId)
  await addTodo(null)
  valueOf(await teams.remove(ann, teamId))
  t.equal((await assignees()).length, 2, 'nobody sees them any more')
  await doAll()
  t.equal((await assignees()).length, 0)
})
