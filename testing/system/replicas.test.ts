// Servers of both engines whose reads go to a streaming replica, as their clients see it. What was answered
// is there for the next request, on whichever server, while the replica stops and goes on, freezes and comes
// back. What was accepted is there once it is applied. A right that has ended there only is no right.

import t from 'tap'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import { eventually } from '../eventually.ts'
import { clientOf, type Answer, type Json } from '../json-client.ts'
import { replicatedPostgres } from '../replicated-postgres.ts'
import { seeded } from '../seeded.ts'
import { generousTimeouts, testSecret } from '../settings.ts'
import { openTeamsAt } from '../teams.ts'

const rounds = 12
type Sent = Readonly<Record<string, string>>
const bounds = {
  teamsOfUserMax: 100,
  membersMax: 100,
  invitationsMax: 100,
  invitationTtlSec: 60,
}

t.test('reads go to a replica, and show what they would have shown', async (t) => {
  const random = seeded(t)
  const anyOf = <T>(some: readonly T[]): T => some[random.below(some.length)] as T
  const { primary, replica, onReplica } = await replicatedPostgres(t)

  const environment = {
    DATABASE_URL: primary.url,
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PROCESSES: '1',
    JWT_SECRET: testSecret,
    LIMIT_USER_REQUESTS: '0',
    ...generousTimeouts,
  }
  const startWith = (engine: 'node' | 'uws') =>
    startServer({
      ...environment,
      HTTP_ENGINE: engine,
      DATABASE_REPLICA_URLS: replica.url,
      DATABASE_REPLICA_LAG_MAX_MS: '600000',
    })
  const servers = await Promise.all([startWith('node'), startWith('uws')])
  t.teardown(() => Promise.all(servers.map((server) => server.stop())))
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())

  const { account, pool } = openTeamsAt(t, primary.url, bounds)
  const [ann, bob] = [await account('ann'), await account('bob')]
  /** Each asks any of the servers. */
  const as = (user: { readonly userId: string }) => {
    const asks = servers.map(({ port }) => clientOf(port, user.userId))
    return (method: string, path: string, body?: Json, mustSee?: string | Sent) =>
      anyOf(asks)(method, path, body, {
        connection: 'close',
        ...(typeof mustSee === 'string' ? { 'list-version-min': mustSee } : mustSee),
      })
  }
  const [asAnn, asBob] = [as(ann), as(bob)]
  const isReady = async (wanted: 'ready' | 'degraded') => {
    const answers = servers.map(({ port }) =>
      eventually(
        () => clientOf(port, ann.userId)('GET', '/ready'),
        ({ status, body }) => status === 200 && body['status'] === wanted,
      ),
    )
    return (await Promise.all(answers))[0] as Answer
  }
  const outcomes = async () => {
    const pages = await Promise.all(servers.map(({ metricsPort }) => scrape(metricsPort)))
    const of = (outcome: string) =>
      pages.reduce((sum, { total }) => sum + total('todos_replica_reads_total', { outcome }), 0)
    return { answered: of('answered'), behind: of('behind'), failed: of('failed') }
  }

  await isReady('ready')
  const team = (await asAnn('POST', '/api/teams', { name: 'red' })).body['id'] as string
  await pool.run(
    (sql) => sql`
      INSERT INTO team_members (team_id, user_id, role) VALUES (${team}, ${bob.userId}, 'member')`,
  )
  const teamTodos = `/api/teams/${team}/todos`

  /** Written, and there for whoever asks next. */
  const writeAndRead = async (nth: number) => {
    const path = anyOf(['/api/todos', teamTodos])
    const title = `todo ${nth}`
    const made = await asAnn('POST', path, { title })
    t.equal(made.status, 201)
    const { status, headers, body } = await asAnn('GET', path)
    t.equal(status, 200)
    t.match(body, { todos: [{ title }] }, `${path}: read your writes`)
    const again = await asAnn('GET', path)
    t.equal(again.headers.get('etag'), headers.get('etag'), `${path}: monotonic`)
    const changed = { title: `${title}, changed` }
    const at = `${path}/${made.body['id'] as string}`
    t.equal((await asAnn('PUT', at, changed)).status, 200)
    for (let n = 0; n < 2; n++) t.match((await asAnn('GET', at)).body, changed, `${path}: one`)
    const { body: exported } = await asAnn('GET', '/api/profile/export')
    if (path === '/api/todos') t.match(exported, { todos: [changed] }, 'and in the export')
  }
  /** Public ones, which anybody reads: he has nothing to bring back. */
  const writeAndReadPublic = async (nth: number) => {
    const wait = { prefer: 'wait=10' }
    const made = await asAnn('POST', '/todos', { title: `public ${nth}` }, wait)
    t.equal(made.status, 201)
    const at = `/todos/${made.body['id'] as string}`
    t.match(await asBob('GET', at), { status: 200, body: { title: `public ${nth}` } })
    t.equal((await asAnn('PUT', at, { completed: true }, wait)).status, 200)
    t.match(await asBob('GET', at), { status: 200, body: { completed: true } })
    t.equal((await asAnn('DELETE', at, undefined, wait)).status, 204)
    for (let n = 0; n < 2; n++) t.equal((await asBob('GET', at)).status, 404, 'gone is gone')
  }
  /** Not waited for: with its position it is there as soon as it is applied, and does not go again. */
  const writeAndReadLater = async (nth: number) => {
    const path = anyOf(['/api/todos', teamTodos])
    const title = `later ${nth}`
    const sent = await asAnn('POST', path, { title }, { prefer: 'respond-async' })
    t.equal(sent.status, 202)
    const position = sent.headers.get('write-position') ?? ''
    t.match(position, /^\d+-\d+$/)
    const mustSee = { 'write-position-min': `${position}, ${position}` }
    const at = `${path}/${sent.body['id'] as string}`
    const found = await eventually(
      () => asAnn('GET', at, undefined, mustSee),
      ({ status }) => status === 200,
    )
    t.match(found.body, { title })
    for (let n = 0; n < 2; n++) {
      t.equal((await asAnn('GET', at, undefined, mustSee)).status, 200, 'and it stays')
      t.match((await asAnn('GET', path, undefined, mustSee)).body, { todos: [{ title }] })
    }
  }
  for (let nth = 0; nth < rounds; nth++) {
    if (random.below(2) === 0) await onReplica`SELECT pg_wal_replay_pause()`
    else await onReplica`SELECT pg_wal_replay_resume()`
    await anyOf([writeAndRead, writeAndRead, writeAndReadPublic, writeAndReadLater])(nth)
  }
  await writeAndReadPublic(rounds)
  await writeAndReadLater(rounds)

  await onReplica`SELECT pg_wal_replay_resume()`
  const lent = `/api/todos/${(await asAnn('POST', '/api/todos', { title: 'lent' })).body['id'] as string}`
  const grant = { user_id: bob.userId, role: 'viewer' }
  const share = (await asAnn('PUT', `${lent}/shares`, grant)).body['id'] as string
  t.match(await asBob('GET', lent), { status: 200, body: { title: 'lent' } })
  t.match(await asBob('GET', '/api/shared'), { body: { todos: [{ todo: { title: 'lent' } }] } })

  const versionOf = ({ headers }: Answer) => headers.get('list-version') ?? ''
  const { old, ...replayed } = await eventually(
    async () => {
      const { answered } = await outcomes()
      const list = await asAnn('GET', '/api/todos')
      return { old: versionOf(list), list, isOnReplica: (await outcomes()).answered > answered }
    },
    ({ isOnReplica }) => isOnReplica,
  )
  await onReplica`SELECT pg_wal_replay_pause()`
  t.equal((await asAnn('DELETE', `/api/teams/${team}/members/${bob.userId}`)).status, 204)
  t.equal((await asBob('GET', teamTodos)).status, 404, 'he is a member on the replica only')
  t.equal((await asAnn('DELETE', `${lent}/shares/${share}`)).status, 204)
  t.equal((await asBob('GET', lent)).status, 404, 'it is shared with him on the replica only')
  t.match(await asBob('GET', '/api/shared'), { body: { todos: [] } })
  const made = await asAnn('POST', '/api/todos', { title: 'not replayed' })
  t.equal(made.status, 201)
  for (const versionMin of [undefined, versionOf(made)]) {
    const list = await asAnn('GET', '/api/todos', undefined, versionMin)
    t.match(list.body, { todos: [{ title: 'not replayed' }] })
    t.equal(versionOf(list), versionOf(made))
  }
  await eventually(
    () => asAnn('GET', '/api/todos').then(outcomes),
    ({ behind }) => behind > 0,
  )

  // Who says that less is enough, is answered by the replica.
  const oldest = (replayed.list.body['todos'] as Json[]).at(-1)?.['id'] as string
  for (const [path, id] of [
    ['/api/todos', undefined],
    [`/api/todos/${oldest}`, oldest],
    ['/api/todos?page=1&limit=1', undefined],
  ] as const) {
    const { body } = await eventually(
      () => asAnn('GET', path, undefined, old),
      (answer) => versionOf(answer) === old,
    )
    t.equal(body['id'], id)
  }
  const own = `/api/todos/${made.body['id'] as string}`
  t.match(await asAnn('GET', own, undefined, old), { status: 200 }, 'it is not there, but here')
  const done = await asAnn('PATCH', `${own}/status`, { completed: true })
  const gone = await asAnn('DELETE', own)
  t.same(
    [done, gone].map(({ status }) => status),
    [200, 204],
  )
  t.ok(Number(versionOf(made)) < Number(versionOf(done)))
  t.ok(Number(versionOf(done)) < Number(versionOf(gone)))
  t.equal((await asAnn('GET', own, undefined, versionOf(gone))).status, 404)
  t.equal((await asAnn('GET', '/api/todos', undefined, 'newest')).status, 400)
  for (const wrong of ['newest', '1', '1-2-3', '1-2,', '-1-2', Array(17).fill('1-2').join()])
    t.equal((await asAnn('GET', own, undefined, { 'write-position-min': wrong })).status, 400)

  replica.kill('SIGSTOP')
  await writeAndRead(rounds + 1)
  const { body } = await isReady('degraded')
  t.match(body, { dependencies: { replicas: /left out: no answer/ } })
  await writeAndRead(rounds + 2)
  replica.kill('SIGCONT')
  await isReady('ready')
  t.comment(JSON.stringify(await outcomes()))
  for (const server of servers) {
    t.match(server.output(), /"reason":"no answer.*"replica left out/)
    t.match(server.output(), /"replica is read from again"/)
    t.notMatch(server.output(), new URL(replica.url).password)
  }
})
