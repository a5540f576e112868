// Event streams as clients see them, on both engines: fetch reads them as EventSource would, and curl as it
// does.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import t, { type Test } from 'tap'
import { engineNames } from '../../testing/engines/harness.ts'
import { eventually } from '../../testing/eventually.ts'
import { serveLive } from '../../testing/live/live-server.ts'

const body = (number: number, padding = '') => JSON.stringify({ kind: 'created', number, padding })
const bearer = (name: string) => ({ authorization: `Bearer token-${name}` })

type Part = Readonly<Record<string, string>>

const partOf = (line: string): readonly [string, string] => {
  const [, name = '', value = ''] = /^([^:]*): ?(.*)$/.exec(line) ?? []
  return [name, value]
}

/** What is read, one block after the other, each when it is asked for; `undefined` at the end. */
const openStream = async (
  t: Test,
  port: number,
  target: string,
  headers: Record<string, string> = {},
) => {
  const request = get({ host: '127.0.0.1', port, path: target, headers })
  request.on('error', () => {})
  t.teardown(() => request.destroy())
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.setEncoding('utf8')
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<string, undefined>
  let rest = ''
  const next = async (): Promise<Part | undefined> => {
    for (;;) {
      const end = rest.indexOf('\n\n')
      if (end !== -1) {
        const lines = rest.slice(0, end).split('\n')
        rest = rest.slice(end + 2)
        return Object.fromEntries(lines.map(partOf))
      }
      const { value } = await chunks.next()
      if (value === undefined) return undefined
      rest += value
    }
  }
  return { response, next, abort: () => request.destroy() }
}

for (const engine of engineNames) {
  void t.test(`${engine}: a channel as an event stream`, async (t) => {
    const { port, events, live } = await serveLive(t, engine)
    const { response, next, abort } = await openStream(t, port, '/v1/events?channel=todos')
    t.equal(response.statusCode, 200)
    t.match(response.headers, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    t.match(await next(), {
      id: 'e1.0',
      event: 'subscribed',
      retry: /^\d{4}$/,
      data: '{"channel":"todos","position":"e1.0","version":1}',
    })
    events.append('todos', body(1), body(2))
    t.same(await next(), { id: 'e1.1', data: body(1) })
    t.same(await next(), { id: 'e1.2', data: body(2) })
    t.match(live.counts, { clients: { 'event-stream': 1 }, subscriptions: 1 })
    abort()
    await eventually(
      () => live.counts.clients['event-stream'],
      (count) => count === 0,
    )
    t.equal(live.counts.subscriptions, 0)
    t.equal(events.listeners('todos'), 0)

    events.append('todos', body(3))
    const last = { 'last-event-id': 'e1.1' }
    const again = await openStream(t, port, '/events?channel=todos', last)
    t.match(await again.next(), {
      id: 'e1.1',
      event: 'subscribed',
      data: '{"channel":"todos","position":"e1.1"}',
    })
    t.same(await again.next(), { id: 'e1.2', data: body(2) })
    t.same(await again.next(), { id: 'e1.3', data: body(3) })
    events.forget('todos')
    t.match(await again.next(), {
      id: 'e1x.3',
      event: 'gap',
      data: '{"channel":"todos","position":"e1x.3","version":1}',
    })
  })

  void t.test(`${engine}: what is refused, and what HEAD asks`, async (t) => {
    const { port, events, members, live } = await serveLive(t, engine, { clientsMax: 1 })
    const statusOf = async (target: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`http://127.0.0.1:${port}${target}`, { headers })
      await response.body?.cancel()
      return response.status
    }
    t.equal(await statusOf('/events'), 400)
    t.equal(await statusOf('/events?channel=nothing'), 404)
    t.equal(await statusOf('/events?channel=todos', { 'last-event-id': 'x' }), 400)
    t.equal(await statusOf('/events?channel=mine'), 401)
    t.equal(await statusOf('/events?channel=mine', { authorization: 'Bearer x' }), 401)
    t.equal(await statusOf('/events?channel=team:1', bearer('ann')), 401)
    events.failWith(new Error('down'))
    t.equal(await statusOf('/events?channel=todos'), 503)
    events.failWith(undefined)
    members.add('1 ann')
    const head = await fetch(`http://127.0.0.1:${port}/events?channel=team:1`, {
      method: 'HEAD',
      headers: bearer('ann'),
    })
    t.equal(head.status, 200)
    t.equal(live.counts.subscriptions, 0)
    const { next } = await openStream(t, port, '/events?channel=team:1', bearer('ann'))
    t.match(await next(), { event: 'subscribed' })
    t.equal(await statusOf('/events?channel=todos'), 503, 'one is all that may be open')
  })

  void t.test(`${engine}: what ends a stream`, async (t) => {
    const { port, live, members, ended } = await serveLive(t, engine)
    members.add('1 ann')
    const open = async (channel: string) => {
      const stream = await openStream(t, port, `/events?channel=${channel}`, bearer('ann'))
      await stream.next()
      return stream
    }
    const [team, mine, todos] = [await open('team:1'), await open('mine'), await open('todos')]
    members.delete('1 ann')
    live.accessEnded({ channel: 'team:1', userId: 'ann' })
    t.same(await team.next(), {
      event: 'unsubscribed',
      data: '{"channel":"team:1","reason":"access-ended"}',
    })
    t.equal(await team.next(), undefined)
    ended.add('token-ann')
    live.sessionEnded('session-ann')
    t.match(await mine.next(), { event: 'unsubscribed', data: /token-ended/ })
    t.equal(await mine.next(), undefined)
    live.close(false)
    t.match(await todos.next(), {
      event: 'reconnect',
      data: /^\{"after_ms":\d+\}$/,
      retry: /^\d+$/,
    })
    t.equal(await todos.next(), undefined)
  })

  void t.test(`${engine}: a stream that nobody reads is skipped ahead`, async (t) => {
    const { port, live, events } = await serveLive(t, engine)
    const { next } = await openStream(t, port, '/events?channel=todos')
    await next()
    const padding = 'x'.repeat(10_000)
    const rss = process.memoryUsage.rss()
    for (let i = 1; i <= 3_000; i++) {
      events.append('todos', body(i, padding))
      if (i % 100 === 0) await new Promise(setImmediate)
    }
    t.ok(live.counts.sent['event-stream'] < 2_500, `${live.counts.sent['event-stream']} of 3,000`)
    t.ok(process.memoryUsage.rss() - rss < 100_000_000, 'and not kept for later')
    events.append('todos', body(0))
    let last = 0
    let gaps = 0
    while (last < 3_001) {
      const part = await next()
      const number = Number(part?.['id']?.slice(3))
      const isGap = part?.['event'] === 'gap'
      if (isGap ? number <= last : number !== last + 1) t.fail(`${number} after ${last}`)
      if (isGap) gaps++
      last = number
    }
    t.ok(gaps > 0, `${gaps} gaps, and no event out of order`)
    t.equal(live.counts.gaps['event-stream'], gaps)
  })

  void t.test(`${engine}: curl`, async (t) => {
    const { port, events } = await serveLive(t, engine)
    const url = `http://127.0.0.1:${port}/v1/events?channel=todos`
    const curl = spawn('curl', ['--no-buffer', '--silent', url])
    t.teardown(() => curl.kill())
    let read = ''
    curl.stdout.on('data', (data: Buffer) => (read += data.toString()))
    await once(curl.stdout, 'data')
    events.append('todos', body(1))
    await eventually(
      () => read,
      (text) => text.endsWith(`id: e1.1\ndata: ${body(1)}\n\n`),
    )
  })
}
