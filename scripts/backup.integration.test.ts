// A backup is whole or is not there, and with the archived WAL it leads back to a moment. What a database
// must not say after it went back in time, it does not say.

import { appendFile, cp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connectPostgres } from '../lib/drivers/postgres/client.ts'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { readConfig } from '../lib/runtime/config/config.ts'
import { testDirectory } from '../testing/services.ts'
import { backup } from './backup.ts'
import { backupsIn, placesIn } from './backup/places.ts'
import { migrationsDirectory } from './paths.ts'
import { restore } from './restore.ts'
import { startPostgres } from './stack/postgres.ts'

type Run = { readonly code: number; readonly out: string; readonly err: string }

const startArchiving = async (t: Test) => {
  const directory = await testDirectory(t)
  const backups = join(directory, 'backups')
  const places = placesIn(backups)
  const postgres = await startPostgres({
    directory: join(directory, 'lost'),
    durable: false,
    archiveDirectory: places.wal,
  })
  t.teardown(() => postgres.stop())
  await migrate(postgres.url, migrationsDirectory)
  const sql = connectPostgres({ url: postgres.url, poolSize: 1 })
  t.teardown(() => sql.end({ timeout: 1 }))
  const config = readConfig(
    { DATABASE_URL: postgres.url, BACKUP_DIR: backups, COMMAND_LOG: 'postgres' },
    'script',
  )
  const run = async (command: typeof backup, ...args: string[]): Promise<Run> => {
    const lines = { out: '', err: '' }
    const code = await command(args, () => config, {
      out: (line) => (lines.out += `${line}\n`),
      err: (line) => (lines.err += `${line}\n`),
    })
    return { code, ...lines }
  }
  return { directory, places, postgres, sql, run }
}

t.test('a database goes back to before an accident, and knows that it did', async (t) => {
  const { directory, places, postgres, sql, run } = await startArchiving(t)
  const add = (id: string) => sql`
    INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
    VALUES (${id}, ${id}, '', false, 'ann', now(), now(), 1)`
  await add('before')
  t.match(await run(backup), { code: 0, err: '' })
  await sql`INSERT INTO users (id, email, password_hash) VALUES ('ann', 'ann@example.com', '')`
  await sql`
    INSERT INTO sessions (id, user_id, generation, expires_at)
    VALUES ('one', 'ann', 1, now() + interval '1 day')`
  await sql`INSERT INTO personal_lists (user_id, version) VALUES ('ann', 1)`
  await add('after')
  const [moment] = await sql<{ at: Date; version: string }[]>`
    SELECT clock_timestamp() AS at, (SELECT sum(changes) FROM list_versions) AS version`
  const at = new Date((moment?.at.getTime() ?? 0) + 1).toISOString()
  await sql`SELECT pg_sleep(0.01)`
  await sql`DELETE FROM todos`
  await sql`UPDATE list_versions SET changes = changes + 5`
  await sql.end()
  await postgres.stop() // archives the rest

  const into = join(directory, 'restored', 'data')
  const restored = await run(restore, '--to', at, '--into', into)
  t.match(restored, { code: 0, err: '' })
  t.match(restored.out, /^1 sessions were revoked/m)
  t.match(restored.out, /todos: lag|no such log/)

  const again = await startPostgres({ directory: join(directory, 'restored'), durable: false })
  t.teardown(() => again.stop())
  const back = connectPostgres({ url: again.url, poolSize: 1 })
  t.teardown(() => back.end({ timeout: 1 }))
  const rows = await back<{ id: string }[]>`SELECT id FROM todos ORDER BY id`
  t.same(
    rows.map(({ id }) => id),
    ['after', 'before'],
  )
  const [state] = await back<{ version: string; own: string; live: number }[]>`
    SELECT (SELECT sum(changes) FROM list_versions) AS version,
      (SELECT version FROM personal_lists) AS own,
      (SELECT count(*)::int FROM sessions WHERE revoked_at IS NULL) AS live`
  t.ok(Number(state?.version) > Number(moment?.version) + 5, 'ahead of what was shown since')
  t.ok(Number(state?.own) > 1_000_000)
  t.equal(state?.live, 0)

  await t.test('and refuses what would harm', async (t) => {
    t.match(await run(restore, '--to', at, '--into', into), { code: 1, err: /is not empty/ })
    const late = new Date(Date.now() + 60_000).toISOString()
    const other = join(directory, 'other')
    t.match(await run(restore, '--to', late, '--into', other), { code: 1, err: /WAL ends before/ })
    t.same(await readdir(other), [], 'nothing is left of it')
    t.match(await run(restore, '--to', '2020-01-01T00:00:00Z', '--into', other), {
      code: 1,
      err: /no backup that is meant ended before/,
    })
    for (const to of ['yesterday', '2026-11-27 10:00:00', '']) {
      t.match(await run(restore, '--to', to, '--into', other), { code: 2 }, to)
    }
    const [one] = await backupsIn(places)
    await appendFile(join(one?.path ?? '', 'data', 'PG_VERSION'), 'x')
    t.match(await run(restore, '--to', 'latest', '--into', other), {
      code: 1,
      err: /PG_VERSION has 4 bytes, not 3/,
    })
    t.same(await readdir(other), [])
  })
})

t.test('old backups go, with their WAL, and one that fails leaves nothing', async (t) => {
  const { places, postgres, sql, run } = await startArchiving(t)
  for (let i = 0; i < 2; i++) {
    t.match(await run(backup), { code: 0, err: '' })
    await sql`SELECT pg_switch_wal() FROM (SELECT pg_sleep(1)) AS slept`
  }
  const before = await readdir(places.wal)
  t.match(await run(backup, '--keep', '1'), { code: 0, out: /^removed: \d+T\d+Z, \d+T\d+Z$/m })
  t.equal((await backupsIn(places)).length, 1)
  const left = await readdir(places.wal)
  t.ok(before.some((name) => !left.includes(name)))
  const [kept] = await backupsIn(places)
  t.ok(left.includes(`${kept?.record.wal[0]?.name}.gz`), 'what the kept one begins with stays')

  await cp(join(places.base, 'x'), places.base, { recursive: true }).catch(() => {})
  await writeFile(join(places.base, '.unfinished-of-a-killed-one'), '')
  await postgres.stop()
  t.match(await run(backup), { code: 1, err: /^no backup was made: / })
  t.equal((await backupsIn(places)).length, 1)
  await rm(places.wal, { recursive: true })
})
