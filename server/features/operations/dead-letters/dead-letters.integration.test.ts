// Dead letters, as a system admin decides about them: pages that hold each once, records that can not mislead, and
// what becomes of a letter. What a replay does beyond the log is tested with the operator's command.

import t from 'tap'
import { appendAudit, createPostgresAuditLog } from '../../../../lib/audit/postgres.ts'
import { openDeadLetters } from '../../../../lib/todo-store/dead-letters.ts'
import { createLetterChanges } from '../../../../lib/todo-store/letter-changes.ts'
import { createPostgresStore } from '../../../../lib/todo-store/postgres.ts'
import { loggedIn, startAuthServer } from '../../../../testing/auth-client.ts'
import { databasesAt } from '../../../../testing/databases.ts'
import { startWorker } from '../../../../scripts/stack/processes.ts'
import { eventually } from '../../../../testing/eventually.ts'

const path = '/api/admin/dead-letters'

void t.test('dead letters', async (t) => {
  const { client, env, sql } = await startAuthServer(t)
  const log = env['KAFKA_TODO_TOPIC'] ?? ''
  const { accessToken } = await loggedIn(client, 'root@b')
  const rootId = (await client.get('/api/profile', `Bearer ${accessToken}`)).member('id')
  await sql`UPDATE users SET role = 'system-admin'`
  const databases = databasesAt(env['DATABASE_URL'] ?? '')
  t.teardown(() => databases.close())
  const pool = databases.pool('todos', { timeoutMs: 30_000 })
  const audit = createPostgresAuditLog(pool)
  let offset = 1_000_000
  const insert = async (record: Buffer | null, over = log) => {
    const [row] = await sql<{ id: string }[]>`
      INSERT INTO dead_letters (log, partition, record_offset, reason, record)
      VALUES (${over}, 0, ${offset++}, 'staged', ${record}) RETURNING id`
    return Number(row?.id)
  }
  const send = (method: string, target: string) => client.send(method, target, accessToken)
  const newestEntry = async () => (await audit.read({ count: 1 })).entries[0]
  const read = async (target: string) => {
    const answer = await send('GET', target)
    t.equal(answer.status, 200, answer.text)
    const { letters } = JSON.parse(answer.text) as { letters: readonly { id: number }[] }
    const next = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
    return { ids: letters.map(({ id }) => id), next }
  }

  await t.test('come in pages, the newest first, each once', async (t) => {
    const made: number[] = []
    for (let i = 0; i < 5; i++) made.push(await insert(Buffer.from('x')))
    await insert(Buffer.from('x'), 'another log')
    const found: number[] = []
    for (let next: string | undefined = `${path}?limit=2`; next;) {
      const page = await read(next)
      found.push(...page.ids)
      next = page.next
      if (found.length === 2) await insert(Buffer.from('one that comes meanwhile'))
    }
    t.same(found, made.toReversed())
  })

  await t.test('show their records, and no control characters', async (t) => {
    const record = async (bytes: Buffer | null) => {
      const { text } = await send('GET', `${path}/${await insert(bytes)}`)
      return JSON.parse(text) as { record: string; bytes: number | null; is_cut: boolean }
    }
    const shown = await record(Buffer.from('a\u202eb\u0007'))
    t.equal(shown.record, 'a\\u202eb\\u0007')
    t.match(await record(Buffer.from([0xff, 0x00])), { record: 'hex ff00', bytes: 2 })
    t.match(await record(null), { bytes: null, is_cut: false })
    const long = await record(Buffer.from('ä'.repeat(10_000)))
    t.match(long, { bytes: 20_000, is_cut: true })
    t.equal(long.record, 'ä'.repeat(8_192))
  })

  await t.test('are discarded once, which is written down', async (t) => {
    const id = await insert(Buffer.from('x'))
    t.equal((await send('DELETE', `${path}/${id}`)).status, 204)
    const subject = { kind: 'letter', id: String(id) }
    t.match(await newestEntry(), { action: 'letter.discarded', actorId: rootId, subject })
    t.equal((await send('DELETE', `${path}/${id}`)).status, 404)
    const foreign = await insert(Buffer.from('x'), 'another log')
    t.equal((await send('DELETE', `${path}/${foreign}`)).status, 404)
  })

  await t.test('stay where they are no command', async (t) => {
    const id = await insert(Buffer.from('{"schema":99}'))
    t.equal((await send('POST', `${path}/${id}/replay`)).status, 409)
    t.equal((await send('GET', `${path}/${id}`)).status, 200)
  })

  await t.test('are replayed, apply once, and are gone', async (t) => {
    const command = {
      schema: 1,
      kind: 'create',
      commandId: 'replayed',
      todoId: 'of-a-letter',
      userId: 'ann',
      atMs: 1_000,
      title: 'From a letter',
      description: '',
    }
    const ids = [
      await insert(Buffer.from(JSON.stringify(command))),
      await insert(Buffer.from(JSON.stringify(command))),
    ]
    for (const id of ids) {
      t.equal((await send('POST', `${path}/${id}/replay`)).status, 204)
      t.equal((await send('GET', `${path}/${id}`)).status, 404)
      const subject = { kind: 'letter', id: String(id) }
      t.match(await newestEntry(), { action: 'letter.replayed', actorId: rootId, subject })
    }
    const worker = await startWorker(env)
    t.teardown(() => worker.stop())
    const store = createPostgresStore(pool)
    const applied = async () => {
      const [ends] = await sql<{ all: number }[]>`
        SELECT sum(next_offset)::int AS all FROM command_log_partitions WHERE log = ${log}`
      const offsets = [...(await store.nextOffsets(log)).values()]
      return (ends?.all ?? 0) - offsets.reduce((sum, one) => sum + one, 0)
    }
    await eventually(applied, (lag) => lag === 0)
    t.match([...(await sql`SELECT title FROM todos`)], [{ title: 'From a letter' }])
  })

  await t.test('replayed by several, or discarded meanwhile: each is written down', async (t) => {
    const id = await insert(
      Buffer.from(
        JSON.stringify({
          schema: 1,
          kind: 'delete',
          commandId: 'c',
          todoId: 't',
          userId: 'u',
          atMs: 1,
        }),
      ),
    )
    const by = (actorId: string) => ({ actorId, requestId: 'r' })
    const letters = openDeadLetters(pool, log)
    const acknowledged = { kind: 'acknowledged' } as const
    const others = createLetterChanges(
      letters,
      () => Promise.resolve(acknowledged),
      pool,
      appendAudit,
    )
    const publish = async () => {
      t.match(await others.replay(id, by('ann')), { kind: 'replayed' })
      t.equal(await others.discard(id, by('bob')), false)
      return acknowledged
    }
    const changes = createLetterChanges(letters, publish, pool, appendAudit)
    t.match(await changes.replay(id, by('cid')), { kind: 'replayed' })
    const { entries } = await audit.read({ count: 2 })
    const subject = { kind: 'letter', id: String(id) }
    t.match(entries, [
      { action: 'letter.replayed', actorId: 'cid', subject },
      { action: 'letter.replayed', actorId: 'ann', subject },
    ])
  })

  await t.test('are for system admins', async (t) => {
    const { accessToken: other } = await loggedIn(client, 'bob@b')
    const id = await insert(Buffer.from('x'))
    for (const [method, target] of [
      ['GET', path],
      ['GET', `${path}/${id}`],
      ['POST', `${path}/${id}/replay`],
      ['DELETE', `${path}/${id}`],
    ] as const)
      t.equal((await client.send(method, target, other)).status, 403, `${method} ${target}`)
  })
})
