// Calls as @grpc/grpc-js makes them: the HTTP request that each becomes, and what its answer becomes.
// Connect's own client and its JSON by HTTP/1.1 are held to the same.

import { status as codes } from '@grpc/grpc-js'
import { createClient, ConnectError, type Transport } from '@connectrpc/connect'
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node'
import type { DescService } from '@bufbuild/protobuf'
import t, { type Test } from 'tap'
import { InvalidField } from '../../lib/domain/shape.ts'
import { contract, grpcClient, loopback, serveGrpc, todo } from '../../testing/grpc.ts'
import { createReply, type App, type Request } from '../http/engines/engine.ts'
import { Problem } from '../http/problem.ts'
import { invalidFields } from '../http/problems.ts'
import { tooManyRequests } from '../http/access-problems.ts'
import { messageNamed } from './contract.ts'

type Seen = {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly body: unknown
  readonly header: Request['header']
  readonly peer: string
}

/** Answers with `reply`, and keeps what it was asked. */
const answering = (reply: () => ReturnType<App['handle']>) => {
  const seen: Seen[] = []
  const handle: App['handle'] = async (request) => {
    const { method, path, query } = request
    const body = await request.body(16_384)
    seen.push({
      method,
      path,
      query,
      body: body.kind === 'read' && body.bytes.length > 0 ? JSON.parse(String(body.bytes)) : body,
      header: request.header,
      peer: request.remoteAddress(),
    })
    return reply()
  }
  return { seen, handle }
}

const json = (status: number, body: unknown, headers: readonly string[] = []) =>
  createReply(status, ['Content-Type', 'application/json', ...headers], JSON.stringify(body))

const start = async (t: Test, reply: () => ReturnType<App['handle']>) => {
  const { seen, handle } = answering(reply)
  const { port } = await serveGrpc(t, handle)
  return { seen, port, call: grpcClient(t, port) }
}

t.test('an empty text is null where that means something in HTTP, and nowhere else', async (t) => {
  const { seen, call } = await start(t, () => json(200, todo))
  const one = { team_id: 'a', id: 'b' }
  const rpc = 'todos.v1.TeamTodoService/UpdateTeamTodo'
  await call(rpc, { ...one, description: '', assignee_id: '' })
  await call(rpc, { ...one, assignee_id: 'ann' })
  await call(rpc, one)
  t.same(
    seen.map(({ body }) => body),
    [{ description: '', assignee_id: null }, { assignee_id: 'ann' }, {}],
  )
})

t.test('fields become path, query, headers and body, and nothing else does', async (t) => {
  const { seen, call } = await start(t, () => json(200, todo, ['ETag', '"3"', 'X-Internal', 'x']))
  const updated = await call(
    'todos.v1.PersonalTodoService/UpdateOwnTodo',
    { id: 'a/b', title: 'Tea', completed: false, prefer: 'wait=5', if_match: '"2"' },
    { metadata: { authorization: 'Bearer x', 'content-encoding': 'gzip', 'if-none-match': '*' } },
  )
  const [put] = seen
  t.match(put, {
    method: 'PUT',
    path: '/v1/api/todos/a%2Fb',
    query: '',
    peer: loopback,
  })
  t.same(put?.body, { title: 'Tea', completed: false }, 'what is not set is not sent')
  t.equal(put?.header('prefer'), 'wait=5')
  t.equal(put?.header('if-match'), '"2"')
  t.equal(put?.header('content-type'), 'application/json')
  t.equal(put?.header('authorization'), 'Bearer x')
  for (const name of ['content-encoding', 'if-none-match', 'te', 'host', 'origin'])
    t.equal(put?.header(name), undefined, `${name} is the transport's`)
  t.match(updated, { kind: 'ok', message: { outcome: 'todo', etag: '"3"', location: '' } })
  t.ok(updated.kind === 'ok')
  if (updated.kind === 'ok') {
    t.match(updated.message['todo'], { title: 'Buy milk', completed: false, user_id: 'ann' })
    t.same(updated.metadata.get('etag'), ['"3"'])
    t.same(updated.metadata.get('x-internal'), [])
  }

  await call('todos.v1.PersonalTodoService/ListOwnTodos', { limit: 2, after: 'x y' })
  t.match(seen[1], { method: 'GET', path: '/v1/api/todos', query: 'limit=2&after=x+y' })
  await call('todos.v1.PersonalTodoService/ListOwnTodos', {})
  t.equal(seen[2]?.query, '')
  await call('todos.v1.TodoService/ReadTodo', {})
  t.equal(seen[3]?.path, '/v1/todos/%20', 'no id is one that is refused, not another path')
})

t.test('what a reader must see goes as metadata, and comes back so', async (t) => {
  const told = ['List-Version', '1042', 'Write-Position', '3-17']
  const { seen, call } = await start(t, () => json(200, todo, told))
  const metadata = { 'list-version-min': '1041', 'write-position-min': '3-17, 5-0' }
  for (const [rpc, fields] of [
    ['todos.v1.PersonalTodoService/ReadOwnTodo', { id: 'a' }],
    ['todos.v1.TeamTodoService/ReadTeamTodo', { team_id: 'a', id: 'b' }],
  ] as const) {
    const read = await call(rpc, fields, { metadata })
    const { header } = seen.at(-1) as Seen
    t.equal(header('list-version-min'), '1041')
    t.equal(header('write-position-min'), '3-17, 5-0')
    t.equal(read.kind, 'ok', rpc)
    if (read.kind !== 'ok') continue
    t.same(read.metadata.get('list-version'), ['1042'])
    t.same(read.metadata.get('write-position'), ['3-17'])
  }
})

t.test('what is required is sent though it is the default of its type', async (t) => {
  const { seen, call } = await start(t, () => json(202, { id: 'a', message: 'later' }))
  await call('todos.v1.TodoService/CreateTodo', {})
  t.same(seen[0]?.body, { title: '' })
  await call('todos.v1.PersonalTodoService/UpdateOwnStatus', { id: 'a' })
  t.same(seen[1]?.body, { completed: false })
})

t.test('a 202 says that it is accepted, a 204 that it is done', async (t) => {
  const replies = [
    json(202, { id: 'a', message: 'later' }, ['Location', '/todos/a']),
    createReply(204, [], ''),
  ]
  const { call } = await start(t, () => replies.shift() as never)
  t.match(await call('todos.v1.TodoService/DeleteTodo', { id: 'a' }), {
    message: { accepted: { id: 'a', message: 'later' }, location: '/todos/a' },
  })
  t.match(await call('todos.v1.TodoService/DeleteTodo', { id: 'a' }), {
    message: { accepted: null, location: '' },
  })
})

t.test('lists, their cursor, and roles', async (t) => {
  const link = '</api/teams?limit=1>; rel="first", </api/teams?limit=1&after=Q_-1>; rel="next"'
  const team = { id: 't', name: 'Shop', role: 'admin', created_at: todo.created_at }
  const bodies = [
    json(200, { teams: [team] }, ['Link', link]),
    json(200, [todo], []),
    json(200, { user_id: 'u', role: 'member' }),
  ]
  const { seen, call } = await start(t, () => bodies.shift() as never)
  t.match(await call('todos.v1.TeamService/ListTeams', { limit: 1 }), {
    message: { teams: [{ id: 't', role: 'TEAM_ROLE_ADMIN' }], next_after: 'Q_-1' },
  })
  t.match(await call('todos.v1.TodoService/ListTodos', { limit: 1 }), {
    message: { todos: [{ id: 'a' }], next_after: '' },
  })
  const member = await call('todos.v1.TeamService/SetRole', {
    id: 't',
    user_id: 'u',
    role: 'TEAM_ROLE_MEMBER',
  })
  t.same(seen[2]?.body, { role: 'member' })
  t.match(member, { message: { member: { role: 'TEAM_ROLE_MEMBER' } } })
})

t.test('a problem is a status with details', async (t) => {
  const invalid = new InvalidField('title', 'title is required', [
    { field: 'If-Match', message: 'If-Match is odd' },
    { field: 'userId', message: 'userId is odd' },
  ])
  const wrongInput = new Problem(invalidFields(invalid)).reply
  const replies = [wrongInput, wrongInput, new Problem(tooManyRequests(3)).reply]
  const { call, port } = await start(t, () => replies.shift() as never)
  const refused = await call('todos.v1.TodoService/UpdateTodo', { id: 'a' })
  t.match(refused, {
    error: { code: codes.INVALID_ARGUMENT, details: 'title is required' },
  })

  const client = todosOf(createGrpcTransport({ baseUrl: `http://${loopback}:${port}` }))
  const fail = async () =>
    ConnectError.from(await client['updateTodo']?.({ id: 'a' }).catch((error: unknown) => error))
  const detail = (error: ConnectError, type: string) =>
    error.findDetails(messageNamed(contract.registry, `google.rpc.${type}`))[0]
  const wrong = await fail()
  t.match(detail(wrong, 'ErrorInfo'), {
    reason: 'INVALID_INPUT',
    domain: 'todos.v1',
    metadata: { type: '/docs/problems/invalid-input', title: 'Bad Request' },
  })
  t.match(detail(wrong, 'BadRequest'), {
    fieldViolations: [
      { field: 'title', description: 'title is required' },
      { field: 'if_match', description: 'If-Match is odd' },
      { field: 'user_id', description: 'userId is odd' },
    ],
  })
  t.equal(detail(wrong, 'RetryInfo'), undefined)
  const limited = await fail()
  t.equal(limited.code, codes.RESOURCE_EXHAUSTED)
  t.match(detail(limited, 'RetryInfo'), { retryDelay: { seconds: 3n } })
})

/** Connect's client, whose types would come from code that is not generated here. */
const todosOf = (transport: Transport) =>
  createClient(
    contract.registry.getService('todos.v1.TodoService') as DescService,
    transport,
  ) as unknown as Readonly<Record<string, (message: object) => Promise<unknown>>>

for (const [name, transport] of [
  ['gRPC', (port: number) => createGrpcTransport({ baseUrl: `http://${loopback}:${port}` })],
  [
    'gRPC-Web by HTTP/1.1',
    (port: number) =>
      createGrpcWebTransport({ baseUrl: `http://${loopback}:${port}`, httpVersion: '1.1' }),
  ],
  [
    'Connect by HTTP/2',
    (port: number) =>
      createConnectTransport({ baseUrl: `http://${loopback}:${port}`, httpVersion: '2' }),
  ],
] as const) {
  t.test(`${name} has the same`, async (t) => {
    const { port } = await start(t, () => json(200, [todo]))
    t.match(await todosOf(transport(port))['listTodos']?.({ limit: 1 }), {
      todos: [{ title: 'Buy milk' }],
    })
  })
}

t.test('Connect is JSON that curl can send, in the words of the HTTP API', async (t) => {
  const replies = [json(200, todo), new Problem(tooManyRequests(3)).reply]
  const { port } = await start(t, () => replies.shift() as never)
  const ask = () =>
    fetch(`http://${loopback}:${port}/todos.v1.TodoService/ReadTodo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"id":"a"}',
    })
  const answer = await ask()
  t.equal(answer.status, 200)
  t.match(await answer.json(), { todo: { completed: false, user_id: 'ann' } })
  const refused = await ask()
  t.equal(refused.status, 429)
  t.match(await refused.json(), {
    code: 'resource_exhausted',
    details: [{ type: 'google.rpc.ErrorInfo', debug: { domain: 'todos.v1' } }],
  })
})

t.test('what is not there is unimplemented', async (t) => {
  const { port } = await start(t, () => json(200, todo))
  const answer = await fetch(`http://${loopback}:${port}/todos.v1.TodoService/Nothing`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  t.equal(answer.status, 404)
})
