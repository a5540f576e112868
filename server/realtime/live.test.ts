// Live updates as clients see them, on both engines: what is let in, what is watched, what comes back after
// a break, what is taken away, and what a client that does not read costs.

import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { engineNames } from '../../testing/engines/harness.ts'
import { eventually } from '../../testing/eventually.ts'
import { connectLive } from '../../testing/live/live-client.ts'
import { makeRoom } from './live.ts'
import { serveLive } from '../../testing/live/live-server.ts'
import { createMemorySignals } from '../../testing/live/memory-signals.ts'

const body = (number: number, padding = '') => JSON.stringify({ kind: 'created', number, padding })

for (const engine of engineNames) {
  void t.test(`${engine}: a channel is watched, by name`, async (t) => {
    const { port, events, members } = await serveLive(t, engine)
    const anybody = await connectLive(t, port, { path: '/live' })
    anybody.send({ type: 'subscribe', id: 'a', channel: 'todos' })
    t.same(await anybody.next(), {
      type: 'subscribed',
      id: 'a',
      channel: 'todos',
      position: 'e1.0',
      version: 1,
    })
    events.append('todos', body(1), body(2))
    t.same(await anybody.next(), {
      type: 'event',
      channel: 'todos',
      position: 'e1.1',
      data: { kind: 'created', number: 1, padding: '' },
    })
    t.match(await anybody.next(), { position: 'e1.2' })

    anybody.send({ type: 'subscribe', channel: 'mine' })
    t.match(await anybody.next(), { type: 'problem', problem: { status: 401 } })
    anybody.send({ type: 'authenticate', id: 'b', token: 'nonsense' })
    t.match(await anybody.next(), { type: 'problem', id: 'b', problem: { status: 401 } })
    anybody.send({ type: 'authenticate', token: 'token-ann' })
    t.same(await anybody.next(), { type: 'authenticated', user_id: 'ann' })
    anybody.send({ type: 'authenticate', token: 'token-bob' })
    t.match(await anybody.next(), { type: 'problem', problem: { status: 400, field: 'token' } })
    anybody.send({ type: 'subscribe', channel: 'mine' })
    t.match(await anybody.next(), { type: 'subscribed', channel: 'mine' })
    events.append('user:bob', body(1))
    events.append('user:ann', body(2))
    t.match(await anybody.next(), { type: 'event', channel: 'mine', data: { number: 2 } })

    anybody.send({ type: 'subscribe', channel: 'team:1' })
    t.match(await anybody.next(), { type: 'problem' }, 'not a member')
    members.add('1 ann')
    anybody.send({ type: 'subscribe', channel: 'team:1' })
    t.match(await anybody.next(), { type: 'subscribed', channel: 'team:1' })

    anybody.send({ type: 'unsubscribe', id: 'c', channel: 'todos' })
    t.same(await anybody.next(), {
      type: 'unsubscribed',
      id: 'c',
      channel: 'todos',
      reason: 'asked',
    })
    events.append('todos', body(3))
    anybody.send({ type: 'ping', id: 'd' })
    t.same(await anybody.next(), { type: 'pong', id: 'd' })
    t.equal(events.listeners('todos'), 0)
    anybody.socket.close()
    await eventually(
      () => events.listeners('user:ann') + events.listeners('team:1'),
      (count) => count === 0,
    )
  })

  void t.test(`${engine}: one join for all who watch`, async (t) => {
    const { port, events, live } = await serveLive(t, engine)
    const clients = await Promise.all(Array.from({ length: 20 }, () => connectLive(t, port)))
    for (const client of clients) client.send({ type: 'subscribe', channel: 'todos' })
    for (const client of clients) await client.next('subscribed')
    t.equal(events.joins(), 1)
    t.equal(events.listeners('todos'), 1)
    t.match(live.counts, { clients: { websocket: 20 }, subscriptions: 20 })
    events.append('todos', body(1))
    for (const client of clients) t.match(await client.next(), { type: 'event' })
    for (const client of clients) client.socket.close()
    await eventually(
      () => live.counts.clients.websocket,
      (count) => count === 0,
    )
    t.match(live.counts, { subscriptions: 0, sent: { websocket: 20 } })
  })

  void t.test(`${engine}: who comes back gets what he missed, once and in order`, async (t) => {
    const { port, events, store } = await serveLive(t, engine)
    const bodies = Array.from({ length: 50 }, (_, i) => body(i + 1))
    events.append('todos', ...bodies)
    const watcher = await connectLive(t, port)
    watcher.send({ type: 'subscribe', channel: 'todos' })
    await watcher.next('subscribed')
    const client = await connectLive(t, port)
    client.send({ type: 'subscribe', channel: 'todos', since: 'e1.20' })
    t.same(await client.next(), { type: 'subscribed', channel: 'todos', position: 'e1.20' })
    events.append('todos', body(51))
    for (let i = 21; i <= 51; i++) t.match(await client.next(), { position: `e1.${i}` })
    t.same(client.rest(), [])
    t.equal(events.listeners('todos'), 1, 'one join stays')

    for (const since of ['e2.3', 'e1.x', 'nothing', 7]) {
      client.send({ type: 'unsubscribe', channel: 'todos' })
      await client.next('unsubscribed')
      client.send({ type: 'subscribe', channel: 'todos', since })
      if (since === 'e2.3') {
        t.match(await client.next(), { type: 'subscribed', position: since }, 'where he was')
        t.same(
          await client.next(),
          { type: 'gap', channel: 'todos', position: 'e1.51', version: 1 },
          'of another epoch',
        )
      } else t.match(await client.next(), { type: 'problem', problem: { field: 'since' } })
    }
    events.append('todos', ...Array.from({ length: 1_000 }, (_, i) => body(i)))
    client.send({ type: 'subscribe', channel: 'todos', since: 'e1.20' })
    t.match(await client.next(), { type: 'subscribed', position: 'e1.20' })
    t.match(await client.next(), { type: 'gap', position: 'e1.1051' }, 'too long ago')
    store.version = 2
    events.forget('todos')
    t.match(await client.next(), { type: 'gap', position: 'e1x.1051', version: 2 })
  })

  void t.test(`${engine}: what is no message is refused, and the socket goes on`, async (t) => {
    const { port, events, store } = await serveLive(t, engine)
    const client = await connectLive(t, port)
    for (const [text, field] of [
      ['', 'message'],
      ['{', 'message'],
      ['[]', 'message'],
      ['null', 'message'],
      ['{}', 'type'],
      ['{"type":"toString"}', 'type'],
      ['{"type":"subscribe"}', 'channel'],
      ['{"type":"subscribe","channel":7}', 'channel'],
      ['{"type":"subscribe","channel":"nothing"}', 'channel'],
      ['{"type":"subscribe","channel":"team"}', 'channel'],
      [`{"type":"subscribe","channel":"${'x'.repeat(101)}"}`, 'channel'],
      ['{"type":"ping","id":"a b"}', 'id'],
      ['{"type":"authenticate","token":""}', 'Authorization'],
    ] as const) {
      client.socket.send(text)
      const message = await client.next()
      t.equal(message.type, 'problem', text)
      if (field !== 'Authorization') t.match(message, { problem: { field } }, text)
    }
    client.send({ type: 'subscribe', channel: 'todos' })
    await client.next('subscribed')
    client.send({ type: 'subscribe', channel: 'todos' })
    t.match(await client.next(), { type: 'problem', problem: { field: 'channel' } }, 'twice')
    events.failWith(new Error('down'))
    client.send({ type: 'authenticate', token: 'token-ann' })
    client.send({ type: 'subscribe', channel: 'mine' })
    t.match(await client.next('problem'), {
      problem: { type: '/docs/problems/events-unavailable' },
    })
    events.failWith(undefined)
    store.isDown = true
    client.send({ type: 'subscribe', channel: 'mine' })
    t.match(await client.next(), { problem: { type: '/docs/problems/events-unavailable' } })
    store.isDown = false
    client.send({ type: 'subscribe', channel: 'mine' })
    t.match(await client.next(), { type: 'subscribed' })
  })

  void t.test(`${engine}: bounds`, async (t) => {
    const { port, members, live } = await serveLive(t, engine, {
      clientsMax: 3,
      subscriptionsMax: 2,
      messagesPerSecMax: 2,
      messageBytesMax: 600,
    })
    const client = await connectLive(t, port, { protocols: ['todos.v1', 'bearer.token-ann'] })
    t.equal(client.socket.protocol, 'todos.v1')
    t.same(await client.next(), { type: 'authenticated', user_id: 'ann' })
    for (const id of [1, 2, 3]) {
      members.add(`${id} ann`)
      client.send({ type: 'subscribe', channel: `team:${id}` })
    }
    t.match(await client.next(), { type: 'subscribed' })
    t.match(await client.next(), { type: 'subscribed' })
    t.match(await client.next(), { problem: { type: '/docs/problems/too-many-subscriptions' } })
    for (let i = 0; i < 8; i++) client.send({ type: 'ping' })
    t.match(await client.next('problem'), { problem: { type: '/docs/problems/too-many-messages' } })
    t.equal((await client.closed)[0], 1008)

    const large = await connectLive(t, port)
    large.socket.send('x'.repeat(601))
    // The uws binary closes without a word.
    t.equal((await large.closed)[0], engine === 'node' ? 1009 : 1006)
    const binary = await connectLive(t, port)
    binary.socket.send(Buffer.from('{}'))
    t.equal((await binary.closed)[0], 1003)

    await eventually(
      () => live.counts.clients.websocket,
      (count) => count === 0,
    )
    for (let i = 0; i < 3; i++) await connectLive(t, port)
    t.equal(await refusedWith(port), 503)
    t.match(live.counts, { clients: { websocket: 3 } })
  })

  void t.test(`${engine}: what is let in`, async (t) => {
    const { port } = await serveLive(t, engine, {}, 'https://app.example')
    t.equal(await refusedWith(port, { protocols: ['other'] }), 400)
    t.equal(await refusedWith(port, { protocols: ['bearer.token-ann'] }), 400)
    t.equal(await refusedWith(port, { protocols: ['todos.v1', 'bearer.x'] }), 401)
    t.equal(await refusedWith(port, { headers: { origin: 'https://evil.example' } }), 403)
    t.equal(await refusedWith(port, { headers: { origin: 'null' } }), 403)
    t.equal(await refusedWith(port, { path: '/v1/lives' }), 404)
    t.equal(await refusedWith(port, { path: '/v1/live?token=token-ann' }), 400)
    t.equal(await refusedWith(port, { path: '/other' }), 200, 'an Upgrade that nobody takes')
    for (const origin of ['https://app.example', `http://127.0.0.1:${port}`])
      await connectLive(t, port, { headers: { origin } })
    const plain = await fetch(`http://127.0.0.1:${port}/v1/live`)
    t.equal(plain.status, 426)
    t.equal(plain.headers.get('upgrade'), 'websocket')
  })

  void t.test(`${engine}: access that ends is taken away`, async (t) => {
    const { port, live, members, ended, events } = await serveLive(t, engine)
    members.add('1 ann')
    members.add('2 ann')
    const client = await connectLive(t, port, { protocols: ['todos.v1', 'bearer.token-ann'] })
    await client.next('authenticated')
    for (const channel of ['todos', 'mine', 'team:1', 'team:2']) {
      client.send({ type: 'subscribe', channel })
      await client.next('subscribed')
    }
    live.accessEnded({ channel: 'team:1', userId: 'bob' })
    live.accessEnded({ channel: 'team:1', userId: 'ann' })
    members.delete('1 ann')
    live.accessEnded({ channel: 'team:1', userId: 'ann' })
    t.same(await client.next(), {
      type: 'unsubscribed',
      channel: 'team:1',
      reason: 'access-ended',
    })
    events.append('team:1', body(1))
    events.append('team:2', body(2))
    t.match(await client.next(), { type: 'event', channel: 'team:2' }, 'nothing of the other')

    ended.add('token-ann')
    live.sessionEnded('session-bob')
    live.sessionEnded('session-ann')
    for (const channel of ['mine', 'team:2'])
      t.same(await client.next(), { type: 'unsubscribed', channel, reason: 'token-ended' })
    events.append('todos', body(3))
    t.match(await client.next(), { type: 'event', channel: 'todos' }, 'it is public')
    client.send({ type: 'subscribe', channel: 'mine' })
    t.match(await client.next(), { type: 'problem', problem: { status: 401 } })
  })

  void t.test(`${engine}: access that ends while it is looked up is refused`, async (t) => {
    const { port, live, members, holdNext } = await serveLive(t, engine)
    members.add('1 ann')
    const client = await connectLive(t, port, { protocols: ['todos.v1', 'bearer.token-ann'] })
    await client.next('authenticated')
    const release = holdNext()
    client.send({ type: 'subscribe', id: 'a', channel: 'team:1' })
    await eventually(
      () => live.counts.subscriptions,
      (count) => count === 1,
    )
    members.delete('1 ann')
    live.accessEnded({ channel: 'team:1', userId: 'ann' })
    client.send({ type: 'ping' })
    release()
    t.match(await client.next(), { type: 'problem', id: 'a' })
    t.match(await client.next(), { type: 'pong' })
  })

  void t.test(`${engine}: who is present, and who types, in two processes`, async (t) => {
    const signals = createMemorySignals()
    const [one, other] = [
      await serveLive(t, engine, { presenceTtlMs: 3_000 }, '', signals),
      await serveLive(t, engine, { presenceTtlMs: 3_000 }, '', signals),
    ]
    for (const { members } of [one, other])
      for (const name of ['ann', 'bob', 'cid']) members.add(`1 ${name}`)
    const channel = 'team:1'
    const connect = ({ port }: typeof one, name: string) =>
      connectLive(t, port, { protocols: ['todos.v1', `bearer.token-${name}`] })
    const join = async (server: typeof one, name: string) => {
      const client = await connect(server, name)
      client.send({ type: 'subscribe', channel, presence: true })
      await client.next('subscribed')
      return client
    }
    const ann = await join(one, 'ann')
    t.same(await ann.next(), { type: 'presence', channel, users: ['ann'], count: 1 })
    const bob = await join(other, 'bob')
    t.same(await bob.next(), { type: 'presence', channel, users: ['ann', 'bob'], count: 2 })
    const change = { type: 'presence-change', channel, joined: [], left: [] }
    t.same(await ann.next(), { ...change, joined: ['bob'], count: 2 })

    const watcher = await connect(one, 'cid')
    watcher.send({ type: 'subscribe', channel })
    await watcher.next('subscribed')
    watcher.send({ type: 'typing', id: 'a', channel })
    t.match(await watcher.next(), { type: 'problem', id: 'a', problem: { field: 'channel' } })
    for (const to of ['todos', 'mine']) {
      watcher.send({ type: 'subscribe', channel: to, presence: true })
      t.match(await watcher.next(), { type: 'problem', problem: { field: 'presence' } })
    }
    watcher.send({ type: 'subscribe', channel: 'team:2', presence: true })
    t.match(await watcher.next(), { type: 'problem' }, 'not a member')
    watcher.send({ type: 'subscribe', channel: 'team:1', presence: 1 })
    t.match(await watcher.next(), { type: 'problem', problem: { field: 'presence' } })

    bob.send({ type: 'typing', channel, todo_id: 'todo-1' })
    for (let i = 0; i < 20; i++) bob.send({ type: 'typing', channel })
    const typing = { type: 'presence-typing', channel, user_id: 'bob', for_ms: 5_000 }
    t.same(await ann.next(), { ...typing, todo_id: 'todo-1' })
    bob.send({ type: 'ping' })
    t.same(await bob.next(), { type: 'pong' }, 'there is no answer, and it goes on')
    t.equal(other.live.presence.typingDropped(), 20)
    bob.send({ type: 'typing', channel, todo_id: 'a b' })
    t.match(await bob.next(), { type: 'problem', problem: { field: 'todo_id' } })

    // One user, in every way that a presence ends.
    const again = await join(one, 'bob')
    t.match(await again.next(), { type: 'presence', count: 2 })
    bob.socket.terminate()
    again.send({ type: 'unsubscribe', channel })
    t.match(await again.next(), { type: 'unsubscribed' })
    t.same(await ann.next(), { ...change, left: ['bob'], count: 1 }, 'no typing came twice')
    again.send({ type: 'subscribe', channel, presence: true })
    t.match(await ann.next(), { joined: ['bob'] })
    one.members.delete('1 bob')
    one.live.accessEnded({ channel, userId: 'bob' })
    t.match(await again.next('unsubscribed'), { reason: 'access-ended' })
    t.match(await ann.next(), { left: ['bob'] })
    const cid = await join(other, 'cid')
    t.match(await ann.next(), { joined: ['cid'] })
    other.ended.add('token-cid')
    other.live.sessionEnded('session-cid')
    t.match(await cid.next('unsubscribed'), { reason: 'token-ended' })
    t.match(await ann.next(), { left: ['cid'] })
    again.send({ type: 'typing', channel })
    t.match(await again.next(), { type: 'problem' })
    for (const client of [again, cid, watcher]) t.same(client.rest(), [], 'nothing more')

    signals.failWith('down')
    t.same(await ann.next(), { type: 'presence-unknown', channel })
    signals.failWith(undefined)
    t.same(await ann.next(), { type: 'presence', channel, users: ['ann'], count: 1 })
    ann.socket.terminate()
    await eventually(
      () => signals.listeners(channel),
      (count) => count === 0,
    )
    t.equal(one.live.presence.present() + other.live.presence.present(), 0)
  })

  void t.test(`${engine}: a hundred sockets of one user are one who is present`, async (t) => {
    const { port, members, live, signals } = await serveLive(t, engine)
    members.add('1 ann')
    members.add('1 bob')
    const channel = 'team:1'
    const join = async (name: string) => {
      const client = await connectLive(t, port, {
        protocols: ['todos.v1', `bearer.token-${name}`],
      })
      client.send({ type: 'subscribe', channel, presence: true })
      await client.next('subscribed')
      return client
    }
    const ann = await join('ann')
    t.match(await ann.next(), { count: 1 })
    const bobs = await Promise.all(Array.from({ length: 99 }, () => join('bob')))
    t.match(await ann.next(), { joined: ['bob'], count: 2 })
    for (const bob of bobs) for (let i = 0; i < 5; i++) bob.send({ type: 'typing', channel })
    t.match(await ann.next(), { type: 'presence-typing', user_id: 'bob' })
    await eventually(
      () => live.presence.typingDropped(),
      (dropped) => dropped >= 99 * 5 - 2,
    )
    for (const bob of bobs.slice(1)) bob.socket.terminate()
    await eventually(
      () => live.counts.clients.websocket,
      (count) => count === 2,
    )
    bobs[0]?.send({ type: 'unsubscribe', channel })
    t.match(await ann.next('presence-change'), { left: ['bob'], count: 1 })
    t.ok(signals.sent.length < 20, `${signals.sent.length} signals`)
  })

  void t.test(`${engine}: a client that does not read is skipped ahead`, async (t) => {
    const { port, live, events } = await serveLive(t, engine)
    const client = await connectLive(t, port)
    client.send({ type: 'subscribe', channel: 'todos' })
    await client.next('subscribed')
    client.socket.pause()
    const padding = 'x'.repeat(10_000)
    let appended = 0
    const append = () => events.append('todos', body(++appended, padding))
    const rss = process.memoryUsage.rss()
    // What the kernel keeps is not ours: until it is full nothing waits here.
    while (appended < 5_000) {
      append()
      if (appended % 100 === 0) await new Promise(setImmediate)
    }
    t.ok(live.counts.sent.websocket < 4_000, `${live.counts.sent.websocket} of 5,000 were sent`)
    t.ok(process.memoryUsage.rss() - rss < 100_000_000, 'and not kept for later')
    client.socket.resume()
    let last = 0
    for (;;) {
      const message = await client.next()
      const number = Number(String(message['position']).slice(3))
      if (message.type === 'gap') {
        t.ok(number > last, 'ahead')
        last = number
        break
      }
      t.equal(number, last + 1)
      last = number
    }
    t.equal(live.counts.gaps.websocket, 1)
    events.append('todos', body(0))
    t.match(await client.next(), { type: 'event', position: `e1.${last + 1}` }, 'and it goes on')
  })

  void t.test(`${engine}: who leaves says when to come back`, async (t) => {
    const { port, live } = await serveLive(t, engine)
    const client = await connectLive(t, port)
    const other = await connectLive(t, port)
    live.close(true)
    for (const one of [client, other]) {
      const message = await one.next()
      t.equal(message.type, 'reconnect')
      t.ok(Number(message['after_ms']) <= 1_000)
      t.equal((await one.closed)[0], 1012)
    }
    t.equal(await refusedWith(port), 503)
  })
}

/** The status that a handshake is answered with, when it is not 101. */
const refusedWith = async (
  port: number,
  {
    path = '/live',
    protocols = [],
    headers = {},
  }: {
    readonly path?: string
    readonly protocols?: readonly string[]
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): Promise<number | undefined> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, [...protocols], { headers })
  socket.on('error', () => {})
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    { readonly statusCode?: number },
  ]
  socket.terminate()
  return response.statusCode
}

void t.test('where too much waits for all, those with most are cut', async (t) => {
  const cut: string[] = []
  const client = (name: string, bytes: number) => ({
    bufferedBytes: () => bytes,
    cut: () => void cut.push(name),
  })
  const clients = [client('a', 10), client('b', 40), client('c', 0), client('d', 30)]
  makeRoom(clients, 80)
  t.same(cut, [])
  makeRoom(clients, 79)
  t.same(cut, ['b'])
  makeRoom(clients, 10)
  t.same(cut, ['b', 'b', 'd'])
})
