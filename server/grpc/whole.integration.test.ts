// The whole server as @grpc/grpc-js sees it: a life of accounts, todos and teams, what is refused, its
// health, its reflection, and a rolling restart that no call notices.

import { Client, credentials, status as codes } from '@grpc/grpc-js'
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { buildContract } from '../../scripts/contract.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { eventually, startTimeoutMs } from '../../testing/eventually.ts'
import { grpcClient, loopback, method, type Call, type Fields } from '../../testing/grpc.ts'
import { startMailServer, type MailServer } from '../../testing/mail-server.ts'
import { generousTimeouts, testSecret } from '../../testing/settings.ts'
import { testDatabase, testStacks, testTopic } from '../../testing/services.ts'

const todos = 'todos.v1.TodoService'
const own = 'todos.v1.PersonalTodoService'
const accounts = 'todos.v1.AccountService'
const teams = 'todos.v1.TeamService'
const teamTodos = 'todos.v1.TeamTodoService'
const shares = 'todos.v1.ShareService'
const liveService = 'todos.v1.LiveService'
const password = 'correct horse'

void t.test('the embedded stack', async (t) => {
  buildContract()
  const services = await testStacks['embedded']?.(t)
  if (!services) return
  const mail = await startMailServer(t)
  const environment = {
    ...services,
    SMTP_URL: mail.url,
    MAIL_FROM: 'todos@example.com',
    MAIL_LINK_URL: 'https://todos.example/account',
    DATABASE_URL: await testDatabase(t),
    KAFKA_TODO_TOPIC: testTopic(),
    HTTP_PROCESSES: '2',
    HTTP_HOST: loopback,
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'info',
    AUTH_BCRYPT_COST: '4',
    LIMIT_USER_REQUESTS: '0',
    LIMIT_ADDRESS_BURST: '0',
    ...generousTimeouts,
  }
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  const call = grpcClient(t, server.grpcPort)
  const ann = await logIn(call, 'ann@example.com')
  const bob = await logIn(call, 'bob@example.com')

  await t.test('accounts', (t) => keepAccount(t, call))
  await t.test('public todos', (t) => live(t, call, ann))
  await t.test('personal todos', (t) => keepOwn(t, call, ann))
  await t.test('teams', (t) => workTogether(t, call, mail, ann, bob))
  await t.test("a team's todos", (t) => keepInTeam(t, call, mail, ann, bob))
  await t.test('shares', (t) => share(t, call, ann, bob))
  await t.test('the end of an account', (t) => endAccount(t, call))
  await t.test('what is refused', (t) => refuse(t, call, ann))
  await t.test('health', (t) => feel(t, call))
  await t.test('reflection', (t) => reflect(t, server.grpcPort))

  await t.test('a rolling restart', async (t) => {
    let isOver = false
    let calls = 0
    const failed: unknown[] = []
    const keepCalling = async () => {
      const client = grpcClient(t, server.grpcPort)
      while (!isOver) {
        const outcome = await client(`${todos}/ListTodos`, { limit: 1 })
        calls++
        if (outcome.kind === 'error') failed.push(outcome.error)
      }
    }
    const calling = Promise.all([keepCalling(), keepCalling()])
    server.process.kill('SIGHUP')
    await eventually(server.output, (text) => text.includes('rolling restart done'), startTimeoutMs)
    isOver = true
    await calling
    t.strictSame(failed, [], `${calls} calls, each answered`)
  })

  await t.test('a wait that the deadline cuts', async (t) => {
    await worker.stop()
    const created = await call(
      `${todos}/CreateTodo`,
      { title: 'later', prefer: 'wait=20' },
      { ...ann, deadlineMs: 3_000 },
    )
    t.match(created, { kind: 'ok', message: { outcome: 'accepted' } }, 'it is accepted in time')
  })
})

type As = { readonly metadata: { readonly authorization: string } }

const logIn = async (call: Call, email: string): Promise<As> => {
  await call(`${accounts}/Register`, { email, password })
  const session = messageOf(await call(`${accounts}/Login`, { email, password }))
  return as(session['access_token'])
}

const as = (token: unknown): As => ({ metadata: { authorization: `Bearer ${String(token)}` } })

const messageOf = (outcome: Awaited<ReturnType<Call>>): Fields => {
  if (outcome.kind === 'error') throw outcome.error
  return outcome.message
}

const keepAccount = async (t: Test, call: Call) => {
  const email = 'cleo@example.com'
  t.match(await call(`${accounts}/Register`, { email, password }), {
    message: { account: { email } },
  })
  t.match(await call(`${accounts}/Register`, { email, password }), {
    error: { code: codes.FAILED_PRECONDITION },
  })
  t.match(await call(`${accounts}/Login`, { email, password: 'wrong' }), {
    error: { code: codes.UNAUTHENTICATED, details: 'wrong email or password' },
  })
  const session = messageOf(await call(`${accounts}/Login`, { email, password }))
  t.match(session, { token_type: 'Bearer', expires_in: Number })
  const { refresh_token } = session
  const next = messageOf(await call(`${accounts}/Refresh`, { refresh_token }))
  const cleo = as(next['access_token'])
  t.match(await call(`${accounts}/ReadProfile`, {}, cleo), { message: { account: { email } } })
  const ended = { refresh_token: next['refresh_token'] }
  t.match(await call(`${accounts}/Logout`, ended), { kind: 'ok' })
  const last = await eventually(
    () => call(`${accounts}/ReadProfile`, {}, cleo),
    ({ kind }) => kind === 'error',
  )
  t.match(last, { error: { code: codes.UNAUTHENTICATED } })
}

const live = async (t: Test, call: Call, ann: As) => {
  const write = { title: 'Buy milk', prefer: 'wait=20', idempotency_key: randomUUID() }
  const created = messageOf(await call(`${todos}/CreateTodo`, write, ann))
  t.match(created, { outcome: 'todo', todo: { title: 'Buy milk', description: '' }, etag: '"1"' })
  const { id } = created['todo'] as { readonly id: string }
  t.equal(created['location'], `/todos/${id}`)
  const again = messageOf(await call(`${todos}/CreateTodo`, write, ann))
  t.match(again, { todo: { id } }, 'the same key is the same todo')
  t.match(await call(`${todos}/ReadTodo`, { id }), { message: { todo: { id }, etag: '"1"' } })
  const list = await eventually(
    () => call(`${todos}/ListTodos`, { limit: 1 }),
    (outcome) => outcome.kind === 'ok' && JSON.stringify(outcome.message).includes(id),
  )
  t.match(list, { message: { todos: [{ id }], next_after: '' } })
  const change = { id, completed: true, prefer: 'wait=20', if_match: '"1"' }
  t.match(await call(`${todos}/UpdateTodo`, change, ann), {
    message: { todo: { title: 'Buy milk', completed: true }, etag: '"2"' },
  })
  t.match(await call(`${todos}/UpdateTodo`, change, ann), {
    error: { code: codes.ABORTED },
  })
  t.match(await call(`${todos}/DeleteTodo`, { id, prefer: 'wait=20' }, ann), {
    message: { accepted: null },
  })
  t.match(await call(`${todos}/ReadTodo`, { id }), { error: { code: codes.NOT_FOUND } })
  t.match(await call(`${todos}/CreateTodo`, { title: 'async' }, ann), {
    message: { outcome: 'accepted', accepted: { message: 'the todo will be created' } },
  })
}

const keepOwn = async (t: Test, call: Call, ann: As) => {
  for (const title of ['one', 'two', 'three'])
    t.match(await call(`${own}/CreateOwnTodo`, { title }, ann), { message: { todo: { title } } })
  const first = messageOf(await call(`${own}/ListOwnTodos`, { limit: 2 }, ann))
  t.match(first, { total: 3, limit: 2, page: 1, todos: [{ title: 'three' }, { title: 'two' }] })
  const after = first['next_after']
  const second = messageOf(await call(`${own}/ListOwnTodos`, { limit: 2, after }, ann))
  t.match(second, { todos: [{ title: 'one' }], next_after: '' })
  const [{ id }] = second['todos'] as readonly [{ readonly id: string }]
  t.match(await call(`${own}/UpdateOwnStatus`, { id, completed: true }, ann), {
    message: { todo: { completed: true } },
  })
  t.match(await call(`${own}/UpdateOwnTodo`, { id, description: 'more' }, ann), {
    message: { todo: { title: 'one', description: 'more' } },
  })
  t.match(await call(`${own}/ReadOwnTodo`, { id }, ann), { message: { etag: '"3"' } })
  // What the answer to a write says brings a read that has it.
  const later = { title: 'later', prefer: 'respond-async' }
  const sent = await call(`${own}/CreateOwnTodo`, later, ann)
  if (sent.kind === 'error') throw sent.error
  const { id: laterId } = sent.message['accepted'] as { readonly id: string }
  const position = String(sent.metadata.get('write-position')[0])
  t.match(position, /^\d+-\d+$/)
  const mustSee = { metadata: { ...ann.metadata, 'write-position-min': position } }
  const found = await eventually(
    () => call(`${own}/ReadOwnTodo`, { id: laterId }, mustSee),
    ({ kind }) => kind === 'ok',
  )
  t.match(found, { message: { todo: { title: 'later' } } })
  if (found.kind === 'ok') t.match(found.metadata.get('list-version')[0], /^\d+$/)
  const wrong = { metadata: { ...ann.metadata, 'write-position-min': 'newest' } }
  t.match(await call(`${own}/ReadOwnTodo`, { id: laterId }, wrong), {
    error: { code: codes.INVALID_ARGUMENT },
  })
  t.match(await call(`${own}/DeleteOwnTodo`, { id }, ann), { kind: 'ok' })
  t.match(await call(`${own}/ReadOwnTodo`, { id }, ann), { error: { code: codes.NOT_FOUND } })
}

const workTogether = async (t: Test, call: Call, mail: MailServer, ann: As, bob: As) => {
  const created = messageOf(await call(`${teams}/CreateTeam`, { name: 'Shop' }, ann))
  t.match(created, { team: { name: 'Shop', role: 'TEAM_ROLE_ADMIN' } })
  const { id } = created['team'] as { readonly id: string }
  const invitation = { id, email: 'bob@example.com' }
  const invited = messageOf(await call(`${teams}/Invite`, invitation, ann))
  t.match(invited, { email: 'bob@example.com', token: '' })
  t.match(await call(`${teams}/ListInvitations`, { id }, ann), {
    message: { invitations: [{ email: 'bob@example.com', team_name: 'Shop' }] },
  })
  t.match(await call(`${teams}/ReadTeam`, { id }, bob), {
    error: { code: codes.PERMISSION_DENIED },
  })
  const token = await mail.token('invitation', 'bob@example.com')
  t.match(await call(`${teams}/AcceptInvitation`, { token }, bob), {
    message: { team: { id, role: 'TEAM_ROLE_MEMBER' } },
  })
  const members = messageOf(await call(`${teams}/ListMembers`, { id }, bob))['members']
  const [bobs] = members as readonly [{ readonly user_id: string }]
  const role = { id, user_id: bobs.user_id, role: 'TEAM_ROLE_ADMIN' }
  t.match(await call(`${teams}/SetRole`, role, ann), {
    message: { member: { role: 'TEAM_ROLE_ADMIN' } },
  })
  t.match(await call(`${teams}/RenameTeam`, { id, name: 'Store' }, bob), {
    message: { team: { name: 'Store' } },
  })
  t.match(await call(`${teams}/RemoveMember`, { id, user_id: bobs.user_id }, ann), { kind: 'ok' })
  t.match(await call(`${teams}/ListTeams`, {}, bob), { message: { teams: [] } })
  t.match(await call(`${teams}/DeleteTeam`, { id }, ann), { kind: 'ok' })
}

const keepInTeam = async (t: Test, call: Call, mail: MailServer, ann: As, bob: As) => {
  const { team } = messageOf(await call(`${teams}/CreateTeam`, { name: 'Wreaths' }, ann))
  const { id: team_id } = team as { readonly id: string }
  const write = { team_id, title: 'Order ribbons' }
  t.match(await call(`${teamTodos}/CreateTeamTodo`, write, bob), {
    error: { code: codes.NOT_FOUND, details: 'no such team' },
  })
  const invitation = { id: team_id, email: 'bob@example.com' }
  const known = mail.received.length
  await call(`${teams}/Invite`, invitation, ann)
  const token = await mail.token('invitation', 'bob@example.com', known)
  await call(`${teams}/AcceptInvitation`, { token }, bob)
  const { account } = messageOf(await call(`${accounts}/ReadProfile`, {}, bob))
  const { id: assignee_id } = account as { readonly id: string }
  const created = messageOf(
    await call(`${teamTodos}/CreateTeamTodo`, { ...write, assignee_id }, ann),
  )
  t.match(created, { todo: { title: 'Order ribbons', team_id, assignee_id }, etag: '"1"' })
  const { id } = created['todo'] as { readonly id: string }
  t.equal(created['location'], `/api/teams/${team_id}/todos/${id}`)
  const one = { team_id, id }
  t.match(await call(`${teamTodos}/ReadTeamTodo`, one, bob), { message: { todo: one } })
  t.match(await call(`${teamTodos}/UpdateTeamTodo`, { ...one, description: 'red' }, bob), {
    message: { todo: { description: 'red', assignee_id } },
  })
  t.match(await call(`${teamTodos}/UpdateTeamTodo`, { ...one, assignee_id: '' }, bob), {
    message: { todo: { description: 'red', assignee_id: '' } },
  })
  t.match(await call(`${teamTodos}/UpdateTeamStatus`, { ...one, completed: true }, bob), {
    message: { todo: { completed: true } },
  })
  t.match(await call(`${teamTodos}/ListTeamTodos`, { team_id }, bob), {
    message: { total: 1, todos: [{ id, completed: true }] },
  })
  await call(`${teams}/RemoveMember`, { id: team_id, user_id: assignee_id }, ann)
  t.match(await call(`${teamTodos}/ReadTeamTodo`, one, bob), {
    error: { code: codes.NOT_FOUND },
  })
  t.match(await call(`${teamTodos}/DeleteTeamTodo`, one, ann), { kind: 'ok' })
}

const share = async (t: Test, call: Call, ann: As, bob: As) => {
  const created = messageOf(await call(`${own}/CreateOwnTodo`, { title: 'Water' }, ann))
  const { id } = created['todo'] as { readonly id: string }
  const view = { id, email: 'bob@example.com', role: 'SHARE_ROLE_VIEWER' }
  const shared = messageOf(await call(`${shares}/ShareTodo`, view, ann))
  t.match(shared, { share: { email: 'bob@example.com', role: 'SHARE_ROLE_VIEWER' } })
  t.match(await call(`${shares}/ShareTodo`, { id, role: 'SHARE_ROLE_VIEWER' }, ann), {
    error: { code: codes.INVALID_ARGUMENT },
  })
  t.match(await call(`${shares}/ListShares`, { id }, ann), {
    message: { shares: [{ email: 'bob@example.com' }], next_after: '' },
  })
  const seen = await call(`${shares}/ListSharedTodos`, {}, bob)
  t.match(seen, {
    message: {
      todos: [{ todo: { id }, role: 'SHARE_ROLE_VIEWER', shared_by: { email: 'ann@example.com' } }],
    },
  })
  t.match(await call(`${own}/UpdateOwnStatus`, { id, completed: true }, bob), {
    error: { code: codes.PERMISSION_DENIED },
  })
  const { id: share_id } = shared['share'] as { readonly id: string }
  t.match(await call(`${shares}/UnshareTodo`, { id, share_id }, ann), { kind: 'ok' })
  t.match(await call(`${shares}/LeaveTodo`, { id }, bob), { error: { code: codes.NOT_FOUND } })
}

const endAccount = async (t: Test, call: Call) => {
  const eve = await logIn(call, 'eve@example.com')
  t.match(await call(`${accounts}/DeleteProfile`, { password: 'wrong' }, eve), {
    error: { code: codes.PERMISSION_DENIED },
  })
  t.match(await call(`${accounts}/DeleteProfile`, { password }, eve), { kind: 'ok' })
  t.match(await call(`${accounts}/Login`, { email: 'eve@example.com', password }), {
    error: { code: codes.UNAUTHENTICATED },
  })
}

const refuse = async (t: Test, call: Call, ann: As) => {
  t.match(await call(`${todos}/CreateTodo`, { title: 'x' }), {
    error: { code: codes.UNAUTHENTICATED },
  })
  t.match(await call(`${todos}/CreateTodo`, { title: '' }, ann), {
    error: { code: codes.INVALID_ARGUMENT, details: 'title must have 1 to 200 characters' },
  })
  t.match(await call(`${todos}/ListTodos`, {}), { error: { code: codes.INVALID_ARGUMENT } })
  t.match(await call(`${todos}/ReadTodo`, {}), { error: { code: codes.INVALID_ARGUMENT } })
  t.match(await call(`${todos}/CreateTodo`, { title: 'x'.repeat(20_000) }, ann), {
    error: { code: codes.INVALID_ARGUMENT, details: 'the body must have at most 16384 bytes' },
  })
  t.match(await call('todos.v1.TeamService/SetRole', { id: 'x', user_id: 'y' }, ann), {
    error: { code: codes.INVALID_ARGUMENT },
  })
}

const feel = async (t: Test, call: Call) => {
  for (const service of ['', todos])
    t.match(await call('grpc.health.v1.Health/Check', { service }), {
      message: { status: 'SERVING' },
    })
  t.match(await call('grpc.health.v1.Health/Check', { service: 'nothing' }), {
    error: { code: codes.NOT_FOUND },
  })
}

const reflect = async (t: Test, port: number) => {
  for (const version of ['v1', 'v1alpha']) {
    const definition = method(`grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`)
    const client = new Client(`${loopback}:${port}`, credentials.createInsecure())
    const stream = client.makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
    )
    const answers: Fields[] = []
    stream.on('data', (answer: Fields) => answers.push(answer))
    stream.write({ list_services: '' })
    stream.write({ file_containing_symbol: `${todos}.ListTodos` })
    stream.write({ file_containing_symbol: 'nothing' })
    stream.write({
      file_containing_extension: {
        containing_type: 'google.protobuf.FieldOptions',
        extension_number: 50_001,
      },
    })
    stream.write({ all_extension_numbers_of_type: 'google.protobuf.FieldOptions' })
    stream.end()
    await new Promise((resolve) => stream.once('end', resolve))
    client.close()
    const names = JSON.stringify(answers[0])
    for (const name of [
      todos,
      own,
      accounts,
      teams,
      teamTodos,
      shares,
      liveService,
      'grpc.health.v1.Health',
    ])
      t.ok(names.includes(`"${name}"`), `${version} lists ${name}`)
    t.match(answers.slice(1), [
      { message_response: 'file_descriptor_response' },
      { message_response: 'error_response', error_response: { error_code: codes.NOT_FOUND } },
      { message_response: 'file_descriptor_response' },
      { all_extension_numbers_response: { extension_number: [50_001, 50_002, 50_004] } },
    ])
  }
}
