// gRPC through a real Nginx, L7 and L4, to the listener that a server has, with an application of the
// test's own behind it: what reaches it, what Nginx answers by itself, and what it must not cut.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { DescService } from '@bufbuild/protobuf'
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect'
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node'
import { status as codes } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { readConfig } from '../lib/runtime/config/config.ts'
import { startNginx, type NginxMode } from '../scripts/stack/nginx.ts'
import { freePort, loopback } from '../scripts/stack/ports.ts'
import {
  createReply,
  createStreamed,
  type App,
  type Request,
} from '../server/http/engines/engine.ts'
import { eventually } from '../testing/eventually.ts'
import { openStream } from '../testing/grpc-stream.ts'
import { contract, grpcClient, serveGrpc, todo } from '../testing/grpc.ts'
import { orSkip, testDirectory } from '../testing/services.ts'

const noSuchTodo = '{"type":"/docs/problems/no-such-todo","title":"","detail":"no such todo"}'
const todos = 'todos.v1.TodoService'
const listTodos = `${todos}/ListTodos`
const createOwn = 'todos.v1.PersonalTodoService/CreateOwnTodo'
const create = { create_own_todo: { title: 'Buy milk' } }

/** Lists, todos that are made at once, none that is found, and a channel in which `say` says something. */
const createApp = () => {
  const seen: Request[] = []
  const channels = new Set<(part: string) => void>()
  const channel = (): AsyncIterable<Buffer> => {
    const parts = ['id: a.0\nevent: subscribed\ndata: {}\n\n']
    let wake = () => {}
    const push = (part: string) => {
      parts.push(part)
      wake()
    }
    channels.add(push)
    return {
      [Symbol.asyncIterator]: () => ({
        async next() {
          while (parts.length === 0) await new Promise<void>((resolve) => (wake = resolve))
          return { done: false as const, value: Buffer.from(parts.shift() as string) }
        },
        return() {
          channels.delete(push)
          return Promise.resolve({ done: true as const, value: undefined })
        },
      }),
    }
  }
  const handle: App['handle'] = (request) => {
    seen.push(request)
    if (request.path.endsWith('/events')) return createStreamed(200, [], channel())
    if (request.path.endsWith('/none')) return createReply(404, [], noSuchTodo)
    if (request.method === 'GET') return createReply(200, [], '[]')
    return createReply(201, ['ETag', '"1"'], JSON.stringify(todo))
  }
  return {
    handle,
    seen,
    watching: () => channels.size,
    say(kind: string) {
      for (const push of channels)
        push(`id: a.1\ndata: ${JSON.stringify({ kind, by: 'ann', revision: 1, todo })}\n\n`)
    },
  }
}

/** Undefined, and the test skipped, without Nginx. */
const start = async (
  t: Test,
  mode: NginxMode,
  ports: readonly number[],
  edit: (template: string) => string = (template) => template,
) => {
  const directory = await testDirectory(t)
  const grpcUpstreams = ports.map((port) => `${loopback}:${port}`)
  const nginx = await orSkip(t, () =>
    startNginx({ directory, mode, upstreams: [`${loopback}:9`], grpcUpstreams, edit }),
  )
  if (nginx) t.teardown(() => nginx.stop())
  return nginx
}

for (const mode of ['http', 'stream'] as const) {
  t.test(`${mode}: calls and streams pass, and their ends`, async (t) => {
    const app = createApp()
    const { port } = await serveGrpc(t, app.handle)
    const nginx = await start(t, mode, [port])
    if (!nginx) return
    const call = grpcClient(t, nginx.grpcPort)
    const forged = { metadata: { 'x-forwarded-for': '6.6.6.6', 'x-request-id': 'mine-1' } }
    const listed = await call(listTodos, { limit: 1 }, forged)
    t.match(listed, { kind: 'ok', message: { todos: [] } })
    const [first] = app.seen
    const isHttp = mode === 'http'
    t.equal(first?.header('x-forwarded-for'), isHttp ? loopback : '6.6.6.6', 'whose call it is')
    t.equal(first?.header('x-request-id'), 'mine-1')
    if (isHttp && listed.kind === 'ok') t.same(listed.metadata.get('x-request-id'), ['mine-1'])
    t.match(await call(`${todos}/ReadTodo`, { id: 'none' }), {
      error: { code: codes.NOT_FOUND, details: 'no such todo' },
    })
    t.match(await call('grpc.health.v1.Health/Check'), { message: { status: 'SERVING' } })
    t.match(await call(createOwn, { title: 'x'.repeat(5_000_000) }), {
      error: { code: codes.RESOURCE_EXHAUSTED },
    })

    const watch = openStream(t, nginx.grpcPort, 'Watch', undefined, { channel: 'todos' })
    const sync = openStream(t, nginx.grpcPort, 'Sync')
    sync.write({ subscribe: { channel: 'todos' } })
    for (const stream of [watch, sync])
      await eventually(stream.kinds, (kinds) => kinds.length === 1)
    app.say('created')
    for (const stream of [watch, sync]) {
      await eventually(stream.kinds, (kinds) => kinds.length === 2)
      t.same(stream.kinds(), ['subscribed', 'created'])
    }
    watch.call.cancel()
    await eventually(app.watching, (count) => count === 1)
    // More in all than Nginx lets one request of REST have.
    const long = { create_own_todo: { title: 'Buy milk', description: 'x'.repeat(40_000) } }
    for (let i = 0; i < 30; i++) t.match(await sync.run(long), { outcome: 'applied' })
    sync.call.end()
    t.equal(await sync.over, codes.OK)
  })
}

/** Connect's client, whose types would come from code that is not generated here. */
const todosOf = (transport: Transport) =>
  createClient(
    contract.registry.getService(todos) as DescService,
    transport,
  ) as unknown as Readonly<Record<string, (message: object) => Promise<unknown>>>

const transports = {
  gRPC: (grpcPort: number) => createGrpcTransport({ baseUrl: `http://${loopback}:${grpcPort}` }),
  'Connect by HTTP/2': (grpcPort: number) =>
    createConnectTransport({ baseUrl: `http://${loopback}:${grpcPort}`, httpVersion: '2' }),
  'Connect by HTTP/1.1': (_: number, port: number) =>
    createConnectTransport({ baseUrl: `http://${loopback}:${port}`, httpVersion: '1.1' }),
  'gRPC-Web by HTTP/1.1': (_: number, port: number) =>
    createGrpcWebTransport({ baseUrl: `http://${loopback}:${port}`, httpVersion: '1.1' }),
}

t.test('each protocol passes L7, and each is told when no server answers', async (t) => {
  const app = createApp()
  const { port } = await serveGrpc(t, app.handle)
  const nginx = await start(t, 'http', [port])
  const alone = await start(t, 'http', [await freePort()])
  const without = await start(t, 'http', [])
  if (!nginx || !alone || !without) return
  for (const [name, transport] of Object.entries(transports)) {
    const ask = (at: typeof nginx) =>
      todosOf(transport(at.grpcPort, at.port))['listTodos']?.({ limit: 1 })
    t.match(await ask(nginx), { todos: [] }, name)
    for (const at of [alone, without]) {
      const error = ConnectError.from(await ask(at)?.catch((error: unknown) => error))
      t.match(error, { code: Code.Unavailable, rawMessage: 'no server answers' }, name)
    }
  }
  t.match(await grpcClient(t, alone.grpcPort)(listTodos, { limit: 1 }), {
    error: { code: codes.UNAVAILABLE, details: 'no server answers' },
  })
  const watch = openStream(t, alone.grpcPort, 'Watch', undefined, { channel: 'todos' })
  t.equal(await watch.over, codes.UNAVAILABLE)

  const events = await fetch(`${nginx.url}/todos.v1.LiveService/Watch`, {
    method: 'POST',
    headers: { 'content-type': 'application/connect+json' },
    body: Buffer.from('\0\0\0\0\x13{"channel":"todos"}'),
  })
  const reader = events.body?.getReader()
  t.match(Buffer.from((await reader?.read())?.value ?? []).toString(), /"subscribed":/)
  await reader?.cancel()
  await eventually(app.watching, (count) => count === 0)
})

t.test('L4: no server is UNAVAILABLE too', async (t) => {
  const nginx = await start(t, 'stream', [await freePort()])
  if (!nginx) return
  t.match(await grpcClient(t, nginx.grpcPort)(listTodos, { limit: 1 }), {
    error: { code: codes.UNAVAILABLE },
  })
})

t.test('a call is tried again when it was not sent, and never when it was', async (t) => {
  const app = createApp()
  const { port } = await serveGrpc(t, app.handle)
  const nginx = await start(t, 'http', [await freePort(), port])
  if (!nginx) return
  const call = grpcClient(t, nginx.grpcPort)
  for (let i = 0; i < 6; i++) t.match(await call(createOwn, todo), { kind: 'ok' })

  let taken = 0
  const dying = createServer((socket) => {
    taken++
    socket.once('data', () => socket.destroy())
    socket.on('error', () => {})
  }).listen(0, loopback)
  await once(dying, 'listening')
  t.teardown(() => dying.close())
  const { port: dyingPort } = dying.address() as { readonly port: number }
  const half = await start(t, 'http', [dyingPort, port])
  if (!half) return
  const before = app.seen.length
  const outcomes = []
  for (let i = 0; i < 6; i++) outcomes.push(await grpcClient(t, half.grpcPort)(createOwn, todo))
  const failed = outcomes.filter((one) => one.kind === 'error')
  t.ok(taken > 0)
  t.equal(failed.length, taken, 'each that was sent there has failed')
  for (const one of failed) t.match(one, { error: { code: codes.UNAVAILABLE } })
  t.equal(app.seen.length - before, outcomes.length - taken, 'and none of them was made after all')
})

t.test('who is silent is not cut: the client never, the server while it answers', async (t) => {
  const app = createApp()
  const [pinging, silent] = [
    await serveGrpc(t, app.handle, { keepAliveIntervalMs: 100 }),
    await serveGrpc(t, app.handle),
  ]
  const impatient = (template: string) =>
    template
      .replace(/grpc_read_timeout \w+/, 'grpc_read_timeout 3s')
      .replace('client_body_timeout 10s', 'client_body_timeout 1s')
  const [kept, cut] = [
    await start(t, 'http', [pinging.port], impatient),
    await start(t, 'http', [silent.port], impatient),
  ]
  if (!kept || !cut) return
  const openBoth = async ({ grpcPort }: typeof kept) => {
    const watch = openStream(t, grpcPort, 'Watch', undefined, { channel: 'todos' })
    const sync = openStream(t, grpcPort, 'Sync')
    t.match(await sync.run(create), { outcome: 'applied' })
    await eventually(watch.kinds, (kinds) => kinds.length === 1)
    return { watch, sync }
  }
  const streams = await openBoth(kept)
  const others = await openBoth(cut)
  for (const stream of Object.values(others))
    t.equal(await stream.over, codes.INTERNAL, 'what a server that is gone leaves behind')
  t.match(await streams.sync.run(create), { outcome: 'applied' })
  app.say('created')
  await eventually(streams.watch.kinds, (kinds) => kinds.length === 2)
})

t.test('the times that Nginx allows are those of the API', async (t) => {
  const template = readFileSync(new URL('http.conf', import.meta.url), 'utf8')
  const msOf = (directive: string, from = template) => {
    const [, value, unit = ''] = new RegExp(`^ *${directive} (\\d+)([smd]);`, 'm').exec(from) ?? []
    return Number(value) * ({ s: 1_000, m: 60_000, d: 86_400_000 }[unit] ?? NaN)
  }
  const config = readConfig({}, 'worker')
  const grpcMs = msOf('grpc_read_timeout')
  t.ok(grpcMs > config.GRPC_KEEP_ALIVE_INTERVAL_MS + config.GRPC_KEEP_ALIVE_TIMEOUT_MS)
  const beatsTooLate = (ms: number) => () => readConfig({ LIVE_HEARTBEAT_MS: String(ms) }, 'worker')
  for (const ms of [grpcMs, msOf('proxy_read_timeout')])
    t.throws(beatsTooLate(ms), 'no heartbeat may come later')
  const grpc = template.slice(template.indexOf('location /todos.v1. {'))
  t.ok(msOf('send_timeout', grpc) > config.HTTP_WRITE_STALL_TIMEOUT_MS)
  t.match(template, `http2_max_concurrent_streams ${config.GRPC_STREAMS_MAX};`)
})
