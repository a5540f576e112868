// Watch and Sync of a whole server, as @grpc/grpc-js and Python's grpcio see them: what is heard, what
// comes of commands, who is cut off and comes back, who reads nothing, and whose access ends.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { status as codes } from '@grpc/grpc-js'
import postgres from 'postgres'
import t from 'tap'
import { buildContract } from '../../scripts/contract.ts'
import { repository } from '../../scripts/paths.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { eventually } from '../../testing/eventually.ts'
import { grpcClient, loopback, type Call, type Fields } from '../../testing/grpc.ts'
import { openStream as open } from '../../testing/grpc-stream.ts'
import { seeded } from '../../testing/seeded.ts'
import { testDatabase, testStacks, testTopic } from '../../testing/services.ts'
import { generousTimeouts, testSecret } from '../../testing/settings.ts'

/** The answers to them are many times what fits into a window of HTTP/2. */
const unreadCommands = 1_000
const password = 'correct horse'
const own = 'todos.v1.PersonalTodoService'

void t.test('the embedded stack', async (t) => {
  buildContract()
  const services = await testStacks['embedded']?.(t)
  if (!services) return
  const environment = {
    ...services,
    DATABASE_URL: await testDatabase(t),
    KAFKA_TODO_TOPIC: testTopic(),
    HTTP_PROCESSES: '1',
    HTTP_HOST: loopback,
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    HTTP_DRAIN_DELAY_MS: '0',
    // Whatever holds it up for longer than a moment fails the test.
    HTTP_DRAIN_TIMEOUT_MS: '600000',
    HTTP_WRITE_STALL_TIMEOUT_MS: '600000',
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'info',
    AUTH_BCRYPT_COST: '4',
    LIMIT_USER_REQUESTS: '0',
    LIMIT_ADDRESS_BURST: '0',
    LIMIT_WRITE_REQUESTS: '0',
    ...generousTimeouts,
  }
  const sql = postgres(environment.DATABASE_URL, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  const port = server.grpcPort
  const call = grpcClient(t, port)
  const user = (email: string) => logIn(call, `${email}@example.com`)
  const done = async (rpc: string, message: Fields, by: User): Promise<Fields> => {
    const answer = await call(`todos.v1.${rpc}`, message, by.as)
    if (answer.kind === 'error') throw answer.error
    return answer.message
  }

  await t.test("Python's grpcio", async (t) => {
    const { token } = await user('python')
    const { stdout } = await promisify(execFile)('/usr/bin/python3', [
      fileURLToPath(new URL('testing/grpc-client.py', repository)),
      String(port),
      token,
      fileURLToPath(new URL('proto/todos.binpb', repository)),
    ])
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    t.same(lines, [
      { step: 'unary', title: 'Tea' },
      { step: 'refused', code: 'INVALID_ARGUMENT', details: ['ErrorInfo', 'BadRequest'] },
      { step: 'deadline', code: 'DEADLINE_EXCEEDED' },
      { step: 'watched', first: 'subscribed', title: 'Milk' },
      { step: 'cancelled', code: 'CANCELLED' },
      { step: 'welcome', message: 'welcome' },
      { step: 'synced', heard: ['Milk', 'Bread'], outcomes: ['accepted', 'applied'] },
      { step: 'ended', rest: 0, code: 'OK' },
    ])
  })

  await t.test('what comes of commands', async (t) => {
    const ann = await user('ann')
    const stream = open(t, port, 'Sync', ann)
    stream.write({ subscribe: { channel: 'mine' } })
    const made = await stream.run({ create_own_todo: { title: 'one' } })
    t.match(made, { outcome: 'applied', applied: { etag: '"1"' } })
    const { todo_id: id } = made['applied'] as { readonly todo_id: string }
    const change = { update_own_todo: { id, title: 'two', if_match: '"1"' } }
    const key = randomUUID()
    t.match(await stream.run(change, key), { applied: { todo_id: id, etag: '"2"' } })
    t.match(await stream.run(change, key), { applied: { todo_id: id } }, 'again: it is the same')
    t.match(await stream.run(change), {
      outcome: 'conflict',
      conflict: { status: { code: codes.ABORTED }, etag: '"2"' },
    })
    t.match(await stream.run({ create_own_todo: { title: '' } }), {
      refused: { code: codes.INVALID_ARGUMENT },
    })
    t.match(await stream.run(change, 'x'), { refused: { message: 'command_id must be a UUID' } })
    t.match(await stream.run({}), { refused: { message: 'there is no such command' } })
    t.match(await stream.run({ delete_own_todo: { id } }), { applied: { todo_id: id, etag: '' } })
    t.match(await stream.run({ delete_own_todo: { id } }), { refused: { code: codes.NOT_FOUND } })
    await eventually(
      () => stream.kinds(),
      (kinds) => kinds.includes('deleted'),
    )
    t.same(stream.kinds(), ['subscribed', 'created', 'updated', 'deleted'])
    stream.write({ subscribe: { channel: 'nothing' } })
    t.match(await stream.next((one) => one['ended'] as Fields), {
      channel: 'nothing',
      status: { code: codes.NOT_FOUND },
    })
    stream.call.end()
    t.equal(await stream.over, codes.OK)
  })

  await t.test('cut off and back: no event and no command is lost or doubled', async (t) => {
    const { below } = seeded(t)
    const cleo = await user('cleo')
    const pending = new Map<string, string>(
      Array.from({ length: 80 }, (_, i) => [randomUUID(), `todo ${i}`] as const),
    )
    const heard: string[] = []
    let since: string | undefined
    let cuts = 0
    const titles = [...pending.values()].sort()
    const baseline = open(t, port, 'Sync', cleo)
    baseline.write({ subscribe: { channel: 'mine' } })
    since = await baseline.next(
      (one) => (one['event'] as Fields | undefined)?.['position'] as string,
    )
    baseline.call.cancel()
    while (pending.size > 0 || heard.length < titles.length) {
      const stream = open(t, port, 'Sync', cleo)
      const left = 1 + below(400)
      let received = 0
      stream.onMessage((one) => {
        if (received++ >= left) return
        const event = one['event'] as Fields | undefined
        if (event) {
          if (event['event'] === 'gap') t.fail('nobody was away for long')
          since = String(event['position'])
          const created = event['created'] as { todo: { title: string } } | undefined
          if (created) heard.push(created.todo.title)
        }
        const outcome = one['outcome'] as Fields | undefined
        if (outcome?.['outcome'] === 'applied') pending.delete(String(outcome['command_id']))
        const isDone = pending.size === 0 && heard.length >= titles.length
        if (received === left || isDone) stream.call.cancel()
      })
      stream.write({ subscribe: { channel: 'mine', since } })
      for (const [command_id, title] of pending)
        stream.write({ command: { command_id, create_own_todo: { title } } })
      await stream.over
      cuts++
    }
    t.comment(`${cuts} streams`)
    t.same(heard.sort(), titles, `each once, over ${cuts} streams`)
    const list = await call(`${own}/ListOwnTodos`, { limit: 1 }, cleo.as)
    t.match(list, { message: { total: titles.length } }, 'each command had one effect')
  })

  const dora = await user('dora')
  const unread = open(t, port, 'Sync', dora)

  await t.test('the commands of a client that reads nothing are held back', async (t) => {
    unread.call.pause()
    // Such an id is refused, and the refusal has it: a window of HTTP/2 is soon full of them.
    const command_id = 'x'.repeat(4_000)
    for (let i = 0; i < unreadCommands; i++) {
      unread.write({ command: { command_id: randomUUID(), create_own_todo: { title: `${i}` } } })
      unread.write({ command: { command_id } })
    }
    // What was read of them has had its effect once the count stays as it is.
    let last = -1
    const total = await eventually(
      async () => {
        const list = await call(`${own}/ListOwnTodos`, { limit: 1 }, dora.as)
        const before = last
        last = list.kind === 'ok' ? Number(list.message['total']) : -1
        return [before, last]
      },
      ([before, now]) => before === now && now !== undefined && now > 0,
    )
    t.ok(Number(total[1]) < unreadCommands / 4, `${total[1]} had an effect`)
    t.match(await call(`${own}/ListOwnTodos`, { limit: 1 }, dora.as), { kind: 'ok' })
  })

  const gil = await user('gil')
  const hal = await user('hal')
  const { id: team } = (await done('TeamService/CreateTeam', { name: 'one' }, gil))['team'] as Named
  let ofGil = ''
  const ofTeam = { team_id: team, title: 'of the team' }

  await t.test('how new a list must be is told as its etag says how new it is', async (t) => {
    await done('TodoService/CreateTodo', { title: 'public', prefer: 'wait=30' }, gil)
    await done('TeamTodoService/CreateTeamTodo', ofTeam, gil)
    const made = await done('PersonalTodoService/CreateOwnTodo', { title: 'own' }, gil)
    const { id } = made['todo'] as Named
    ofGil = id
    const change = { id, title: 'changed' }
    await done('PersonalTodoService/UpdateOwnTodo', change, gil)
    for (const [channel, rpc, request] of [
      ['todos', 'TodoService/ListTodos', { limit: 10 }],
      ['mine', 'PersonalTodoService/ListOwnTodos', {}],
      [`team:${team}`, 'TeamTodoService/ListTeamTodos', { team_id: team }],
      [`todo:${id}`, 'PersonalTodoService/ReadOwnTodo', { id }],
    ] as const) {
      const watch = open(t, port, 'Watch', gil, { channel })
      const version = await watch.next(versionIn('subscribed'))
      t.ok(version > 0, `${channel}: ${version}`)
      const read = async () => {
        const { etag } = await done(rpc, request, gil)
        return Number(/\d+/.exec(String(etag))?.[0])
      }
      // Nobody else writes: what is as new is no newer.
      t.equal(await eventually(read, (held) => held >= version), version, channel)
      const back = open(t, port, 'Watch', gil, { channel, since: 'another.1' })
      t.equal(await back.next(versionIn('gap')), version, `${channel}: a gap`)
    }
  })

  await t.test('who is put out of a team hears no more of it', async (t) => {
    const member = sql`SELECT id FROM users WHERE email = 'hal@example.com'`
    await sql`INSERT INTO team_members (team_id, user_id, role) SELECT ${team}, id, 'member' FROM (${member}) AS hal`
    const channel = `team:${team}`
    const watch = open(t, port, 'Watch', hal, { channel })
    const sync = open(t, port, 'Sync', hal)
    for (const one of [channel, 'mine']) sync.write({ subscribe: { channel: one } })
    await watch.next(versionIn('subscribed'))
    await eventually(
      () => sync.kinds(),
      ({ length }) => length === 2,
    )
    const [{ id: userId } = { id: '' }] = await sql<Named[]>`${member}`
    await done('TeamService/RemoveMember', { id: team, user_id: userId }, gil)
    t.equal(await watch.over, codes.PERMISSION_DENIED)
    t.match(await sync.next((one) => one['ended'] as Fields), {
      channel,
      status: { code: codes.PERMISSION_DENIED },
    })
    await done('TeamTodoService/CreateTeamTodo', ofTeam, gil)
    t.match(
      await sync.run({ create_team_todo: ofTeam }),
      { refused: { code: codes.NOT_FOUND } },
      'the stream goes on',
    )
    const key = randomUUID()
    const foreign = { id: ofGil, title: 'not his' }
    t.match(await sync.run({ update_own_todo: foreign }, key), {
      refused: { code: codes.NOT_FOUND },
    })
    t.match(
      await sync.run({ create_own_todo: { title: 'his own' } }, key),
      { outcome: 'applied' },
      'what was refused has claimed no id',
    )
    await eventually(
      () => sync.kinds(),
      (kinds) => kinds.includes('created'),
    )
    const created = sync.received.flatMap((one) => {
      const event = one['event'] as Fields | null
      return event?.['event'] === 'created' ? [event['channel']] : []
    })
    t.same(created, ['mine'])
    const again = open(t, port, 'Watch', hal, { channel })
    t.equal(await again.over, codes.NOT_FOUND)
  })

  await t.test('whose access ends loses the stream', async (t) => {
    const eve = await user('eve')
    const watch = open(t, port, 'Watch', eve, { channel: 'mine' })
    const sync = open(t, port, 'Sync', eve)
    sync.write({ subscribe: { channel: 'mine' } })
    for (const one of [watch, sync])
      await eventually(
        () => one.kinds(),
        (kinds) => kinds.length > 0,
      )
    await call('todos.v1.AccountService/Logout', { refresh_token: eve.refreshToken })
    t.equal(await watch.over, codes.UNAUTHENTICATED)
    t.equal(await sync.over, codes.UNAUTHENTICATED)
    const again = open(t, port, 'Watch', eve, { channel: 'mine' })
    t.equal(await again.over, codes.UNAUTHENTICATED)
    const nobody = open(t, port, 'Watch', undefined, { channel: 'mine' })
    t.equal(await nobody.over, codes.UNAUTHENTICATED)
  })

  await t.test('HTTP/1.1 has Watch, and no Sync', async (t) => {
    const post = (rpc: string, type: string, message: object) => {
      const json = Buffer.from(JSON.stringify(message))
      const head = Buffer.alloc(5)
      head.writeUInt32BE(json.length, 1)
      return fetch(`http://${loopback}:${port}/todos.v1.LiveService/${rpc}`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: Buffer.concat([head, json]),
      })
    }
    for (const type of ['application/connect+json', 'application/grpc-web+json']) {
      const answer = await post('Watch', type, { channel: 'todos' })
      const reader = answer.body?.getReader()
      const first = await reader?.read()
      t.match(Buffer.from(first?.value ?? []).toString(), /"subscribed":/, type)
      await reader?.cancel()
      t.equal((await post('Sync', type, {})).status, 505)
    }
  })

  await t.test('a server that leaves sends clients elsewhere', async (t) => {
    const finn = await user('finn')
    const watch = open(t, port, 'Watch', undefined, { channel: 'todos' })
    const sync = open(t, port, 'Sync', finn)
    await eventually(
      async () => (await fetch(`http://${loopback}:${server.metricsPort}/metrics`)).text(),
      (text) => /^todos_live_clients\{transport="grpc"\} 1$/m.test(text),
    )
    await eventually(
      () => [watch.received.length, sync.received.length],
      (counts) => counts.every((count) => count > 0),
    )
    await server.stop()
    t.equal(await watch.over, codes.UNAVAILABLE)
    t.equal(await sync.over, codes.UNAVAILABLE)
    t.match(String(watch.error()?.metadata.get('grpc-status-details-bin')), 'RetryInfo')
    unread.call.resume()
    t.equal(await unread.over, codes.UNAVAILABLE, 'who read nothing did not hold it')
  })
})

type Named = { readonly id: string }

const versionIn =
  (kind: 'subscribed' | 'gap') =>
  (message: Fields): number | undefined => {
    const event = message['event'] as Fields | null | undefined
    return (event?.[kind] as { readonly version: number } | null | undefined)?.version
  }

type User = {
  readonly token: string
  readonly refreshToken: string
  readonly as: { readonly metadata: { readonly authorization: string } }
}

const logIn = async (call: Call, email: string): Promise<User> => {
  await call('todos.v1.AccountService/Register', { email, password })
  const session = await call('todos.v1.AccountService/Login', { email, password })
  if (session.kind === 'error') throw session.error
  const token = String(session.message['access_token'])
  const refreshToken = String(session.message['refresh_token'])
  return { token, refreshToken, as: { metadata: { authorization: `Bearer ${token}` } } }
}
