// Clients that others wrote hear of what is written over REST: Python's websockets, Node's WebSocket, ws, a
// browser's WebSocket and EventSource, curl, @grpc/grpc-js. From the write through log, worker and events to each:
// the node engine on the real stack, the uws engine on the embedded one. A stranger hears nothing.

import { status as codes } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { positionOf } from '../../lib/domain/event.ts'
import { buildContract } from '../../scripts/contract.ts'
import { freePort } from '../../scripts/stack/ports.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { loggedIn, startAuthServer } from '../auth-client.ts'
import { eventually } from '../eventually.ts'
import { openStream } from '../grpc-stream.ts'
import { grpcClient, type Fields } from '../grpc.ts'
import type { ForeignClient, ForeignSocket, Message } from '../live/clients/bridge.ts'
import { startBrowser, type Browser } from '../live/clients/browser.ts'
import { browserClient, browserEvents, servePages } from '../live/clients/pages.ts'
import { curlEvents, pythonClient, type EventStreamReader } from '../live/clients/programs.ts'
import { nodeClient, wsClient } from '../live/clients/speak.ts'
import { orSkip, testStacks } from '../services.ts'

type Todo = { readonly kind: string; readonly revision: number; readonly id: string }

/** What one heard of the channels that it watches; fails when an event is missing or comes twice. */
const createEar = (t: Test, name: string) => {
  const positions = new Map<string, string>()
  const todos: Todo[] = []
  const take = (channel: string, position: string, data: unknown) => {
    const [before, now] = [positionOf(positions.get(channel) ?? ''), positionOf(position)]
    if (before && now && (now.epoch !== before.epoch || now.number !== before.number + 1))
      t.fail(`${name}: ${channel}: ${position} after ${positions.get(channel)}`)
    positions.set(channel, position)
    const { kind, revision, todo, id } = data as Todo & { readonly todo?: { readonly id: string } }
    todos.push({ kind, revision, id: todo?.id ?? id })
  }
  return {
    positions,
    /** Kind and revision of each event of a todo. */
    of: (id: string) =>
      todos.filter((one) => one.id === id).map((one) => `${one.kind} ${one.revision}`),
    onMessage(message: Message) {
      const { type, channel, position } = message as unknown as Record<string, string>
      if (type === 'gap' || type === 'problem') t.fail(`${name}: ${JSON.stringify(message)}`)
      if (type === 'subscribed')
        positions.set(channel as string, positions.get(channel as string) ?? (position as string))
      if (type === 'event') take(channel as string, position as string, message['data'])
    },
    onStreamEvent(
      channel: string,
      { event, id, data }: { readonly event: string; readonly id: string; readonly data: string },
    ) {
      if (event === 'gap') t.fail(`${name}: ${data}`)
      if (event === 'subscribed') positions.set(channel, positions.get(channel) ?? id)
      if (event === 'message') take(channel, id, JSON.parse(data))
    },
  }
}
type Ear = ReturnType<typeof createEar>

/** Reads until `isSo`. */
const hearUntil = async (socket: ForeignSocket, ear: Ear, isSo: (message: Message) => boolean) => {
  for (;;) {
    const message = await socket.next()
    ear.onMessage(message)
    if (isSo(message)) return message
    if (message.type === 'closed') throw new Error(`closed: ${JSON.stringify(message)}`)
  }
}
const readUntil = async (
  stream: EventStreamReader,
  ear: Ear,
  channel: string,
  isSo: () => boolean,
) => {
  while (!isSo()) {
    const event = await stream.next()
    if (!event) throw new Error('the stream has ended')
    ear.onStreamEvent(channel, event)
  }
}

void t.test('clients that others wrote', async (t) => {
  const browser = await orSkip(t, () => startBrowser(t))
  const python = await orSkip(t, () => pythonClient(t))
  if (!browser || !python) return
  buildContract()
  for (const [engine, stack] of [
    ['uws', 'embedded'],
    ['node', 'real'],
  ] as const) {
    await t.test(`${engine} engine, ${stack} stack`, async (t) => {
      const settings = await testStacks[stack]?.(t)
      if (settings) await clientsHear(t, browser, python, { HTTP_ENGINE: engine, ...settings })
    })
  }
})

const clientsHear = async (
  t: Test,
  browser: Browser,
  python: ForeignClient,
  settings: Readonly<Record<string, string>>,
) => {
  const pages = await servePages(t)
  const { server, client, sql, env } = await startAuthServer(t, {
    COMMAND_LOG: 'kafka',
    LIST_CACHE: 'redis',
    ...settings,
    HTTP_PORT: String(await freePort()),
    GRPC_PORT: '0',
    CORS_ORIGINS: pages.origin,
    LIVE_RECONNECT_SPREAD_MS: '500',
    LIVE_MESSAGE_BYTES_MAX: '2000',
  })
  const worker = await startWorker(env)
  t.teardown(() => worker.stop())
  const base = `http://127.0.0.1:${server.port}`
  const live = `${base.replace('http', 'ws')}/v1/live`

  const [ann, bob, carl] = [
    await loggedIn(client, 'ann@x.y'),
    await loggedIn(client, 'bob@x.y'),
    await loggedIn(client, 'carl@x.y'),
  ]
  const made = await client.send('POST', '/api/teams', ann.accessToken, { name: 'one' })
  const team = made.member('id')
  await sql`
    INSERT INTO team_members (team_id, user_id, role)
    SELECT ${team}, id, 'member' FROM users WHERE email = 'bob@x.y'`
  const paths: Readonly<Record<string, string>> = {
    todos: '/todos',
    mine: '/api/todos',
    [`team:${team}`]: `/api/teams/${team}/todos`,
  }
  const channels = Object.keys(paths)
  const send = async (method: string, path: string, body?: object) => {
    const answer = await fetch(base + path, {
      method,
      headers: {
        authorization: `Bearer ${ann.accessToken}`,
        prefer: 'respond-async',
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    t.equal(answer.status, 202, `${method} ${path}`)
    return (await answer.json()) as { readonly id: string }
  }
  const create = async (channel: string) =>
    (await send('POST', paths[channel] as string, { title: channel })).id
  const createAll = () => Promise.all(channels.map(create))

  const driven = await browser.open(pages.origin)
  const clients = [wsClient(), nodeClient(), python, browserClient(driven)]
  const subscribe = (socket: ForeignSocket, ear: Ear) => {
    for (const channel of channels)
      socket.send({ type: 'subscribe', channel, since: ear.positions.get(channel) })
  }
  const isLastSubscribed = ({ type, channel }: Message) =>
    type === 'subscribed' && channel === channels.at(-1)
  const watchers = await Promise.all(
    clients.map(async (one) => {
      const ear = createEar(t, one.name)
      const socket = one.connect(live)
      t.equal(await socket.opened, '', `${one.name}: without a protocol`)
      socket.send({ type: 'authenticate', token: ann.accessToken })
      subscribe(socket, ear)
      await hearUntil(socket, ear, isLastSubscribed)
      return { one, ear, socket }
    }),
  )
  const stranger = python.connect(live, ['todos.v1', `bearer.${carl.accessToken}`])
  t.equal(await stranger.opened, 'todos.v1')
  for (const channel of ['mine', `team:${team}`]) stranger.send({ type: 'subscribe', channel })
  for (const type of ['welcome', 'authenticated', 'subscribed', 'problem'])
    t.match(await stranger.next(), { type }, `the stranger: ${type}`)

  const source = await browser.open(pages.origin)
  const publicTodos = `${base}/v1/events?channel=todos`
  const streams = [
    {
      channel: 'todos',
      ear: createEar(t, 'EventSource'),
      stream: await browserEvents(source, publicTodos),
    },
    ...channels.map((channel) => ({
      channel,
      ear: createEar(t, `curl of ${channel}`),
      stream: curlEvents(
        t,
        `${base}/v1/events?channel=${channel}`,
        `Authorization: Bearer ${ann.accessToken}`,
      ),
    })),
  ]
  for (const { stream, ear, channel } of streams)
    await readUntil(stream, ear, channel, () => ear.positions.has(channel))

  /** A stream that goes on behind what was heard. */
  const comeBack = ({ channel, ear }: (typeof streams)[number]) =>
    curlEvents(
      t,
      `${base}/v1/events?channel=${channel}`,
      `Authorization: Bearer ${ann.accessToken}`,
      `Last-Event-ID: ${ear.positions.get(channel)}`,
    )

  const allHear = async (ids: readonly string[], expected: readonly string[]) => {
    const isHeard = (ear: Ear, id: string) => ear.of(id).length >= expected.length
    for (const { socket, ear, one } of watchers) {
      if (!ids.every((id) => isHeard(ear, id)))
        await hearUntil(socket, ear, () => ids.every((id) => isHeard(ear, id)))
      for (const id of ids) t.same(ear.of(id), expected, one.name)
    }
    for (const { stream, ear, channel } of streams) {
      const id = ids[channels.indexOf(channel)] as string
      await readUntil(stream, ear, channel, () => isHeard(ear, id))
      t.same(ear.of(id), expected, `the stream of ${channel}`)
    }
  }

  await t.test('each change of a todo, in its order', async () => {
    const ids = await createAll()
    await Promise.all(
      channels.map(async (channel, i) => {
        const path = `${paths[channel]}/${ids[i]}`
        await send('PATCH', path, { title: 'changed' })
        await send('DELETE', path)
      }),
    )
    await allHear(ids, ['created 1', 'updated 2', 'deleted 3'])
  })

  await t.test('what is missed comes first, after `since` and Last-Event-ID', async () => {
    for (const watcher of watchers) {
      watcher.socket.close(1000)
      t.equal(await watcher.socket.closed, 1000, `${watcher.one.name}: closed`)
    }
    for (const { stream } of streams.slice(1)) stream.stop()
    const missed = await createAll()
    await Promise.all(
      watchers.map(async (watcher) => {
        const { one, ear } = watcher
        watcher.socket = one.connect(live, ['todos.v1', `bearer.${ann.accessToken}`])
        t.equal(await watcher.socket.opened, 'todos.v1', one.name)
        subscribe(watcher.socket, ear)
      }),
    )
    for (const one of streams.slice(1)) one.stream = comeBack(one)
    await allHear(missed, ['created 1'])
    await allHear(await createAll(), ['created 1'])
  })

  await t.test('who is refused, and how a socket is closed', async (t) => {
    const foreignPage = browserClient(await browser.open(pages.foreignOrigin))
    const protocols = ['todos.v1', `bearer.${ann.accessToken}`]
    for (const one of [...clients, foreignPage]) {
      const isForeign = one === foreignPage
      if (one.canChooseOrigin || isForeign)
        t.equal(
          await one.connect(live, protocols, isForeign ? undefined : 'https://evil.example').opened,
          undefined,
          `${one.name}: another origin`,
        )
      if (isForeign) continue
      t.equal(
        await one.connect(live, ['todos.v1', 'bearer.x']).opened,
        undefined,
        `${one.name}: a wrong token`,
      )
      t.equal(await one.connect(live, ['other']).opened, undefined, `${one.name}: another protocol`)
      const closedBy = async (breakRule: (socket: ForeignSocket) => void) => {
        const socket = one.connect(live, protocols, pages.origin)
        t.equal(await socket.opened, 'todos.v1', one.name)
        breakRule(socket)
        return socket.closed
      }
      t.equal(await closedBy((socket) => socket.sendBinary('{}')), 1003, `${one.name}: binary`)
      // The uws binary closes without a word.
      const tooLarge = settings['HTTP_ENGINE'] === 'node' ? 1009 : 1006
      t.equal(
        await closedBy((socket) => socket.send({ type: 'x'.repeat(2_001) })),
        tooLarge,
        `${one.name}: too large`,
      )
      const floods = (socket: ForeignSocket) => {
        for (let i = 0; i < 150; i++) socket.send({ type: 'ping' })
      }
      t.equal(await closedBy(floods), 1008, `${one.name}: too many`)
    }
  })

  await t.test('two people, two browsers, one list', async (t) => {
    const people = await Promise.all(
      [ann, bob].map(async ({ accessToken }) => {
        const page = await browser.open(`${pages.origin}/team`)
        const seen: string[] = []
        let wake = () => {}
        page.onReport((line) => {
          seen.push(line)
          wake()
        })
        const see = async (line: string) => {
          while (!seen.includes(line)) await new Promise<void>((resolve) => (wake = resolve))
        }
        const where = `${JSON.stringify(base)}, ${JSON.stringify(accessToken)}`
        await page.evaluate(`watch(${where}, 'team:${team}')`)
        await see('watching')
        const write = (title: string) =>
          page.evaluate(
            `write(${where}, ${JSON.stringify(paths[`team:${team}`])}, ${JSON.stringify(title)})`,
          )
        return { page, seen, see, write }
      }),
    )
    const [anns, bobs] = people as [(typeof people)[0], (typeof people)[0]]
    await anns.write('salt')
    await bobs.see('created: salt')
    await bobs.write('pepper')
    await anns.see('created: pepper')
    const [row] = await sql<{ id: string }[]>`SELECT id FROM users WHERE email = 'bob@x.y'`
    const removed = await client.send(
      'DELETE',
      `/api/teams/${team}/members/${row?.id}`,
      ann.accessToken,
    )
    t.equal(removed.status, 204)
    await bobs.see('watching no more: access-ended')
    t.ok((await bobs.write('thyme')) !== 201, 'nor may he write')
    await anns.write('sugar')
    await anns.see('created: sugar')
    const shown = async ({ page }: (typeof people)[0]) =>
      String(await page.evaluate(`document.getElementById('seen').innerText`)).split('\n')
    const both = ['watching', 'created: salt', 'created: pepper']
    t.same(await shown(anns), [...both, 'created: sugar'], 'what Ann saw')
    t.same(await shown(bobs), [...both, 'watching no more: access-ended'], 'what Bob saw')
    t.comment(`Ann saw: ${(await shown(anns)).join(', ')}`)
    t.comment(`Bob saw: ${(await shown(bobs)).join(', ')}`)
  })

  await t.test('gRPC: what REST writes is heard, what Sync writes is applied', async (t) => {
    const port = server.grpcPort
    const as = { metadata: { authorization: `Bearer ${ann.accessToken}` } }
    const watch = openStream(t, port, 'Watch', { as }, { channel: 'mine' })
    await eventually(watch.kinds, (kinds) => kinds.includes('subscribed'))
    const isCreated = (id: unknown) => (message: Fields) => {
      const event = message['event'] as Fields | null
      const created = event?.['created'] as { readonly todo: { readonly id: string } } | null
      return created?.todo.id === id ? message : undefined
    }
    const byRest = await create('mine')
    await watch.next(isCreated(byRest))

    const sync = openStream(t, port, 'Sync', { as })
    const made = await sync.run({ create_own_todo: { title: 'by Sync' } })
    t.match(made, { outcome: 'applied' })
    const { todo_id: bySync } = made['applied'] as { readonly todo_id: string }
    await watch.next(isCreated(bySync))
    sync.call.end()
    t.equal(await sync.over, codes.OK)

    const call = grpcClient(t, port)
    t.match(await call('todos.v1.PersonalTodoService/ListOwnTodos', { limit: 2 }, as), {
      message: { todos: [{ id: bySync }, { id: byRest }] },
    })
    const inPublic = await create('todos')
    await eventually(
      () => call('todos.v1.TodoService/ListTodos', { limit: 10 }),
      (listed) => JSON.stringify(listed).includes(inPublic),
    )
  })

  await t.test('over a restart, with something written meanwhile', async () => {
    // The log has it, the worker applies it when no server is there.
    worker.process.kill('SIGSTOP')
    const missed = await createAll()
    await server.stop()
    worker.process.kill('SIGCONT')
    for (const { one, socket, ear } of watchers) {
      await hearUntil(socket, ear, ({ type }) => type === 'reconnect')
      t.equal(await socket.closed, 1001, `${one.name}: going away`)
    }
    const again = await startServer(env)
    t.teardown(() => again.stop())
    for (const watcher of watchers) {
      watcher.socket = watcher.one.connect(live, ['todos.v1', `bearer.${ann.accessToken}`])
      t.equal(await watcher.socket.opened, 'todos.v1', watcher.one.name)
      subscribe(watcher.socket, watcher.ear)
    }
    for (const one of streams.slice(1)) {
      const said: string[] = []
      for (let event = await one.stream.next(); event; event = await one.stream.next()) {
        one.ear.onStreamEvent(one.channel, event)
        said.push(event.event)
      }
      t.equal(said.at(-1), 'reconnect', `curl of ${one.channel}`)
      one.stream = comeBack(one)
    }
    await allHear(missed, ['created 1'])
    await allHear(await createAll(), ['created 1'])
    t.match(
      stranger.rest(),
      [{ type: 'reconnect' }, { type: 'closed' }],
      'the stranger has heard of no todo',
    )
  })
}
