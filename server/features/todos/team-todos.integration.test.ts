// A team's todos as its members see them: on both engines, embedded and with Redis and Kafka. What was
// answered is there for the next request; what a member had under way when he was removed is not applied.

import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { startServer, startWorker } from '../../../scripts/stack/processes.ts'
import { eventually } from '../../../testing/eventually.ts'
import { scrape } from '../../../scripts/stack/scrape.ts'
import { clientOf, type Answer, type Client, type Json } from '../../../testing/json-client.ts'
import { seeded } from '../../../testing/seeded.ts'
import { testDatabase, testStacks, testTopic } from '../../../testing/services.ts'
import { generousTimeouts, testSecret } from '../../../testing/settings.ts'
import { openTeamsAt, type TeamsUnderTest } from '../../../testing/teams.ts'
import type { Outcome } from '../../../lib/teams/teams.ts'

const bounds = {
  teamsOfUserMax: 100,
  membersMax: 1_000,
  invitationsMax: 1_000,
  invitationTtlSec: 60,
}
const respondAsync = { prefer: 'respond-async' }

type Running = {
  readonly under: TeamsUnderTest
  readonly as: (userId: string) => Client
  /** Commands that the log has acknowledged. */
  readonly published: () => Promise<number>
  readonly restartWorker: (meanwhile: () => Promise<void>) => Promise<void>
}

for (const [engine, stack] of [
  ['node', 'embedded'],
  ['node', 'real'],
  ['uws', 'real'],
] as const) {
  void t.test(`${engine} engine, ${stack} stack`, async (t) => {
    const services = await testStacks[stack]?.(t)
    if (!services) return
    const databaseUrl = await testDatabase(t)
    const environment = {
      ...services,
      DATABASE_URL: databaseUrl,
      KAFKA_TODO_TOPIC: testTopic(),
      HTTP_ENGINE: engine,
      HTTP_PROCESSES: '2',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
      JWT_SECRET: testSecret,
      LOG_LEVEL: 'error',
      LIMIT_USER_REQUESTS: '0',
      ...generousTimeouts,
    }
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    let worker = await startWorker(environment)
    t.teardown(() => worker.stop())
    const running: Running = {
      under: openTeamsAt(t, databaseUrl, bounds),
      as: (userId) => clientOf(server.port, userId),
      published: async () =>
        (await scrape(server.metricsPort)).total('todos_publish_duration_seconds_count'),
      async restartWorker(meanwhile) {
        await worker.stop()
        await meanwhile()
        worker = await startWorker(environment)
      },
    }
    await t.test('a life', (t) => live(t, running))
    await t.test('an assignee', (t) => assign(t, running))
    await t.test('pages', (t) => turnPages(t, running))
    await t.test('other places', (t) => stayApart(t, running))
    await t.test('a write under way', (t) => removeMeanwhile(t, running))
    await t.test('200 clients', (t) => raceRemovals(t, running))
    await t.test('the end of a team', (t) => end(t, running))
  })
}

const valueOf = <T>(outcome: Outcome<T>): T => {
  if (outcome.kind === 'refused') throw new Error(`refused: ${outcome.refusal}`)
  return outcome.value
}

/** A team with an admin and a member; further ones join. */
const newTeam = async ({ under, as }: Running) => {
  const name = randomUUID()
  const account = (role: string) => under.account(`${role}-${name}`)
  const admin = await account('admin')
  const { id } = valueOf(await under.teams.create(admin, 'Flowers'))
  const join = async (role: string) => {
    const who = await account(role)
    const { token } = valueOf(await under.teams.invite(admin, id, who.email))
    valueOf(await under.teams.accept(who, token))
    return { ...who, client: as(who.userId) }
  }
  const member = await join('member')
  const todos = `/api/teams/${id}/todos`
  const remove = async (userId: string) => {
    const { status } = await as(admin.userId)('DELETE', `/api/teams/${id}/members/${userId}`)
    if (status !== 204) throw new Error(`not removed: ${status}`)
  }
  return { id, todos, admin: { ...admin, client: as(admin.userId) }, member, join, remove }
}

const pathOf = (answer: Answer) => answer.headers.get('location') ?? ''
const todosOf = ({ body }: Answer) => body['todos'] as readonly Json[]

const live = async (t: Test, running: Running) => {
  const { id, todos, admin, member } = await newTeam(running)
  t.match(await member.client('GET', todos), { status: 200, body: { total: 0, todos: [] } })
  const made = await member.client('POST', todos, { title: 'Order ribbons' })
  t.match(made, { status: 201, body: { title: 'Order ribbons', user_id: member.userId } })
  t.match(made.body, { team_id: id, assignee_id: null })
  const path = pathOf(made)
  t.equal(path, `${todos}/${String(made.body['id'])}`)
  t.same((await admin.client('GET', path)).body, made.body, 'others see it')
  t.match(await admin.client('GET', todos), { body: { total: 1, todos: [made.body] } })
  const changed = await admin.client('PUT', path, { title: 'Order wide ribbons' })
  t.match(changed, { status: 200, body: { title: 'Order wide ribbons', user_id: member.userId } })
  const toggled = await member.client('PATCH', `${path}/status`)
  t.match(toggled, { status: 200, body: { completed: true } })
  const etag = toggled.headers.get('etag') ?? ''
  t.equal((await admin.client('GET', path, undefined, { 'if-none-match': etag })).status, 304)
  const stale = { 'if-match': changed.headers.get('etag') ?? '' }
  const late = await admin.client('PATCH', path, { completed: false }, stale)
  t.match([late.status, late.headers.get('etag')], [412, etag])
  t.equal((await admin.client('DELETE', path, undefined, { 'if-match': etag })).status, 204)
  t.equal((await member.client('GET', path)).status, 404)
  t.match(await member.client('GET', todos), { body: { total: 0, todos: [] } })

  const keyed = { 'idempotency-key': randomUUID() }
  const first = await member.client('POST', todos, { title: 'once' }, keyed)
  t.same(
    (await member.client('POST', todos, { title: 'once' }, keyed)).body['id'],
    first.body['id'],
  )
  t.equal((await member.client('POST', '/api/todos', { title: 'once' }, keyed)).status, 422)
  t.match(await admin.client('GET', todos), { body: { total: 1 } })
  const accepted = await member.client('POST', todos, { title: 'later' }, respondAsync)
  t.match([accepted.status, pathOf(accepted).startsWith(`${todos}/`)], [202, true])
}

const assign = async (t: Test, running: Running) => {
  const { id, todos, admin, member, join, remove } = await newTeam(running)
  const { userId } = await join('florist')
  const made = await admin.client('POST', todos, { title: 'Water', assignee_id: userId })
  t.match(made, { status: 201, body: { assignee_id: userId } })
  const path = pathOf(made)
  const patched = await member.client('PATCH', path, { assignee_id: null })
  t.match(patched, { status: 200, body: { assignee_id: null, title: 'Water' } })
  for (const assignee_id of [randomUUID(), (await running.under.account('nobody')).userId]) {
    for (const [method, target] of [
      ['POST', todos],
      ['PUT', path],
      ['PATCH', path],
    ] as const) {
      const refused = await member.client(method, target, { title: 'x', assignee_id })
      t.match(refused, { status: 422, body: { detail: /^assignee_id must be/ } })
    }
  }
  t.equal((await member.client('PATCH', path, { assignee_id: 'x' })).status, 400)
  const again = await member.client('PUT', path, { assignee_id: userId })
  const page = await member.client('GET', todos)
  t.match(todosOf(page), [{ assignee_id: userId }])

  await remove(userId)
  const cleared = await member.client('GET', path)
  t.equal(cleared.body['assignee_id'], null, 'who has gone is to do nothing')
  t.not(cleared.headers.get('etag'), again.headers.get('etag'))
  const pageAfter = await member.client('GET', todos)
  t.match(todosOf(pageAfter), [{ assignee_id: null }])
  t.not(pageAfter.headers.get('etag'), page.headers.get('etag'))
  t.equal((await member.client('GET', `/api/teams/${id}/members`)).status, 200)
}

const turnPages = async (t: Test, running: Running) => {
  const { todos, admin, member } = await newTeam(running)
  const count = 25
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      (i % 2 === 0 ? admin : member).client('POST', todos, { title: `todo ${i}` }),
    ),
  )
  const all = todosOf(await admin.client('GET', `${todos}?limit=100`)).map(({ id }) => id)
  t.equal(new Set(all).size, count)
  const second = await member.client('GET', `${todos}?limit=10&page=2`)
  t.match(second.body, { total: count, limit: 10, page: 2 })
  t.same(
    todosOf(second).map(({ id }) => id),
    all.slice(10, 20),
  )
  const [, next] = /<([^>]+)>; rel="next"/.exec(second.headers.get('link') ?? '') ?? []
  const rest = await member.client('GET', next ?? '')
  t.same(
    todosOf(rest).map(({ id }) => id),
    all.slice(20),
  )
  t.equal((await member.client('GET', `${todos}?limit=101`)).status, 400)
  // Whatever process answers, and whatever is in the cache: what was answered is there.
  for (let i = 0; i < 20; i++) {
    const [writer, reader] = i % 2 === 0 ? [admin, member] : [member, admin]
    const made = await writer.client('POST', todos, { title: `after ${i}` })
    t.equal(todosOf(await reader.client('GET', todos))[0]?.['id'], made.body['id'])
  }
}

/** A team's todo is neither a personal one, nor a public one, nor another team's. */
const stayApart = async (t: Test, running: Running) => {
  const { todos, member } = await newTeam(running)
  const other = await newTeam(running)
  const made = await member.client('POST', todos, { title: 'for the team' })
  const id = String(made.body['id'])
  const personal = await member.client('POST', '/api/todos', { title: 'mine' })
  const wait = { prefer: 'wait=20' }
  for (const path of [`/todos/${id}`, `/api/todos/${id}`, `${other.todos}/${id}`]) {
    const client = path.startsWith('/api/teams') ? other.member.client : member.client
    t.equal((await client('GET', path)).status, 404)
    t.equal((await client('PUT', path, { title: 'x' }, wait)).status, 404)
    t.equal((await client('DELETE', path, undefined, wait)).status, 404)
  }
  const mine = `${todos}/${String(personal.body['id'])}`
  t.equal((await member.client('GET', mine)).status, 404)
  t.equal((await member.client('PUT', mine, { title: 'x' })).status, 404)
  t.match(todosOf(await member.client('GET', '/api/todos')), [{ title: 'mine' }])
  t.equal(todosOf(await member.client('GET', '/api/todos')).length, 1)
  t.match(todosOf(await member.client('GET', todos)), [made.body])
  const open = (await member.client('GET', '/todos')).body
  t.notMatch(JSON.stringify(open), id)
}

/** Commands that are in the log, acknowledged, when the membership of their author ends. */
const removeMeanwhile = async (t: Test, running: Running) => {
  const { todos, admin, member, remove } = await newTeam(running)
  const kept = await admin.client('POST', todos, { title: 'kept' })
  const path = pathOf(kept)
  const waiting: Promise<Answer>[] = []
  let accepted = ''
  await running.restartWorker(async () => {
    accepted = pathOf(await member.client('POST', todos, { title: 'late' }, respondAsync))
    t.equal((await member.client('PUT', path, { title: 'late' }, respondAsync)).status, 202)
    t.equal((await member.client('DELETE', path, undefined, respondAsync)).status, 202)
    const wait = { prefer: 'wait=30' }
    const before = await running.published()
    waiting.push(
      member.client('POST', todos, { title: 'late' }, wait),
      member.client('PATCH', path, { completed: true }, wait),
      admin.client('PATCH', path, { assignee_id: member.userId }, wait),
    )
    await eventually(running.published, (count) => count === before + waiting.length)
    await remove(member.userId)
    t.match(await member.client('GET', todos), { status: 404, body: { detail: 'no such team' } })
    t.equal((await member.client('POST', todos, { title: 'too late' })).status, 404)
  })
  const [created, patched, assigned] = await Promise.all(waiting)
  t.match(created, { status: 404, body: { detail: 'no such team' } })
  t.match(patched, { status: 404, body: { detail: 'no such todo' } })
  t.match(assigned, { status: 422 }, 'a todo is not assigned to who has gone')
  t.equal((await admin.client('GET', accepted)).status, 404)
  t.same((await admin.client('GET', path)).body, kept.body)
  t.match(await admin.client('GET', todos), { body: { total: 1 } })
}

type Write = {
  readonly by: string
  readonly title: string
  readonly isCreation: boolean
  readonly waits: boolean
  readonly status: number
}
const victimCount = 4
/** As many clients are of members who stay. */
const clientsOfVictims = 100

/**
 * Memberships end while 200 clients write: what a removed member has in the team's todos as the answer to
 * his removal is there stays as it is, whatever was acknowledged before.
 */
const raceRemovals = async (t: Test, running: Running) => {
  const random = seeded(t)
  const { under, as } = running
  const { id, todos, admin, remove } = await newTeam(running)
  const victims = await addMembers(running, id, 'victim', victimCount)
  const stayers = await addMembers(running, id, 'stayer', clientsOfVictims)
  const boards = new Map<string, string>()
  for (const userId of victims) {
    boards.set(userId, pathOf(await admin.client('POST', todos, { title: `board of ${userId}` })))
  }
  /** Whatever a victim has made or changed. */
  const rowsOf = (userId: string) =>
    under.pool.run(
      (sql) => sql<{ title: string; revision: number; user_id: string }[]>`
        SELECT id, title, revision, user_id FROM todos
        WHERE team_id = ${id} AND (user_id = ${userId} OR id = ${idIn(boards.get(userId))})
        ORDER BY id`,
    )

  const writes: Write[] = []
  let isOver = false
  const run = async (by: string, isVictim: boolean) => {
    const client = as(by)
    const board = boards.get(by)
    let status = 0
    do {
      const title = `${by} ${random.below(2 ** 32)}`
      const isCreation = board === undefined || random.below(3) > 0
      const waits = random.below(2) === 0
      const headers = waits ? {} : respondAsync
      const answer = isCreation
        ? await client('POST', todos, { title }, headers)
        : await client('PATCH', board, { title }, headers)
      status = answer.status
      writes.push({ by, title, isCreation, waits, status })
    } while (status < 300 && (isVictim || !isOver))
  }
  const clients = [
    ...stayers.map((userId) => run(userId, false)),
    ...Array.from({ length: clientsOfVictims }, (_, i) =>
      run(victims[i % victimCount] ?? '', true),
    ),
  ]
  const atRemoval = new Map<string, Awaited<ReturnType<typeof rowsOf>>>()
  for (const userId of victims) {
    const enough = writes.length + random.below(60)
    await eventually(
      () => writes.length,
      (count) => count >= enough,
    )
    await remove(userId)
    atRemoval.set(userId, await rowsOf(userId))
  }
  isOver = true
  await Promise.all(clients)
  // Behind all others in the team's partition: they have been applied, or refused.
  t.equal((await admin.client('POST', todos, { title: 'last' }, { prefer: 'wait=30' })).status, 201)

  let unapplied = 0
  for (const userId of victims) {
    const rows = await rowsOf(userId)
    t.same(rows, atRemoval.get(userId), 'nothing of his was applied after the answer')
    const own = writes.filter(({ by }) => by === userId)
    const titles = new Set(rows.flatMap((row) => (row.user_id === userId ? [row.title] : [])))
    const made = own.filter(({ isCreation }) => isCreation)
    t.ok(made.every(({ status, title }) => status !== 201 || titles.has(title)))
    t.ok(made.every(({ status, title }) => status !== 404 || !titles.has(title)))
    t.ok(own.some(({ status }) => status === 404))
    t.ok(made.every((one) => !one.waits || one.status !== 202 || titles.has(one.title)))
    const changed = own.filter(({ isCreation }) => !isCreation)
    const applied = (rows.find((row) => row.user_id !== userId)?.revision ?? 0) - 1
    t.ok(applied >= changed.filter(({ status }) => status === 200).length)
    t.ok(applied <= changed.filter(({ status }) => status < 300).length)
    unapplied += made.filter(({ status, title }) => status === 202 && !titles.has(title)).length
  }
  for (const { by, waits, status, isCreation } of writes) {
    const done = waits ? (isCreation ? 201 : 200) : 202
    if (status === done) continue
    // Who is removed once it is applied is not shown the todo any more: that is a 202, too.
    t.ok(victims.includes(by) && [202, 404].includes(status), `an outcome: ${status}`)
  }
  const theirs = writes.flatMap(({ by, title }) => (stayers.includes(by) ? [title] : []))
  const found = await under.pool.run(
    (sql) => sql<{ title: string }[]>`
      SELECT title FROM todos WHERE team_id = ${id} AND user_id = ANY(${stayers})
      ORDER BY title COLLATE "C"`,
  )
  t.same(
    found.map(({ title }) => title),
    theirs.sort(),
    'what members have written is there, each once',
  )
  t.comment(`${writes.length} writes, ${unapplied} acknowledged ones came too late`)
}

const idIn = (path = '') => path.slice(path.lastIndexOf('/') + 1)

const addMembers = async ({ under }: Running, teamId: string, name: string, count: number) => {
  const userIds: string[] = []
  for (let i = 0; i < count; i++) {
    userIds.push((await under.account(`${name}-${i}-${teamId}`)).userId)
  }
  await under.pool.run(
    (sql) => sql`
      INSERT INTO team_members (team_id, user_id, role)
      SELECT ${teamId}, user_id, 'member' FROM unnest(${userIds}::text[]) AS user_id`,
  )
  return userIds
}

const end = async (t: Test, running: Running) => {
  const { id, todos, admin, member } = await newTeam(running)
  const path = pathOf(await member.client('POST', todos, { title: 'x' }))
  await running.restartWorker(async () => {
    t.equal((await member.client('POST', todos, { title: 'late' }, respondAsync)).status, 202)
    t.equal((await admin.client('DELETE', `/api/teams/${id}`)).status, 204)
  })
  for (const { client } of [admin, member]) {
    t.match(await client('GET', path), { status: 404, body: { detail: 'no such team' } })
    t.equal((await client('GET', todos)).status, 404)
  }
  const own = await member.client('POST', '/api/todos', { title: 'after that' })
  t.equal(own.status, 201)
  const [left] = await running.under.pool.run(
    (sql) => sql`
      SELECT (SELECT count(*)::int FROM todos WHERE team_id = ${id}) AS todos,
        (SELECT count(*)::int FROM team_lists WHERE team_id = ${id}) AS lists`,
  )
  t.same(left, { todos: 0, lists: 0 })
}
