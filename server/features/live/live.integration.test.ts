// Live updates of whole servers: two processes, real accounts and teams, events as a worker appends them.
// What ends is taken away in every process within a second, also when no notification comes.

import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { databasesAt } from '../../../testing/databases.ts'
import { engineNames } from '../../../testing/engines/harness.ts'
import { eventually } from '../../../testing/eventually.ts'
import { connectLive, type LiveClient } from '../../../testing/live/live-client.ts'
import { invitationToken } from '../../../testing/openapi/invitation-token.ts'
import { loggedIn, startAuthServer } from '../../../testing/auth-client.ts'
import type { ChannelName } from '../../../lib/domain/event.ts'
import { createPostgresEventAppender } from '../../../lib/events/postgres.ts'
import { forksOf } from '../../../scripts/stack/processes.ts'

/** Shared out over two processes: enough that each has some. */
const clientsOfEach = 8
/** That one process has all of so many never happens. */
const socketsForSure = 20

/** They come when the server has told them, which no answer waits for. */
const isOfMembers = (message: Readonly<Record<string, unknown>>): boolean =>
  (message['data'] as { kind?: unknown } | undefined)?.kind === 'membership'

const nextOfTodos = async (client: LiveClient) => {
  for (;;) {
    const message = await client.next('event')
    if (!isOfMembers(message)) return message
  }
}

for (const engine of engineNames) {
  void t.test(`${engine}: a team is watched until it may not be`, async (t) => {
    const { server, client, sql, env } = await startAuthServer(t, {
      HTTP_ENGINE: engine,
      HTTP_PROCESSES: '2',
      LIVE_PRESENCE_TTL_MS: '3000',
    })
    const appender = createPostgresEventAppender(databasesAt(env['DATABASE_URL'] ?? ''))
    t.teardown(() => appender.close())
    let number = 0
    const append = (channel: ChannelName, body: object) =>
      appender.append([
        { source: 'test', number: ++number, events: [{ channel, body: JSON.stringify(body) }] },
      ])

    const [ann, bob] = [await loggedIn(client, 'ann@x.y'), await loggedIn(client, 'bob@x.y')]
    const made = await client.send('POST', '/api/teams', ann.accessToken, { name: 'one' })
    const team = made.member('id')
    const join = async () => {
      const invited = await client.send('POST', `/api/teams/${team}/invitations`, ann.accessToken, {
        email: 'bob@x.y',
      })
      await sql`DELETE FROM mail_outbox` // no worker sends it
      const token = await invitationToken(sql, invited.member('id'))
      const accepted = await client.send('POST', '/api/invitations/accept', bob.accessToken, {
        token,
      })
      t.equal(accepted.status, 200, accepted.text)
    }
    const idOf = async (email: string) => {
      const [row] = await sql<{ id: string }[]>`SELECT id FROM users WHERE email = ${email}`
      return row?.id ?? ''
    }
    const [annId, bobId] = [await idOf('ann@x.y'), await idOf('bob@x.y')]

    const connectAll = (token: string, length = clientsOfEach) =>
      Promise.all(
        Array.from({ length }, () =>
          connectLive(t, server.port, { protocols: ['todos.v1', `bearer.${token}`] }),
        ),
      )
    const watch = async (clients: readonly LiveClient[], channel: string, presence = false) => {
      for (const one of clients) one.send({ type: 'subscribe', channel, presence })
      for (const one of clients) t.match(await one.next('subscribed'), { channel })
    }
    type Watched = ReturnType<typeof watchPresence>
    const presentAre = async (all: readonly Watched[], ...ids: readonly string[]) => {
      const wanted = [...ids].sort().join()
      for (const one of all)
        await eventually(
          () => one.present?.join(),
          (present) => present === wanted,
        )
      t.pass(`${ids.length} are present`)
    }
    const lose = async (clients: readonly LiveClient[], channel: string, reason: string) => {
      const startedMs = performance.now()
      for (const one of clients)
        t.match(await one.next('unsubscribed'), { channel, reason }, `${channel}: ${reason}`)
      t.comment(`${reason} after ${Math.round(performance.now() - startedMs)} ms`)
    }

    await join()
    const [anns, bobs] = [await connectAll(ann.accessToken), await connectAll(bob.accessToken)]
    const name = `team:${team}` as const
    const [ofAnn, ofBob] = [anns.map(watchPresence), bobs.map(watchPresence)]
    await watch([...anns, ...bobs], name, true)
    await presentAre([...ofAnn, ...ofBob], annId, bobId)
    const type = () => bobs[0]?.send({ type: 'typing', channel: name, todo_id: 'todo-1' })
    type()
    const typing = setInterval(type, 1_100) // one may be lost
    await eventually(
      () => ofAnn.map((one) => one.typing),
      (all) => all.every((one) => one === `${bobId} todo-1`),
    )
    clearInterval(typing)
    await watch(bobs, 'mine')
    await append(name, { kind: 'created' })
    for (const one of [...anns, ...bobs])
      t.match(await nextOfTodos(one), { channel: name, data: { kind: 'created' } })
    await append(`user:${bobId}`, { kind: 'updated' })
    for (const one of bobs) t.match(await one.next('event'), { channel: 'mine' })

    const path = `/api/teams/${team}/members/${bobId}`
    const removed = await client.send('DELETE', path, ann.accessToken)
    t.equal(removed.status, 204)
    await lose(bobs, name, 'access-ended')
    await presentAre(ofAnn, annId)
    await append(name, { kind: 'deleted' })
    for (const one of anns) t.match(await nextOfTodos(one), { data: { kind: 'deleted' } })
    t.same(
      bobs.flatMap((one) => one.rest()).filter((message) => !isOfMembers(message)),
      [],
      'nothing of the team but, perhaps, that he is gone',
    )

    // One todo that is shared: with an editor, a viewer, and a team.
    const cid = await loggedIn(client, 'cid@x.y')
    await sql`
      INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at,
        revision, is_personal)
      VALUES ('shared-1', 'x', '', false, ${annId}, now(), now(), 1, true)`
    const todo = 'todo:shared-1' as const
    const share = (grantee: object, role = 'viewer') =>
      client.send('PUT', '/api/todos/shared-1/shares', ann.accessToken, { ...grantee, role })
    const refusedAll = async (clients: readonly LiveClient[], channel: string, status: number) => {
      for (const one of clients) {
        one.send({ type: 'subscribe', channel })
        t.match(await one.next('problem'), { problem: { status } }, channel)
      }
    }
    const cids = await connectAll(cid.accessToken)
    await refusedAll([...bobs, ...cids], todo, 404)
    for (const hostile of [
      '',
      ' shared-1',
      'shared-1 ',
      '../shared-1',
      'SHARED-1',
      'shared-1:x',
      '*',
    ])
      await refusedAll(anns.slice(0, 1), `todo:${hostile}`, 404)
    await watch(anns, todo)
    const withBob = await share({ user_id: bobId }, 'editor')
    t.equal(withBob.status, 200, withBob.text)
    t.equal((await share({ email: 'cid@x.y' })).status, 200)
    await watch([...bobs, ...cids], todo)
    await append(todo, { kind: 'updated' })
    for (const one of [...anns, ...bobs, ...cids])
      t.match(await nextOfTodos(one), { channel: todo, data: { kind: 'updated' } })
    const stream = await fetch(`http://127.0.0.1:${server.port}/v1/events?channel=${todo}`, {
      headers: { authorization: `Bearer ${cid.accessToken}` },
    })
    t.equal(stream.status, 200)
    await client.send(
      'DELETE',
      `/api/todos/shared-1/shares/${withBob.member('id')}`,
      ann.accessToken,
    )
    await lose(bobs, todo, 'access-ended')
    await refusedAll(bobs, todo, 404)
    await client.send('DELETE', '/api/shared/shared-1', cid.accessToken)
    await lose(cids, todo, 'access-ended')
    t.match(await stream.text(), /event: unsubscribed\n.*access-ended/, 'a stream ends, too')
    await join()
    t.equal((await share({ team_id: team })).status, 200)
    await watch(bobs, todo)
    await client.send('DELETE', path, bob.accessToken)
    await lose(bobs, todo, 'access-ended')
    await append(todo, { kind: 'updated', last: true })
    for (const one of anns) t.match(await nextOfTodos(one), { data: { last: true } })
    await sql`DELETE FROM todos WHERE id = 'shared-1'`
    await lose(anns, todo, 'access-ended')

    // Nobody is notified: what is left is the poll.
    await sql`
      CREATE OR REPLACE FUNCTION end_access(channel text, user_id text) RETURNS void LANGUAGE sql AS $$
        INSERT INTO ended_access (channel, user_id) VALUES (channel, user_id)
      $$`
    await join()
    await watch(bobs, name)
    await client.send('DELETE', path, bob.accessToken)
    await lose(bobs, name, 'access-ended')

    await client.post('/auth/logout', { refresh_token: bob.refreshToken })
    await lose(bobs, 'mine', 'token-ended')
    await client.send('DELETE', `/api/teams/${team}`, ann.accessToken)
    await lose(anns, name, 'access-ended')

    // A process that is killed says nothing, whichever its engine is.
    if (engine === 'uws') return
    const other = await client.send('POST', '/api/teams', ann.accessToken, { name: 'two' })
    const [ofTeam, cidId] = [other.member('id'), await idOf('cid@x.y')]
    await sql`
      INSERT INTO team_members (team_id, user_id, role) VALUES (${ofTeam}, ${cidId}, 'member')`
    const onlookers = await connectAll(ann.accessToken, socketsForSure)
    const goers = await connectAll(cid.accessToken, socketsForSure)
    const [looking, going] = [onlookers.map(watchPresence), goers.map(watchPresence)]
    await watch([...onlookers, ...goers], `team:${ofTeam}`, true)
    await presentAre([...looking, ...going], annId, cidId)
    const [killed] = forksOf(server)
    process.kill(killed as number, 'SIGKILL')
    await Promise.race(onlookers.map(({ closed }) => closed))
    for (const one of goers) one.socket.terminate()
    const told = () => looking.filter(({ present }) => present?.join() === annId).length
    const open = () => onlookers.filter(({ socket }) => socket.readyState === socket.OPEN).length
    await eventually(
      () => [told(), open()],
      ([told, open]) => told === open,
    )
    t.ok(open() > 0 && open() < socketsForSure, `${open()} sockets are left, and know`)
  })
}

/** Who is present in the one channel that it asks for, as clients are told to keep it. */
const watchPresence = (client: LiveClient) => {
  const watched = { present: undefined as readonly string[] | undefined, typing: '' }
  client.socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Readonly<Record<string, unknown>>
    const ids = (name: string) => (message[name] ?? []) as readonly string[]
    if (message['type'] === 'presence') watched.present = ids('users')
    if (message['type'] === 'presence-unknown') watched.present = undefined
    if (message['type'] === 'presence-change')
      watched.present = [
        ...(watched.present ?? []).filter((id) => !ids('left').includes(id)),
        ...ids('joined'),
      ].sort()
    if (message['type'] === 'presence-typing')
      watched.typing = [message['user_id'], message['todo_id']].join(' ')
  })
  return watched
}

void t.test('a rolling restart under watchers: no event is lost, none comes twice', async (t) => {
  const { server, env } = await startAuthServer(t, {
    HTTP_PROCESSES: '2',
    HTTP_DRAIN_DELAY_MS: '0',
    LIVE_RECONNECT_SPREAD_MS: '200',
  })
  const appender = createPostgresEventAppender(databasesAt(env['DATABASE_URL'] ?? ''))
  t.teardown(() => appender.close())
  let isOver = false
  /** Watches as a client should, from where it was, for as long as the test runs. */
  const watch = async () => {
    const numbers: number[] = []
    let since: string | undefined
    let connections = 0
    while (!isOver) {
      const client = await connectLive(t, server.port).catch(() => undefined)
      if (!client) continue
      connections++
      client.send({ type: 'subscribe', channel: 'todos', ...(since && { since }) })
      try {
        for (;;) {
          const message = await client.next()
          if (message.type === 'gap') t.fail('nobody was away for long')
          if (message.type === 'subscribed') since ??= String(message['position'])
          if (message.type === 'event') {
            since = String(message['position'])
            const { number } = message['data'] as { number: number }
            if (number === -1) return { numbers, connections }
            numbers.push(number)
          }
          if (message.type === 'reconnect') await delay(Number(message['after_ms']))
        }
      } catch {
        // closed: it comes back
      }
    }
    return { numbers, connections }
  }
  const first = Array.from({ length: 30 }, watch)
  await delay(300)
  let appended = 0
  const append = (number: number) =>
    appender.append([
      {
        source: 'test',
        number: ++appended,
        events: [{ channel: 'todos', body: JSON.stringify({ kind: 'created', number }) }],
      },
    ])
  let isRolling = true
  const appending = (async () => {
    let number = 0
    while (isRolling) {
      await append(++number)
      await delay(2)
    }
    await append(-1)
    return number
  })()
  server.process.kill('SIGHUP')
  while (!server.output().includes('rolling restart done')) await delay(20)
  isRolling = false
  const last = await appending
  const watched = await Promise.all(first)
  isOver = true
  for (const { numbers, connections } of watched) {
    // Once, or twice: who comes back may come to the other that is about to leave.
    t.ok(connections === 2 || connections === 3, `${connections} connections`)
    t.same(
      numbers.filter((number, i) => i > 0 && number !== (numbers[i - 1] ?? 0) + 1),
      [],
      'in order',
    )
    t.equal(numbers.at(-1), last)
  }
  t.comment(`${last} events to each of ${watched.length}`)
})
