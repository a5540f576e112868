// The outbox and who sends it, on a real Postgres: each mail once while all is well, again when the mail
// server was away, never for ever, and by several workers side by side.

import t, { type Test } from 'tap'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import type { Mail } from '../../lib/domain/mail.ts'
import { MailRefused, type Mailer } from '../../lib/mail/mailer.ts'
import { queuedMax, type QueuedMail } from '../../lib/mail/outbox.ts'
import { createPostgresMailOutbox } from '../../lib/mail/postgres.ts'
import { databasesAt } from '../../testing/databases.ts'
import { eventually } from '../../testing/eventually.ts'
import { testDatabase } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { createMailCounts, createMailSending } from './send-mails.ts'

const setUp = async (t: Test) => {
  const url = await testDatabase(t)
  const sql = connectPostgres({ url, poolSize: 1 })
  const pool = databasesAt(url).pool('todos', { timeoutMs: 30_000 })
  t.teardown(async () => {
    await pool.close()
    await sql.end()
  })
  const outbox = createPostgresMailOutbox(pool)
  const sent: string[] = []
  let failure: Error | undefined
  const mailer: Mailer = {
    send(to) {
      if (failure) return Promise.reject(failure)
      sent.push(to)
      return Promise.resolve()
    },
  }
  const counts = createMailCounts()
  const mail: Mail = { subject: 's', text: 't' }
  const compose = ({ subject: to }: QueuedMail) =>
    Promise.resolve(to.startsWith('nobody') ? undefined : { to, mail })
  const begin = () => {
    const sending = createMailSending({ outbox, mailer, compose, counts, log: silentLog })
    sending.start()
    t.teardown(sending.stop)
  }
  const counted = (name: keyof typeof counts, count: number) =>
    eventually(
      () => Promise.resolve(counts[name]),
      (now) => now === count,
    )
  const rows = async () => (await sql`SELECT FROM mail_outbox`).count
  return {
    sql,
    outbox,
    sent,
    counts,
    begin,
    counted,
    rows,
    fail: (error: Error | undefined) => (failure = error),
  }
}

void t.test('each is sent once, by whichever worker', async (t) => {
  const { outbox, sent, begin, counted, counts, rows } = await setUp(t)
  const addresses = Array.from({ length: 30 }, (_, i) => `${i}@b`)
  for (const address of addresses) await outbox.add('verify-email', address)
  await outbox.add('verify-email', '0@b')
  await outbox.add('reset-password', 'nobody@b')
  for (let worker = 0; worker < 3; worker++) begin()
  await counted('sent', 30)
  await counted('nobody', 1)
  t.same(sent.sort(), addresses.sort(), 'asked for twice, it is one mail')
  t.equal(await rows(), 0)
  t.match(counts, { failed: 0, refused: 0, dropped: 0 })
})

void t.test('what fails is tried again, and not for ever', async (t) => {
  const { sql, outbox, sent, begin, counted, rows, fail } = await setUp(t)
  fail(new Error('away'))
  await outbox.add('verify-email', 'ann@b')
  begin()
  await counted('failed', 1)
  const [row] = await sql`
    SELECT attempts, next_try_at > now() + interval '5 s' AS is_later FROM mail_outbox`
  t.match(row, { attempts: 1, is_later: true })
  fail(undefined)
  await sql`UPDATE mail_outbox SET next_try_at = now()`
  await counted('sent', 1)
  t.same(sent, ['ann@b'])

  fail(new MailRefused('no such mailbox'))
  await outbox.add('verify-email', 'bob@b')
  await counted('refused', 1)
  t.equal(await rows(), 0, 'nothing would help')

  fail(new Error('away'))
  await outbox.add('verify-email', 'carl@b')
  await counted('failed', 2)
  await sql`UPDATE mail_outbox SET next_try_at = now(), created_at = now() - interval '61 min'`
  await counted('dropped', 1)
  t.equal(await rows(), 0)
})

void t.test('asked for again while it is being sent, it is another mail', async (t) => {
  const { outbox, sent, begin, counted } = await setUp(t)
  await outbox.add('verify-email', 'ann@b')
  const first = await outbox.claim()
  await outbox.add('verify-email', 'ann@b')
  await outbox.remove(first?.id ?? '')
  begin()
  await counted('sent', 1)
  t.same(sent, ['ann@b'])
})

void t.test('no more than so many wait', async (t) => {
  const { sql, outbox, rows } = await setUp(t)
  await sql`
    INSERT INTO mail_outbox (kind, address)
    SELECT 'verify-email', i || '@b' FROM generate_series(1, ${queuedMax - 1}) AS i`
  t.equal(await outbox.add('verify-email', 'ann@b'), 'queued')
  t.equal(await outbox.add('verify-email', 'bob@b'), 'full')
  t.equal(await rows(), queuedMax)
})
