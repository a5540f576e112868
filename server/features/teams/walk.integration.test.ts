// The tables of permissions, walked over HTTP, embedded and with Redis and Kafka: every action of teams, and
// of a team's todo, by everybody that one can be to a team. What is refused changes nothing, and who may not know of a team is answered in
// the same words as about one that is not there.

import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { clientOf, type Answer, type Client, type Json } from '../../../testing/json-client.ts'
import { serveAll, type EngineName } from '../../../testing/engines/harness.ts'
import { testDatabase, testStacks, testTopic } from '../../../testing/services.ts'
import { openTeamsAt, type TeamsUnderTest, type TestAccount } from '../../../testing/teams.ts'
import {
  mayInTeam,
  mayWithAccount,
  mayWithTodo,
  teamPermissions,
  todoPermissions,
  type TeamAction,
  type TeamStanding,
  type TodoAction,
  type TodoStanding,
  type Verdict,
} from '../../../lib/domain/permission.ts'
import type { Outcome } from '../../../lib/teams/teams.ts'

const bounds = {
  teamsOfUserMax: 1_000,
  membersMax: 100,
  invitationsMax: 100,
  invitationTtlSec: 3_600,
}

/** Who asks, and what that is to the team. A token without an account is a stranger's. */
const askers: readonly (readonly [name: string, standing: TeamStanding])[] = [
  ['admin', 'admin'],
  ['member', 'member'],
  ['invited', 'invited'],
  ['former', 'former-member'],
  ['declined', 'stranger'],
  ['stranger', 'stranger'],
  ['no-account', 'stranger'],
  ['system-admin', 'system-admin'],
]

/** Of the team, beside those who ask. */
type Arranged = {
  readonly id: string
  readonly victim: TestAccount
  /** That of `invited`. */
  readonly invitation: { readonly id: string; readonly token: string }
  readonly todoId: string
}

type Request = readonly [method: string, path: string, body?: Json]
type Ask = (team: Arranged, asker: { readonly userId: string }) => Request

const requests: Readonly<Record<TeamAction, Ask>> = {
  'read-team': ({ id }) => ['GET', `/api/teams/${id}`],
  'list-members': ({ id }) => ['GET', `/api/teams/${id}/members`],
  'leave-team': ({ id }, { userId }) => ['DELETE', `/api/teams/${id}/members/${userId}`],
  'rename-team': ({ id }) => ['PATCH', `/api/teams/${id}`, { name: 'Renamed' }],
  'delete-team': ({ id }) => ['DELETE', `/api/teams/${id}`],
  'remove-member': ({ id, victim }) => ['DELETE', `/api/teams/${id}/members/${victim.userId}`],
  'change-role': ({ id, victim }) => [
    'PATCH',
    `/api/teams/${id}/members/${victim.userId}`,
    { role: 'admin' },
  ],
  invite: ({ id }) => ['POST', `/api/teams/${id}/invitations`, { email: 'new@example.com' }],
  'list-invitations': ({ id }) => ['GET', `/api/teams/${id}/invitations`],
  'withdraw-invitation': ({ id, invitation }) => [
    'DELETE',
    `/api/teams/${id}/invitations/${invitation.id}`,
  ],
  'list-team-todos': ({ id }) => ['GET', `/api/teams/${id}/todos`],
  'create-team-todo': ({ id }) => ['POST', `/api/teams/${id}/todos`, { title: 'New' }],
  'read-team-audit': ({ id }) => ['GET', `/api/teams/${id}/audit`],
  'accept-invitation': ({ invitation: { token } }) => [
    'POST',
    '/api/invitations/accept',
    { token },
  ],
  'decline-invitation': ({ invitation: { token } }) => [
    'POST',
    '/api/invitations/decline',
    { token },
  ],
}
const todoAt = ({ id, todoId }: Arranged) => `/api/teams/${id}/todos/${todoId}`
/** None of a team's todo: it is in its team, and is shared with nobody else. */
const notInTeams: readonly TodoAction[] = ['share-todo', 'leave-todo']
const todoRequests: Readonly<Partial<Record<TodoAction, readonly Ask[]>>> = {
  'read-todo': [(team) => ['GET', todoAt(team)]],
  'update-todo': [
    (team) => ['PATCH', todoAt(team), { title: 'Changed' }],
    (team) => ['PUT', todoAt(team), { title: 'Changed' }],
    (team) => ['PATCH', `${todoAt(team)}/status`, { completed: true }],
  ],
  'delete-todo': [(team) => ['DELETE', todoAt(team)]],
  'assign-todo': [(team) => ['PATCH', todoAt(team), { assignee_id: team.victim.userId }]],
}
/** What somebody is to a todo of the team; undefined: he is told what he is to the team. */
const todoStandings: Readonly<Record<TeamStanding, TodoStanding | undefined>> = {
  admin: 'team-admin',
  member: 'team-member',
  invited: undefined,
  'former-member': 'former',
  stranger: 'stranger',
  'system-admin': 'system-admin',
}
const todoVerdict = (action: TodoAction, standing: TeamStanding): Verdict => {
  const toTodo = todoStandings[standing]
  return toTodo === undefined ? mayInTeam('list-team-todos', standing) : mayWithTodo(action, toTodo)
}

type Walked = readonly [
  action: string,
  requestOf: Ask,
  verdictOf: (standing: TeamStanding) => Verdict,
]
const walked: readonly Walked[] = [
  ...Object.entries(requests).map(([action, ask]): Walked => [
    action,
    ask,
    (one) => mayInTeam(action as TeamAction, one),
  ]),
  ...Object.entries(todoRequests).flatMap(([action, asks]) =>
    asks.map((ask): Walked => [action, ask, (one) => todoVerdict(action as TodoAction, one)]),
  ),
]

const changes = ['POST', 'PUT', 'PATCH', 'DELETE']

const valueOf = <T>(outcome: Outcome<T>): T => {
  if (outcome.kind === 'refused') throw new Error(`refused: ${outcome.refusal}`)
  return outcome.value
}

const arrange = async ({ teams, account, pool }: TeamsUnderTest): Promise<Arranged> => {
  const owner = await account('owner')
  const { id } = valueOf(await teams.create(owner, 'Walked'))
  const join = async (name: string) => {
    const who = await account(name)
    const { token } = valueOf(await teams.invite(owner, id, who.email))
    valueOf(await teams.accept(who, token))
    return who
  }
  const admin = await join('admin')
  valueOf(await teams.setRole(owner, id, admin.userId, 'admin'))
  await join('member')
  const victim = await join('victim')
  const former = await join('former')
  valueOf(await teams.removeMember(owner, id, former.userId))
  const declined = await account('declined')
  const declines = valueOf(await teams.invite(owner, id, declined.email))
  valueOf(await teams.decline(declined, declines.token))
  const invited = await account('invited')
  const { invitation, token } = valueOf(await teams.invite(owner, id, invited.email))
  const todoId = randomUUID()
  await pool.run(
    (sql) => sql`
      INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at,
        revision, is_personal, team_id)
      VALUES (${todoId}, 'Walked', '', false, ${former.userId}, now(), now(), 1, true, ${id})`,
  )
  return { id, victim, invitation: { id: invitation.id, token }, todoId }
}

/** All that there is of a team, of what was written down, and of what is to be applied. */
const snapshotOf = ({ pool }: TeamsUnderTest) =>
  pool.run(async (sql) => {
    const [row] = await sql<{ all: string }[]>`
      SELECT concat(
        (SELECT string_agg(teams::text, ';' ORDER BY id) FROM teams), '|',
        (SELECT string_agg(team_members::text, ';' ORDER BY team_id, user_id) FROM team_members), '|',
        (SELECT string_agg(team_invitations::text, ';' ORDER BY id) FROM team_invitations), '|',
        (SELECT string_agg(todos::text, ';' ORDER BY id) FROM todos), '|',
        (SELECT sum(next_offset) FROM command_log_partitions), '|',
        (SELECT count(*) FROM audit_log)) AS all`
    return row?.all
  })

const walk = async (t: Test, engine: EngineName, stores: Readonly<Record<string, string>>) => {
  const databaseUrl = await testDatabase(t)
  const under = openTeamsAt(t, databaseUrl, bounds)
  const port = await serveAll(t, {
    engine,
    databaseUrl,
    log: testTopic(),
    more: { ...stores, LIMIT_USER_REQUESTS: '0', LIMIT_ADDRESS_BURST: '0', AUTH_BCRYPT_COST: '4' },
  })
  const userIdOf = async (name: string) =>
    name === 'no-account' ? randomUUID() : (await under.account(name)).userId
  const ask = (userId: string | undefined, [method, path, body]: Request): Promise<Answer> =>
    // No worker is there to be waited for.
    clientOf(port, userId)(method, path, body, { prefer: 'respond-async' })

  const root = await under.account('system-admin')
  await under.pool.run(
    (sql) => sql`UPDATE users SET role = 'system-admin' WHERE id = ${root.userId}`,
  )

  let cases = 0
  let team = await arrange(under)
  for (const [action, requestOf, verdictOf] of walked) {
    for (const [name, standing] of askers) {
      const userId = await userIdOf(name)
      const what = `${name}: ${action}`
      const request = requestOf(team, { userId })
      const before = await snapshotOf(under)
      const answer = await ask(userId, request)
      cases++
      const verdict = verdictOf(standing)
      if (verdict === 'allowed') {
        t.ok(answer.status >= 200 && answer.status < 300, `${what} is ${answer.status}`)
        if (changes.includes(request[0])) team = await arrange(under)
        continue
      }
      t.equal(answer.status, verdict === 'known' ? 403 : 404, what)
      t.equal(await snapshotOf(under), before, `${what} changes nothing`)
      if (verdict === 'known') continue
      const elsewhere = requestOf({ ...team, id: randomUUID() }, { userId })
      t.same(answer.body, (await ask(userId, elsewhere)).body, `${what} tells nothing`)
      t.notMatch(JSON.stringify(answer.body), team.id)
    }
    const before = await snapshotOf(under)
    const nobody = await ask(undefined, requestOf(team, { userId: randomUUID() }))
    t.equal(nobody.status, 401, `without a token: ${action}`)
    t.equal(await snapshotOf(under), before)
    cases++
  }

  for (const [name, standing] of askers) {
    const userId = await userIdOf(name)
    const lists = JSON.stringify((await ask(userId, ['GET', '/api/teams?limit=100'])).body)
    const isIn = standing === 'admin' || standing === 'member'
    t.equal(lists.includes(team.id), isIn, `${name}: whether the list of teams has it`)
    const invitations = await ask(userId, ['GET', '/api/invitations?limit=100'])
    const text = JSON.stringify(invitations.body)
    t.equal(text.includes(team.id), standing === 'invited', `${name}: invitations`)
    t.notMatch(text, team.invitation.token, 'no list has a token')
    cases += 2
  }
  for (const [name, standing] of askers) {
    const answer = await ask(await userIdOf(name), ['GET', '/api/admin/audit?limit=100'])
    const verdict = mayWithAccount('read-audit-log', accountStandingOf(standing))
    t.equal(answer.status, verdict === 'allowed' ? 200 : 403, `${name}: the audit log`)
    t.equal(JSON.stringify(answer.body).includes(team.id), verdict === 'allowed')
    cases++
  }
  await deleteAdmins(t, under, ask, team)
  cases += await deleteAccounts(t, under, clientOf(port, undefined), ask)
  t.comment(`${engine}: ${cases} cases`)
}

const accountStandingOf = (standing: TeamStanding) =>
  standing === 'system-admin' ? 'system-admin' : 'other'

/** By a system admin: the team goes on with one of its members as its admin. */
const deleteAdmins = async (
  t: Test,
  { account, teams }: TeamsUnderTest,
  ask: (userId: string, request: Request) => Promise<Answer>,
  { id }: Arranged,
) => {
  const root = await account('system-admin')
  for (const name of ['owner', 'admin']) {
    const { userId } = await account(name)
    const gone = await ask(root.userId, ['DELETE', `/api/admin/accounts/${userId}`])
    t.equal(gone.status, 204)
    t.equal((await ask(userId, ['GET', `/api/teams/${id}`])).status, 404)
  }
  const left = valueOf(
    await teams.listMembers((await account('member')).userId, id, { after: undefined, count: 9 }),
  )
  const roles = left.items.map(({ email, role }) => `${email.split('@')[0]} ${role}`)
  t.same(roles.sort(), ['member admin', 'victim member'])
}

/** One's own with the password; another's by a system admin alone. */
const deleteAccounts = async (
  t: Test,
  { account, pool }: TeamsUnderTest,
  nobody: Client,
  ask: (userId: string, request: Request) => Promise<Answer>,
): Promise<number> => {
  const password = 'correct horse'
  let registered = 0
  const register = async () => {
    const email = `${registered++}@walked.example`
    const { body } = await nobody('POST', '/auth/register', { email, password })
    return String(body['id'])
  }
  const own: Request = ['DELETE', '/api/profile', { password }]
  const user = await register()
  const root = await register()
  await pool.run((sql) => sql`UPDATE users SET role = 'system-admin' WHERE id = ${root}`)
  const other = await account('stranger')
  const anothers: Request = ['DELETE', `/api/admin/accounts/${await register()}`]
  const cases = [
    ['self', user, own],
    ['other', other.userId, anothers],
    ['system-admin', root, anothers],
    ['self', root, own],
  ] as const
  for (const [standing, userId, request] of cases) {
    const { status } = await ask(userId, request)
    const isAllowed = mayWithAccount('delete-account', standing) === 'allowed'
    t.equal(status, isAllowed ? 204 : 403, `${standing}: ${request[1]}`)
  }
  t.equal((await ask(other.userId, own)).status, 403, 'nobody by a token alone')
  t.equal((await nobody(...own)).status, 401)
  return cases.length + 2
}

void t.test('every action is walked', (t) => {
  t.same(Object.keys(requests).sort(), Object.keys(teamPermissions).sort())
  const withTodos = [...Object.keys(todoRequests), ...notInTeams]
  t.same(withTodos.sort(), Object.keys(todoPermissions).sort())
  t.end()
})

// Each stack and each engine once: what a permission is depends on neither.
for (const [stack, engine] of [
  ['embedded', 'uws'],
  ['real', 'node'],
] as const) {
  void t.test(`${stack} stack, ${engine} engine`, async (t) => {
    const services = await testStacks[stack]?.(t)
    if (!services) return
    await walk(t, engine, { COMMAND_LOG: 'kafka', LIST_CACHE: 'redis', ...services })
  })
}
