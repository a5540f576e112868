// The audit log: what is written with a change stays as it is, is read a page at a time, and goes by age.

import t from 'tap'
import type { NewAuditEntry } from '../domain/audit.ts'
import { databasesAt } from '../../testing/databases.ts'
import { testDatabase } from '../../testing/services.ts'
import { appendAudit, createPostgresAuditLog } from './postgres.ts'

const entryAbout = (id: string, more: Partial<NewAuditEntry> = {}): NewAuditEntry => ({
  actorId: 'ann',
  action: 'team.renamed',
  subject: { kind: 'team', id },
  requestId: 'r1',
  ...more,
})

void t.test('the audit log', async (t) => {
  const databases = databasesAt(await testDatabase(t))
  t.teardown(() => databases.close())
  const pool = databases.pool('todos', { timeoutMs: 30_000 })
  const audit = createPostgresAuditLog(pool)
  const append = (entry: NewAuditEntry) => pool.transaction((sql) => appendAudit(sql, entry))

  await t.test('an entry comes back as it was written, with its time', async (t) => {
    const details = { userId: 'bob"\\', role: 'admin', count: 2, isLast: true }
    const entry = entryAbout('t1', { action: 'member.promoted', details })
    await append(entry)
    const { entries, hasMore } = await audit.read({ count: 10 })
    t.match(entries, [{ ...entry, at: Date }])
    t.notOk(hasMore)
  })

  await t.test('a transaction that fails leaves none', async (t) => {
    const failing = pool.transaction(async (sql) => {
      await appendAudit(sql, entryAbout('t1'))
      throw new Error('the change failed')
    })
    await t.rejects(failing, { message: 'the change failed' })
    t.equal((await audit.read({ count: 10 })).entries.length, 1)
  })

  await t.test('pages of one subject, the newest first, each entry once', async (t) => {
    for (let i = 0; i < 7; i++) {
      await append(entryAbout('t2', { requestId: `r${i}` }))
      await append(entryAbout('other'))
    }
    const found: string[] = []
    let before: string | undefined
    for (;;) {
      const subject = { kind: 'team', id: 't2' } as const
      const { entries, hasMore } = await audit.read({ subject, before, count: 3 })
      found.push(...entries.map(({ requestId }) => requestId))
      before = entries.at(-1)?.id
      if (!hasMore) break
      t.equal(entries.length, 3)
    }
    t.same(found, ['r6', 'r5', 'r4', 'r3', 'r2', 'r1', 'r0'])
  })

  await t.test('no entry is changed or deleted, but for the old ones by a prune', async (t) => {
    for (const statement of [
      "UPDATE audit_log SET actor_id = 'bob'",
      'DELETE FROM audit_log',
      'TRUNCATE audit_log',
    ]) {
      const refused = pool.run((sql) => sql.unsafe(statement))
      await t.rejects(refused, { message: /append-only/ }, statement)
    }
    const count = async () => (await audit.read({ count: 100 })).entries.length
    const before = await count()
    t.equal(await audit.prune(1), 0, 'all are of today')
    t.equal(await count(), before)
    await pool.run(
      (sql) => sql`
        INSERT INTO audit_log
          (at, actor_id, action, subject_kind, subject_id, details, request_id)
        SELECT now() - interval '3 days', 'ann', 'team.renamed', 'team', 't3', '{}', 'r'
        FROM generate_series(1, 10001)`,
    )
    t.equal(await audit.prune(2), 10_001, 'in several transactions')
    t.equal(await count(), before)
    const afterwards = pool.run((sql) => sql`DELETE FROM audit_log`)
    await t.rejects(afterwards, { message: /append-only/ }, 'a prune opens the log for nobody else')
  })

  await t.test('details are bounded', async (t) => {
    const details = { long: 'x'.repeat(1_000) }
    await t.rejects(append(entryAbout('t1', { details })), { code: '23514' })
  })
})
