// Replicas of a real Postgres: which are read from, what leaves one out, and that a read that one fails
// takes no longer than it may. What each says of itself is judged in replica-health.test.ts.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { eventually } from '../../../testing/eventually.ts'
import { restartable } from '../../../testing/restartable.ts'
import { ownPostgres, testDatabase } from '../../../testing/services.ts'
import { startPostgresReplica } from '../../../scripts/stack/postgres-replica.ts'
import type { Log } from '../../runtime/log.ts'
import { createPool } from './pool.ts'
import { examineReplicas } from './replica-samples.ts'
import { openReplicas, type Replicas } from './replicas.ts'

const primary = await ownPostgres(t)
const replica = await restartable(t, (place) => startPostgresReplica({ ...place, primary }))

const sqlAt = (t: Test, url: string) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end({ timeout: 1 }))
  return sql
}
const open = (t: Test, urls: readonly string[], lagMsMax = 60_000) => {
  const lines: string[] = []
  const write = (fields: object, message: string) =>
    void lines.push(`${message} ${JSON.stringify(fields)}`)
  const pool = createPool({ url: primary.url, poolSize: 1, timeoutMs: 5_000 })
  const replicas = openReplicas(urls, {
    primary: () => pool,
    poolSize: 2,
    lagMsMax,
    log: { info: write, warn: write } as unknown as Log,
    roundIntervalMs: 100,
  })
  t.teardown(async () => {
    await replicas.close()
    await pool.close()
  })
  return { replicas, lines }
}

const stateOf = ({ replicas }: Replicas, nth = 0) => replicas[nth]?.state()
const isUsed = (replicas: Replicas) =>
  eventually(
    () => stateOf(replicas),
    (state) => state?.kind === 'used',
  )
const isLeftOut = (replicas: Replicas, reason: RegExp, nth = 0) =>
  eventually(
    () => stateOf(replicas, nth),
    (state) => state?.kind === 'left out' && reason.test(state.reason),
  )
const tryToRead = ({ read }: Replicas) =>
  read(
    (sql) => sql<{ is_replica: boolean }[]>`SELECT pg_is_in_recovery() AS is_replica`,
    () => true,
  )

const readsFromReplica = (replicas: Replicas) =>
  eventually(
    () => tryToRead(replicas),
    (found) => found?.[0]?.is_replica === true,
  )

t.test('one that is far behind, frozen or killed is left out, and comes back', async (t) => {
  const { replicas, lines } = open(t, [replica.url], 1_000)
  await isUsed(replicas)
  await readsFromReplica(replicas)

  const [onPrimary, onReplica] = [sqlAt(t, primary.url), sqlAt(t, replica.directUrl())]
  await onReplica`SELECT pg_wal_replay_pause()`
  await onPrimary`CREATE TABLE behind (n int)`
  await isLeftOut(replicas, /DATABASE_REPLICA_LAG_MAX_MS/)
  t.equal(await tryToRead(replicas), undefined)
  await onReplica`SELECT pg_wal_replay_resume()`
  await isUsed(replicas)

  replica.freeze()
  const startedMs = performance.now()
  t.equal(await tryToRead(replicas), undefined, 'whoever asks it goes to the primary')
  t.comment(`after ${Math.round(performance.now() - startedMs)} ms`)
  t.equal(stateOf(replicas)?.kind, 'left out')
  t.equal(replicas.isAnyUsed(), false)
  replica.thaw()
  await isUsed(replicas)

  await replica.takeAway()
  await isLeftOut(replicas, /ECONNREFUSED|closed|terminat/)
  await replica.giveBack()
  await isUsed(replicas)
  await readsFromReplica(replicas)
  t.ok(lines.length >= 6, lines.join('\n'))
  for (const [n, line] of lines.entries())
    t.match(line, n % 2 === 0 ? /^replica left out: / : /^replica is read from again /)
})

t.test('a command that looks once finds what a server would', async (t) => {
  const pool = createPool({ url: primary.url, poolSize: 1, timeoutMs: 5_000 })
  t.teardown(() => pool.close())
  const options = { primary: pool, lagMsMax: 60_000, timeoutMs: 5_000 }
  const [used, none] = await eventually(
    () => examineReplicas([replica.url, primary.url], options),
    ([first]) => first?.state.kind === 'used',
  )
  t.ok(replica.url.includes(used?.name ?? 'nothing'))
  t.match(none?.state, { kind: 'left out', reason: /it is no replica/ })
  const [away] = await examineReplicas(['postgres://127.0.0.1:1/none'], options)
  t.match(away?.state, { kind: 'left out', reason: /ECONNREFUSED/ })
})

t.test('without the primary nothing is known of its replicas', async (t) => {
  const { replicas } = open(t, [replica.url])
  await isUsed(replicas)
  primary.kill('SIGSTOP')
  await isLeftOut(replicas, /the primary does not say/)
  primary.kill('SIGCONT')
  await isUsed(replicas)
})

t.test('what is no replica of the primary is left out, and one line says why', async (t) => {
  const onPrimary = sqlAt(t, primary.url)
  await onPrimary`CREATE ROLE plain LOGIN PASSWORD 'plain'`
  await onPrimary`CREATE DATABASE other`
  const urlWith = (change: Partial<Pick<URL, 'username' | 'password' | 'pathname'>>) =>
    Object.assign(new URL(replica.url), change).href
  const urls = [
    replica.url,
    await testDatabase(t),
    primary.url,
    urlWith({ username: 'plain', password: 'plain' }),
    urlWith({ pathname: '/other' }),
  ]
  const { replicas, lines } = open(t, urls)
  await isUsed(replicas)
  await isLeftOut(
    replicas,
    /another cluster: its system identifier is \d+, the primary's is \d+/,
    1,
  )
  await isLeftOut(replicas, /it is no replica/, 2)
  await isLeftOut(replicas, /GRANT pg_monitor/, 3)
  await isLeftOut(replicas, /the database other/, 4)
  for (let n = 0; n < 2 * urls.length; n++)
    t.notMatch(await tryToRead(replicas), [{ is_replica: false }])
  await onPrimary`GRANT pg_monitor TO plain`
  await eventually(
    () => stateOf(replicas, 3)?.kind,
    (kind) => kind === 'used',
  )

  await sqlAt(t, replica.directUrl())`SELECT pg_promote()`
  await isLeftOut(replicas, /it was promoted/)
  t.equal(await tryToRead(replicas), undefined)
  t.notMatch(lines.join('\n'), /plain@|:plain|password/)
})
