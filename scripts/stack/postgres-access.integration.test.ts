// Nobody connects to a Postgres that we start without the password of its data directory. That holds
// for a new one, and for one made when every user of the machine was trusted as its superuser.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { eventually } from '../../testing/eventually.ts'
import { testDirectory } from '../../testing/services.ts'
import { freePort } from './ports.ts'
import { postgresBinaries, postgresOwner } from './postgres-binaries.ts'
import { startPostgres } from './postgres.ts'

const run = promisify(execFile)

const connected = async <T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Anybody's program, run as the owner of Postgres. */
const runsProgram = (url: string, made: string): Promise<unknown> =>
  connected(url, (sql) => sql.unsafe(`COPY (SELECT 1) TO PROGRAM 'cat > ${made}'`))

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  )

const refusesStrangers = async (t: Test, url: string, directory: string): Promise<void> => {
  const { port, password } = new URL(url)
  t.match(password, /^[0-9a-f]{64}$/)
  const made = join(directory, 'made-by-a-stranger')
  for (const user of ['postgres', 'todos', userInfo().username, 'root']) {
    for (const guess of ['', ':postgres', ':todos', `:${password.slice(1)}`]) {
      for (const database of ['todos', 'postgres', 'template1']) {
        const asStranger = `postgres://${user}${guess}@127.0.0.1:${port}/${database}`
        await t.rejects(runsProgram(asStranger, made), { code: /^28(P01|000)$/ }, asStranger)
      }
    }
  }
  t.notOk(await exists(made))
  const sockets = await readFile('/proc/net/unix', 'utf8').catch(() => '')
  t.notMatch(sockets, `.s.PGSQL.${port}`, 'and there is no other door')
  t.equal((await connected(url, (sql) => sql`SELECT 1`)).length, 1)
}

const modeOf = async (path: string): Promise<string> =>
  ((await stat(path)).mode & 0o777).toString(8)

const isForOwnerAlone = async (t: Test, directory: string): Promise<void> => {
  t.equal(await modeOf(directory), '700')
  t.equal(await modeOf(join(directory, 'data')), '700')
  t.equal(await modeOf(join(directory, 'data/password')), '600')
  t.equal(await modeOf(join(directory, 'data/pg_hba.conf')), '600')
}

/** Command lines of every process. */
const commandLines = async (): Promise<string> => {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''))
  return (await Promise.all(lines)).join('\n')
}

t.test('a new one takes its password alone, and keeps it', async (t) => {
  const directory = join(await testDirectory(t), 'postgres')
  const first = await startPostgres({ directory, durable: false })
  t.teardown(() => first.stop())
  const { password } = new URL(first.url)
  await refusesStrangers(t, first.url, directory)
  await isForOwnerAlone(t, directory)
  t.notMatch(await commandLines(), password)
  t.notMatch(await readFile(first.logFile, 'utf8'), password)
  await first.stop()
  const data = join(directory, 'data')
  t.strictSame(
    (await readdir(directory)).toSorted(),
    ['data', 'postgres.log'],
    'nothing is left beside them',
  )

  // What was loosened, or added, does not last.
  await chmod(directory, 0o755)
  await chmod(join(data, 'password'), 0o644)
  await writeFile(join(data, 'pg_hba.conf'), 'host all all 127.0.0.1/32 trust\n')
  const { port } = first
  const second = await startPostgres({ directory, port, durable: false })
  t.teardown(() => second.stop())
  t.equal(second.url, first.url)
  await refusesStrangers(t, second.url, directory)
  await isForOwnerAlone(t, directory)
})

/** As every version before made and started them. */
const startTrusting = async (t: Test, directory: string) => {
  const data = join(directory, 'data')
  const [binaries, owner, port] = [
    await postgresBinaries(),
    await postgresOwner(),
    await freePort(),
  ]
  await mkdir(directory)
  if (owner) await chown(directory, owner.uid, owner.gid)
  const args = ['--pgdata', data, '--username=postgres', '--auth=trust', '--no-sync']
  await run(binaries.initdb, args, { cwd: '/', env: { LC_ALL: 'C' }, ...owner })
  const trusting = spawn(
    binaries.postgres,
    [
      '-D',
      data,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
    ],
    { cwd: '/', env: { LC_ALL: 'C' }, stdio: 'ignore', ...owner },
  )
  t.teardown(() => trusting.kill('SIGKILL'))
  const url = `postgres://127.0.0.1:${port}/postgres?user=postgres`
  const asks = () => connected(url, (sql) => sql`SELECT 1`).then(Boolean, () => false)
  await eventually(asks, Boolean)
  return { url, trusting }
}

t.test('one that trusted everybody is locked at its next start, and keeps its rows', async (t) => {
  const directory = join(await testDirectory(t), 'postgres')
  const { url, trusting } = await startTrusting(t, directory)
  await connected(url, async (sql) => {
    await sql`CREATE DATABASE todos`
    // Settings of the data directory that would open it again.
    await sql`ALTER SYSTEM SET listen_addresses = '*'`
    await sql`ALTER SYSTEM SET unix_socket_directories = '/tmp'`
    await sql`ALTER SYSTEM SET hba_file = 'pg_hba_of_old.conf'`
    await sql`ALTER SYSTEM SET log_statement = 'all'`
    await sql`CREATE TABLE kept AS SELECT 'row' AS text`
    await sql`CHECKPOINT`
    await sql`INSERT INTO kept VALUES ('only in its log')`
  })
  const made = join(directory, 'made')
  await runsProgram(url, made)
  t.ok(await exists(made), 'whoever connected ran programs')
  const exited = once(trusting, 'exit')
  trusting.kill('SIGKILL')
  await exited

  const service = await startPostgres({ directory, durable: false })
  t.teardown(() => service.stop())
  const { password } = new URL(service.url)
  await refusesStrangers(t, service.url, directory)
  await isForOwnerAlone(t, directory)
  t.notMatch(await readFile(service.logFile, 'utf8'), password)
  t.notMatch(await commandLines(), password)
  const kept = new URL(service.url)
  kept.pathname = '/postgres'
  const rows = await connected(kept.href, (sql) => sql<{ text: string }[]>`SELECT text FROM kept`)
  t.strictSame(
    rows.map(({ text }) => text),
    ['row', 'only in its log'],
  )
})
