// One contract for two worlds: every endpoint has an RPC with the same path, method, fields, bounds and
// refusals, or a reason to have none. And proto/ is as buf wants it, and breaks no client.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { endpoints } from '../../scripts/docs/endpoints.ts'
import { repository } from '../../scripts/paths.ts'
import { contract } from '../../testing/grpc.ts'
import { differencesOf, pathOf, type Differences } from '../../testing/grpc-contract.ts'

const operators = 'for who runs the server, by curl and scripts'
const cookies = 'for a page of the server, whose browser keeps the refresh token'
const people =
  'for people who look at where they are logged in; a program ends its own session with Logout'
const documents = 'a document for browsers and tools'
/** Endpoints without an RPC, by what documents call them. */
const httpOnly: Readonly<Record<string, string>> = {
  patchTodo: 'UpdateTodo does the same: a field that is not set stays as it is',
  patchOwnTodo: 'UpdateOwnTodo does the same',
  patchTeamTodo: 'UpdateTeamTodo does the same',
  openWebSocket: 'a WebSocket',
  getAsyncApi: 'a document of WebSockets',
  exportProfile: 'a download that is made while it is sent, and no message',
  readTeamAudit: 'events have members of any name, and are read by people',
  readAuditLog: operators,
  readStatus: operators,
  listDeadLetters: operators,
  readDeadLetter: operators,
  replayDeadLetter: operators,
  discardDeadLetter: operators,
  listAccounts: operators,
  readAccount: operators,
  deleteAccount: operators,
  disableAccount: operators,
  enableAccount: operators,
  listSessions: operators,
  endSession: operators,
  endSessions: operators,
  loginWithCookie: cookies,
  refreshWithCookie: cookies,
  logoutWithCookie: cookies,
  logoutEverywhereWithCookie: cookies,
  listOwnSessions: people,
  endOwnSession: people,
  endOwnSessions: people,
  getHealth: 'grpc.health.v1 says the same',
  getPing: 'grpc.health.v1 says the same',
  getReady: 'grpc.health.v1 says the same',
  getOpenApi: documents,
  getDocs: documents,
  getProblem: documents,
  getIndex: documents,
  getPage: documents,
  getPageFile: documents,
}

/** What is not as HTTP has it. */
const differences: Differences = {
  'ListTodosRequest.limit':
    'it is required: the list of all may be longer than a message, and HTTP sends it as a stream',
  'ListTodos not-acceptable': 'nothing is compressed here',
  'UpdateOwnStatusRequest.completed':
    'it is required: to toggle is not safe to repeat, and clients repeat calls by themselves',
  'UpdateOwnStatusRequest.status': 'another way to say `completed`',
  ...Object.fromEntries(
    ['ListOwnTodos', 'ReadOwnTodo', 'ListTeamTodos', 'ReadTeamTodo'].flatMap((rpc) =>
      ['list_version_min', 'write_position_min'].map((field) => [
        `${rpc}Request.${field}`,
        'it is metadata, as what it gives back was: most calls need none',
      ]),
    ),
  ),
  'InviteResponse.token':
    'it is empty where HTTP leaves it out: it was always there, and presence would change it for clients',
  'WatchRequest.last_event_id': 'it is `since`, as on a WebSocket',
  'WatchRequest.since': 'as above',
  'WatchResponse.event': 'the body of an event stream has a format of its own',
  'WatchResponse.heartbeat': 'a comment on an event stream',
  'UpdateTeamStatusRequest.completed': 'as that of UpdateOwnStatusRequest',
  'UpdateTeamStatusRequest.status': 'as that of UpdateOwnStatusRequest',
}

/** RPCs that are not called as their endpoints are. */
const otherNames: Readonly<Record<string, string>> = { watchChannel: 'Watch' }

const nameOf = (operationId: string) =>
  otherNames[operationId] ?? operationId.charAt(0).toUpperCase() + operationId.slice(1)
const all = [...contract.bindings, ...contract.streams]

t.test('each endpoint has an RPC that is the same, or a reason to have none', async (t) => {
  const bindings = new Map(all.map((one) => [one.rpc.name, one]))
  for (const endpoint of endpoints) {
    const { operationId, method } = endpoint
    const binding = bindings.get(nameOf(operationId))
    bindings.delete(nameOf(operationId))
    if (Object.hasOwn(httpOnly, operationId)) {
      t.equal(binding, undefined, `${operationId} has an RPC: take it out of httpOnly`)
      continue
    }
    t.ok(binding, `${operationId} has no RPC: add it to proto/, or its reason to httpOnly`)
    if (!binding) continue
    t.equal(binding.method, method, operationId)
    t.equal(binding.path, pathOf(endpoint), operationId)
    t.equal(binding.hasBody, endpoint.body !== undefined, `${operationId} has a body`)
    t.strictSame(differencesOf(binding, endpoint, differences), [], operationId)
  }
  t.strictSame([...bindings.keys()], [], 'every RPC is of an endpoint')
})

t.test('each reason is still needed', async (t) => {
  const ids = endpoints.map(({ operationId }) => operationId)
  for (const id of Object.keys(httpOnly)) t.ok(ids.includes(id), `no endpoint is called ${id}`)
  const lines = all.flatMap((binding) => {
    const endpoint = endpoints.find(({ operationId }) => nameOf(operationId) === binding.rpc.name)
    return endpoint ? differencesOf(binding, endpoint, {}) : []
  })
  for (const field of Object.keys(differences))
    t.ok(
      lines.some((line) => line.startsWith(`${field}: `)),
      `no difference: ${field}`,
    )
})

t.test('each way not to be the same is found', async (t) => {
  const binding = contract.bindings.find(({ rpc }) => rpc.name === 'CreateTodo')
  const endpoint = endpoints.find(({ operationId }) => operationId === 'createTodo')
  const other = endpoints.find(({ operationId }) => operationId === 'listOwnTodos')
  t.ok(binding && endpoint && other)
  if (!binding || !endpoint || !other) return
  const without = (change: object) => differencesOf(binding, { ...endpoint, ...change }, {}).join()
  t.match(without({ body: undefined }), 'CreateTodoRequest.title: HTTP has nothing like it')
  t.match(without({ params: other.query }), 'CreateTodoRequest.limit: it is missing')
  const otherTitle = without({ params: { title: other.query['limit'] }, body: undefined })
  t.match(otherTitle, 'CreateTodoRequest.title: its type: "STRING" here, "UINT32" in HTTP')
  t.match(otherTitle, /CreateTodoRequest.title: its bounds: .*max_length/)
  t.match(otherTitle, 'CreateTodoRequest.title: optional: false here, true in HTTP')
  const otherProblems = without({ problems: other.problems })
  t.match(otherProblems, 'CreateTodo todo-id-in-use: HTTP does not refuse so')
  t.match(otherProblems, 'CreateTodo todos-unreadable: it does not say that it refuses so')
  t.match(without({ responses: [] }), 'CreateTodoResponse: has ETag: true here, false in HTTP')
})

const root = fileURLToPath(repository)
const run = promisify(execFile)
const buf = (...args: string[]) =>
  run('node_modules/.bin/buf', args, { cwd: root }).then(
    () => '',
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
  )

t.test('buf finds nothing to say of it', async (t) => {
  t.equal(await buf('lint', 'proto'), '')
  t.equal(await buf('format', '--exit-code', '--diff', 'proto', '--path', 'proto/todos'), '')
})

t.test('a client that was made from the last two versions goes on working', async (t) => {
  const git = (...args: string[]) => run('git', args, { cwd: root }).then(({ stdout }) => stdout)
  const commits = await git('log', '-2', '--format=%H', '--', 'proto/todos').catch(() => '')
  const earlier = commits.split('\n').filter(Boolean)
  if (earlier.length === 0) t.comment('this is no clone, or there is no earlier version')
  for (const commit of earlier) {
    t.equal(await buf('breaking', 'proto', '--against', `.git#ref=${commit},subdir=proto`), '')
  }
})
