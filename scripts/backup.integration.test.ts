// A backup is whole or is not there, and with the archived WAL it leads back to a moment. What a database
// must not say after it went back in time, it does not say.

import { appendFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { connectPostgres } from '../lib/drivers/postgres/client.ts'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { readWalArchive } from '../lib/drivers/postgres/wal-archive.ts'
import { readConfig } from '../lib/runtime/config/config.ts'
import { eventually } from '../testing/eventually.ts'
import { testDirectory } from '../testing/services.ts'
import { backup } from './backup.ts'
import { backupsIn, placesIn } from './backup/places.ts'
import { findingLine } from './doctor/finding.ts'
import { checkPostgres } from './doctor/postgres.ts'
import { migrationsDirectory } from './paths.ts'
import { restore } from './restore.ts'
import { startPostgres } from './stack/postgres.ts'

type Run = { readonly code: number; readonly out: string; readonly err: string }

t.test('a database goes back to before an accident, and knows that it did', async (t) => {
  const directory = await testDirectory(t)
  const backups = join(directory, 'backups')
  const places = placesIn(backups)
  const postgres = await startPostgres({
    directory: join(directory, 'lost'),
    durable: false,
    archiveDirectory: places.wal,
  })
  t.teardown(() => postgres.stop())
  const { url } = postgres
  await migrate(url, migrationsDirectory)
  const sql = connectPostgres({ url, poolSize: 1 })
  t.teardown(() => sql.end({ timeout: 1 }))
  const config = readConfig(
    { DATABASE_URL: url, BACKUP_DIR: backups, COMMAND_LOG: 'postgres' },
    'script',
  )
  const run = (command: typeof backup, ...args: string[]) => runWith(config, command, ...args)
  const runWith = async (
    settings: typeof config,
    command: typeof backup,
    ...args: string[]
  ): Promise<Run> => {
    const lines = { out: '', err: '' }
    const code = await command(args, () => settings, {
      out: (line) => (lines.out += `${line}\n`),
      err: (line) => (lines.err += `${line}\n`),
    })
    return { code, ...lines }
  }
  const namesOf = async () => (await backupsIn(places)).map(({ record }) => record.name)
  const add = (id: string) => sql`
    INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
    VALUES (${id}, ${id}, '', false, 'ann', now(), now(), 1)`

  await t.test('a backup is verified, and its WAL is archived', async (t) => {
    await add('before')
    t.match(await run(backup), { code: 0, err: '' })
    const [one] = await backupsIn(places)
    t.match(one?.record, { method: 'copy', migration: /^\d{3}-.*\.sql$/, timeline: 1 })
    const archived = await readdir(places.wal)
    t.ok(archived.includes(`${one?.record.wal[0]?.name}.gz`))
  })

  await t.test('an archive that fails is seen, and the oldest backup goes', async (t) => {
    const [oldest] = await namesOf()
    const segment = (await backupsIn(places))[0]?.record.wal[0]?.name
    const aside = `${places.wal}-aside`
    await rename(places.wal, aside)
    await writeFile(places.wal, 'no directory')
    await mkdir(join(places.base, '.unfinished-of-a-killed-one'))
    await sql`SELECT pg_switch_wal()`
    const failing = async () => (await readWalArchive(sql))?.failing
    await eventually(failing, (one) => one !== undefined)
    const lines = (await checkPostgres(config, {})).map(findingLine)
    t.match(
      lines.filter((line) => line.startsWith('fault')),
      [/^fault +postgres +its WAL is not archived: [0-9A-F]{24} failed at /],
    )
    t.match(await run(backup, '--keep', '1'), {
      code: 1,
      err: /^the backup is whole, and nothing later can be restored: /,
    })
    const both = await namesOf()
    t.equal(both[0], oldest, 'nothing older went')
    t.same(await readdir(places.base), both, 'but what was interrupted')
    await rm(places.wal)
    await rename(aside, places.wal)
    t.match(await run(backup, '--keep', '1'), {
      code: 0,
      out: new RegExp(`^removed: ${both.join(', ')}\nremoved: \\d+ files of older WAL$`, 'm'),
    })
    t.notOk((await readdir(places.wal)).includes(`${segment}.gz`))
  })

  await t.test('a shard is backed up and restored alone, and waits to join', async (t) => {
    // Of this Postgres, the shard b; that of DATABASE_URL does not answer.
    const sharded = readConfig(
      {
        DATABASE_URL: 'postgres://todos:secret@127.0.0.1:1/todos',
        DATABASE_SHARDS: `b=${url}`,
        BACKUP_DIR: backups,
      },
      'script',
    )
    await sql`INSERT INTO shard_identity (installation, name) VALUES (gen_random_uuid(), 'b')`
    t.match(await runWith(sharded, backup), {
      code: 1,
      out: /^b: backup .*\/shards\/b\/base\//,
      err: /^DATABASE_URL: no backup was made: /,
    })
    t.match(await run(backup), { code: 1, err: /DATABASE_URL leads to the shard b: set its URL/ })
    t.match(await runWith(sharded, backup, '--only', 'c'), { code: 2, err: /none of .*, b/ })
    t.match(await runWith(sharded, backup, '--list'), { code: 0, out: /^b: \/.*\/shards\/b\//m })
    const into = join(directory, 'restored-shard', 'data')
    const args = ['--to', 'latest', '--into', into]
    t.match(await runWith(sharded, restore, ...args), { code: 2, err: /give --only .* b/ })
    t.match(await runWith(sharded, restore, '--only', 'b', ...args), {
      code: 0,
      out: /^next: start Postgres there, then npm run restore -- --join/m,
    })
    await sql`DELETE FROM shard_identity`
  })

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
  const backupsLeft = await readdir(places.base)
  t.match(await run(backup), { code: 1, err: /^no backup was made: / })
  t.same(await readdir(places.base), backupsLeft, 'one that fails leaves nothing')

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
